"""Questions, answered: what changes no session. A file a subject; a function a verb."""
