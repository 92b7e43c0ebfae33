"""The simulated cast, drawn: who they are, how they are posed, and the rooms they sit in."""
