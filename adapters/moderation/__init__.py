"""Moderators: the words that a channel blocks, and a team's own service."""
