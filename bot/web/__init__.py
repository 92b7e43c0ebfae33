"""The service over HTTP: health, metrics, the viewer's pages, and what adapters mount."""
