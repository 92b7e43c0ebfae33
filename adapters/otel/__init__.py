"""Traces for an OpenTelemetry collector. Needs the extra `otel`."""
