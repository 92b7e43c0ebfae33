"""The team's own language model."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the conversation so far. `name` is the speaker's, cleaned; None for the avatar."""

    name: str | None
    text: str


class LanguageModel(Protocol):
    def answer(self, system_prompt: str, history: Sequence[Exchange]) -> AsyncGenerator[str, None]:
        """The answer to the last exchange, piece by piece as it is written. Raises `ProviderError`; closing it cancels the request."""
        ...
