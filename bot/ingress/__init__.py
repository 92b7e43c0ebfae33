"""The one way in: from a platform to a committed row, or to one sentence that says why not."""
