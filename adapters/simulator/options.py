"""How the simulator behaves where AKOOL's real behaviour is a number that nobody documents."""

import math
from dataclasses import dataclass, field

from adapters.simulator.messages import ChatShape

STANDS_IN_FOR = "akool"
"""The provider that it imitates."""


@dataclass(frozen=True, slots=True)
class Options:
    """Times are seconds. The defaults feel like AKOOL; `instantly` is for tests that do not look at the clock."""

    api_key: str = "simulator"
    """Accepted in `x-api-key`. As at AKOOL it is the same value as the old `clientSecret`."""
    client_id: str = "simulator-client"
    credit: float = 6000.0
    credits_per_minute: float = 6.0
    """What an app owner quotes from the pricing page: 6,000 credits for 1,000 minutes."""
    concurrency: int = 5
    """Sessions at once; the next `create` is answered 1215."""
    default_duration: float = 3600.0
    """Of a `create` without one. AKOOL documents none, so the dearest is assumed."""
    token_life: float = 300.0
    """How long a connection's token lets somebody join: "currently valid for 5 minutes" in AKOOL's documentation of 2025."""
    join_delay: float = 0.4
    """From `create` to the avatar in its room."""
    thinking: float = 0.3
    """From the last part of a question to the first word of the answer."""
    pace: float = 15.0
    """Characters spoken in a second at speed 1.0; `math.inf` speaks at once."""
    upload_time: float = 6.0
    """From `avatar/create` to status 3: a third of it queueing, the rest processing."""
    shape: ChatShape = field(default_factory=ChatShape)
    """How the avatar's answers come in parts."""
    seed: int = 0
    """Of the dice that lose, repeat and reorder packets."""

    @classmethod
    def instantly(cls, *, seed: int = 0) -> "Options":
        """Nobody has to wait for anything."""
        return cls(join_delay=0.0, thinking=0.0, pace=math.inf, upload_time=0.0, seed=seed)
