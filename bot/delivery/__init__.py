"""How fast a platform is written to."""
