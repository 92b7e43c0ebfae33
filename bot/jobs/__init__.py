"""What the service does by itself now and then, each thing in one process only."""
