"""The team's own language model: any OpenAI-compatible service, or a webhook."""
