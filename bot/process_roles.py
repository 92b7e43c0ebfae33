"""What a process does of the service's work: all of it, or the roles that it was given."""

from collections.abc import Iterable
from enum import StrEnum


class ProcessRole(StrEnum):
    """`WEB` serves what people and programs reach over HTTP, `GATEWAY` holds the connections over which chat platforms deliver, `WORKER`
    runs sessions and what is done by the clock. Each takes what comes in, answers questions, and writes to the platforms.
    """

    WEB = "web"
    GATEWAY = "gateway"
    WORKER = "worker"


ALL_ROLES = frozenset(ProcessRole)


def roles_named(names: Iterable[str]) -> frozenset[ProcessRole]:
    """Those that are meant. Raises `ValueError` with what is wrong with a name."""
    return frozenset(_named(name.strip().lower()) for name in names)


def _named(name: str) -> ProcessRole:
    try:
        return ProcessRole(name)
    except ValueError:
        raise ValueError(f"knows no role “{name}”: there are web, gateway and worker") from None
