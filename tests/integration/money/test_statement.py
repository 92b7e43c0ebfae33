"""What the operator reads of the books, beside the provider's credit."""

import asyncio
import json
from datetime import date, timedelta

from click.testing import CliRunner

from bot.app.ledger import Statement, encoded, shown, stated
from bot.cli.operations import ledger
from bot.domain.conversations import Command, Inbound, ReplyTo
from bot.domain.errors import ProviderError, Verdict
from bot.domain.ledger import LedgerLine
from bot.domain.sessions import SessionSpec
from bot.testing.chat import ANN, CHANNEL
from tests.memory_fixture import MemoryWorld, in_memory

PER_MINUTE = 6.0


async def statement(world: MemoryWorld, per_minute: float | None = PER_MINUTE) -> Statement:
    since = world.clock.now() - timedelta(days=1)
    return await stated(world.service.services.storage, world.provider, since, per_minute)


async def talked(world: MemoryWorld, seconds: int) -> None:
    """After the first look at the credit."""
    await statement(world)
    await world.room.command("start", minutes="10")
    await world.live()
    await asyncio.sleep(seconds)
    assert await world.told("stop") == "Stopped."
    await world.ended()


@in_memory()
async def test_nothing_is_shown_where_nothing_was_paid(world: MemoryWorld) -> None:
    said = shown(await statement(world))
    assert said[0] == "Nothing was booked in that time."
    assert said[-1] == "Difference: none."


@in_memory()
async def test_the_books_and_the_credit_agree(world: MemoryWorld) -> None:
    await talked(world, 119)
    heads, day, total, *_ = shown(await statement(world))[0].splitlines()
    assert heads.split() == [
        "DAY",
        "(UTC)",
        "PLATFORM",
        "WORKSPACE",
        "ACCOUNT",
        "BOUGHT",
        "USED",
        "REFUNDED",
        "LEAKED",
        "UNKNOWN",
    ]
    assert day.split()[:4] == ["2026-01-01", "fake", "W1", "yours"]
    assert day.split()[4] == total.split()[1] == "10:00"
    assert day.split()[-2:] == ["0:00", "0:00"]
    assert shown(await statement(world))[-1] == "Difference: none."


@in_memory()
async def test_what_somebody_else_spends_is_the_difference(world: MemoryWorld) -> None:
    await talked(world, 60)
    await world.provider.create(SessionSpec("alma-1"), 600, "elsewhere")
    said = shown(await statement(world))
    assert said[-1] == "Difference: 60.0 credits spent that the books do not have."
    world.provider.left += 1_000
    assert "or bought meanwhile" in shown(await statement(world))[-1]


@in_memory()
async def test_without_a_price_the_price_is_told(world: MemoryWorld) -> None:
    await talked(world, 60)
    assert shown(await statement(world, None))[-1].startswith("That is 6.00 credits a minute. Set AVATARBOT_CREDITS")


@in_memory()
async def test_without_a_credit_the_books_are_shown(world: MemoryWorld) -> None:
    await talked(world, 60)
    world.provider.faults["credit"] = [ProviderError("It is down.", verdict=Verdict.RETRY_LATER)]
    found = await statement(world)
    assert found.lines
    assert shown(found)[-1].endswith("nothing can be compared: It is down.")


@in_memory()
async def test_programs_read_seconds_and_credits(world: MemoryWorld) -> None:
    await talked(world, 60)
    read = json.loads(encoded(await statement(world)))
    (line,) = read["lines"]
    assert line["bought_s"] == line["used_s"] + line["refunded_s"] + line["leaked_s"] == 600
    assert (line["platform"], line["own_key"]) == ("fake", False)
    assert read["credit"]["paid_s"] == line["bought_s"] - line["refunded_s"]
    assert abs(read["credit"]["difference"]) < 0.05


def test_an_own_key_has_a_line_without_the_key() -> None:
    line = LedgerLine(date(2026, 1, 1), "slack", "W1\x1b[2J", "0198-key", bought=timedelta(minutes=1))
    table = shown(Statement([line], "AKOOL", None, "Nothing can be compared."))[0]
    assert "own key" in table
    assert "0198-key" not in table
    assert "\x1b" not in table


@in_memory()
async def test_people_read_the_same_figures(world: MemoryWorld) -> None:
    await talked(world, 119)
    line = (await statement(world)).lines[0]
    inbound = Inbound("q", 1_000, CHANNEL, ANN, Command("usage"), ReplyTo(CHANNEL, ANN))
    said = (await world.service.core.answer(inbound)).text
    assert (
        f"Bought in advance: 10 min, of which {line.refunded / timedelta(minutes=1):.1f} min were given back." in said
    )


def test_a_day_that_has_not_begun_is_refused() -> None:
    told = CliRunner().invoke(ledger, ["--since", "2999-01-01"])
    assert (told.exit_code, "This day has not begun yet (UTC)." in told.output) == (2, True)
