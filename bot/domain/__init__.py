"""Frozen values in the words of the glossary. Nothing here does I/O or knows a platform, a vendor or a table."""
