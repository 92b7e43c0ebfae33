"""AKOOL's endpoints and the simulator's own."""
