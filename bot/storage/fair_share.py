"""Which of the sessions that nobody runs a worker takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.ports.storage.coordination import Load
from bot.ports.storage.transactions import WorkspaceKey


@dataclass(frozen=True, slots=True)
class FreeSession:
    """`own`: the worker that chooses runs others of its workspace."""

    id: str
    workspace: WorkspaceKey
    own: bool


def chosen(free: Sequence[FreeSession], load: Load) -> list[str]:
    """Those that it takes of what is free, in that order: all of workspaces that it runs, and of others until it has its share."""
    mine, taken = {session.workspace for session in free if session.own}, list[str]()
    for session in free:
        if session.workspace in mine or load.hosted + len(taken) < load.share:
            mine.add(session.workspace)
            taken.append(session.id)
    return taken
