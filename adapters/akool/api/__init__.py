"""AKOOL over HTTP: `AkoolApi`, and the two ways to sign its calls."""

from adapters.akool.api.authentication import ApiKey, ClientToken
from adapters.akool.api.client import AkoolApi

__all__ = ["AkoolApi", "ApiKey", "ClientToken"]
