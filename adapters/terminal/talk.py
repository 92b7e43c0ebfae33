"""A talk in the terminal: start, say, listen, stop."""

import asyncio
import itertools

import click

from adapters.terminal.platform import PLACE, YOU, TerminalPlatform
from bot.model import Accepted, Command, Inbound, MessageRef, Said, SessionStatus
from bot.ports.chat import Reception

LIVE_WITHIN = 40.0
ANSWER_WITHIN = 120.0
"""Seconds; the avatar may have much to say."""


async def talk(terminal: TerminalPlatform, reception: Reception, says: tuple[str, ...]) -> int:
    """Say one thing after the other, each when the last is answered. The exit code: 0 when all was answered."""
    stamps = itertools.count(1)
    click.echo(click.style("\nAvatarbot demo: AKOOL and the room are simulated, everything else is real.\n", dim=True))
    if not await _did(reception, Command("start"), next(stamps)) or not await _until(terminal, SessionStatus.LIVE):
        return 1
    for text in says:
        if not await _exchange(terminal, reception, text, next(stamps)):
            return 1
    await _did(reception, Command("stop"), next(stamps))
    await _until(terminal, SessionStatus.ENDED)
    terminal.say("", click.style("Stopped, and closed at AKOOL.", dim=True))
    return 0


async def _exchange(terminal: TerminalPlatform, reception: Reception, text: str, stamp: int) -> bool:
    terminal.say(YOU.name, text)
    said = Said(text, MessageRef(PLACE, f"you-{stamp}"))
    if not await _did(reception, said, stamp):
        return False
    answered = asyncio.create_task(terminal.finals.get())
    refused = asyncio.create_task(terminal.told.get())
    done, waiting = await asyncio.wait((answered, refused), timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if refused in done:
        click.echo(refused.result(), err=True)
    return answered in done


async def _did(reception: Reception, body: Command | Said, stamp: int) -> bool:
    outcome = await reception.accept(Inbound(f"terminal-{stamp}", stamp, PLACE, YOU, body))
    if isinstance(outcome, Accepted):
        return True
    click.echo(getattr(outcome, "sentence", "That was not taken."), err=True)
    return False


async def _until(terminal: TerminalPlatform, status: SessionStatus) -> bool:
    """Wait for a state of the session; what ends it earlier is said."""
    async with asyncio.timeout(LIVE_WITHIN):
        while True:
            card = await terminal.cards.get()
            if card.status is status:
                return True
            if card.status is SessionStatus.ENDED:
                click.echo(card.note, err=True)
                return False
