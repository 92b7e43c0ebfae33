"""Answers to commands that change no session: one module per subject, one function per command."""
