"""Whether Discord tells us what people write and press, in a sentence for whoever runs the bot."""

import discord

from bot.clock import Clock
from bot.ports.chat import ConnectionState

NOT_CONNECTED = (
    "Discord's gateway is not connected. Look whether this machine reaches discord.com and gateway.discord.gg."
)
ELSEWHERE = (
    "Discord sends commands and buttons to another service. Clear Interactions Endpoint URL on "
    "discord.com/developers/applications (your application, General Information)."
)


class Connectedness:
    """Of one platform. A new client brings a new set of shards; `fault` is what ended the last one for good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = ConnectionState(clock.now(), NOT_CONNECTED)
        self.fault = ""

    def state(self, client: discord.AutoShardedClient | None, connected: set[int]) -> ConnectionState:
        """As it is now, and since when; `connected` are the client's shards that have a session."""
        problem = self._problem(client, connected)
        if problem != self._state.problem:
            self._state = ConnectionState(self._clock.now(), problem)
        return self._state

    def _problem(self, client: discord.AutoShardedClient | None, connected: set[int]) -> str:
        if self.fault or client is None or not client.application_id:
            return self.fault or NOT_CONNECTED
        wanted = set(client.shard_ids or range(client.shard_count or 1))
        if missing := sorted(wanted - connected):
            listed = ", ".join(map(str, missing[:10]))
            return NOT_CONNECTED if len(missing) == len(wanted) else f"{NOT_CONNECTED} Shards without it: {listed}."
        if client.application and client.application.interactions_endpoint_url:
            return ELSEWHERE
        return ""
