"""What the core needs from outside, and what it offers to the adapters. An adapter implements; the core only calls."""
