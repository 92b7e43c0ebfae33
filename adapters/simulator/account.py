"""The account at the simulated AKOOL: who may call, and what is left to spend."""

import secrets

from adapters.simulator.options import Options
from adapters.simulator.refusal import AkoolRefusal, Code


class SimulatedAccount:
    def __init__(self, options: Options) -> None:
        self.credit = options.credit
        self._key = options.api_key
        self._client_id = options.client_id
        self._rate = options.credits_per_minute
        self._tokens: set[str] = set()

    def token(self, client_id: str, client_secret: str) -> str:
        """What getToken hands out: valid for longer than a simulator lives."""
        if not client_id or not client_secret:
            raise AkoolRefusal(Code.NO_AUTHORIZATION, "clientId and clientSecret must not be empty")
        if (client_id, client_secret) != (self._client_id, self._key):
            raise AkoolRefusal(Code.BAD_TOKEN, "clientId or clientSecret is not valid")
        token = f"sim-token-{secrets.token_hex(16)}"
        self._tokens.add(token)
        return token

    def admit(self, authorization: str | None, api_key: str | None) -> None:
        """Let a caller in. With both headers, `Authorization` counts and the key is not looked at."""
        if authorization:
            kind, _, token = authorization.partition(" ")
            if kind.lower() != "bearer" or token not in self._tokens:
                raise AkoolRefusal(Code.BAD_TOKEN, "invalid token")
        elif not api_key:
            raise AkoolRefusal(Code.NO_AUTHORIZATION, "authorization is empty")
        elif api_key != self._key:
            raise AkoolRefusal(Code.BAD_TOKEN, "invalid api key")

    def charge(self, seconds: float) -> float:
        """Pay in advance; answers the price."""
        price = seconds / 60 * self._rate
        if price > self.credit:
            raise AkoolRefusal(Code.NO_CREDIT, "insufficient credit balance")
        self.credit -= price
        return price

    def refund(self, amount: float) -> None:
        self.credit += amount
