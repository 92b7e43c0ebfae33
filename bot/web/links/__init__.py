"""Sessions that run elsewhere, watched here: one internal WebSocket for each, from a process with pages to the worker that runs it."""
