"""What happens in a session, its video and audio included, passed on to whoever watches in this process."""
