"""Avatars as tools of agents, by the Model Context Protocol: a thin skin on what the HTTP API does. Needs the extra `mcp`."""
