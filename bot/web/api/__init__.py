"""The HTTP API: one more way in, for programs."""
