"""The smallest chat platform, and the smallest provider of avatars."""
