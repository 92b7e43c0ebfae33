"""What happens in a session, its video and audio included, passed on to the viewers in this process."""
