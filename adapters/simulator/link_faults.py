"""The line to one connection: what it loses, repeats and reorders."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class NetworkConditions:
    """Chances between 0 and 1 for each packet; a reordered one comes `late_s` seconds after its time."""

    lose: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    late_s: float = 0.05


class LossyLink:
    """Decides what becomes of packets, the same way for the same seed."""

    def __init__(self, seed: int) -> None:
        self.conditions = NetworkConditions()
        self._dice = Random(seed)  # noqa: S311 - repeatable on purpose

    def delays(self) -> tuple[float, ...]:
        """When a packet arrives, in seconds from now, once for each of its copies: nothing when it is lost."""
        if self._dice.random() < self.conditions.lose:
            return ()
        copies = 2 if self._dice.random() < self.conditions.repeat else 1
        return tuple(self._delay() for _ in range(copies))

    def _delay(self) -> float:
        return self.conditions.late_s if self._dice.random() < self.conditions.reorder else 0.0
