"""The composition root: what is put together for each command. Only this package names adapters."""
