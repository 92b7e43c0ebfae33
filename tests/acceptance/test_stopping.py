"""How the service ends: in time, with AKOOL closed and everybody told; or handed over; and that there is only one."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.playground.protocol import Message
from adapters.simulator.faults import Fault
from bot.app.signals import FAILED, LATE
from bot.domain.sessions import SessionStatus
from bot.runtime.closing import GOODBYE
from tests.acceptance.evidence import gathered
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import ROOT, Deployment, Simulation, simulation, told_to_stop
from tests.patience import HANG_S, until

LONG = "Repeat after me: " + "all work and no play makes for a very long sentence, and so on, " * 20
"""Nobody waits for its end."""


@asynccontextmanager
async def talking(services: Deployment) -> AsyncIterator[tuple[Member, Message]]:
    """Ann with a live avatar, and its card."""
    await services.answers()
    async with Member(services, await ticket(services), "Ann").present() as ann:
        await ann.command("lobby", "", "/avatar start")
        yield ann, await ann.sees_card("lobby", SessionStatus.LIVE)


async def test_sigterm_while_speaking_closes_avatars_and_tells_authors(tmp_path: Path) -> None:
    with simulation(pace=15, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        with services.service() as service:
            async with talking(services) as (ann, card):
                await ann.write("lobby", card.id, LONG)
                await ann.write("lobby", card.id, "And this waits behind it.")
                await ann.sees_growing(1)
                code = await asyncio.to_thread(told_to_stop, service)
        evidence = gathered(services, simulated, [ann])
        assert (code, simulated.open) == (0, [])
        assert [*evidence.without_outcome(), *evidence.untold(), *evidence.doubled(), *evidence.left_open()] == []
        assert {row.sentence for row in evidence.rows if row.verb == "say"} == {"", GOODBYE}


async def test_sigterm_while_akool_hangs_ends_in_time(tmp_path: Path) -> None:
    with simulation(pace=300, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        with services.service() as first:
            async with talking(services):
                simulated.fail("session/close", *[Fault(hang=60.0)] * 10)
                assert await asyncio.to_thread(told_to_stop, first) == 0, services.log
        assert len(simulated.open) == 1
        simulated.heal()
        with services.service():
            await services.answers()
            await until(lambda: not simulated.open)
        assert "Traceback" not in services.log


async def test_a_hand_over_leaves_the_avatar_where_it_is(tmp_path: Path) -> None:
    with simulation(pace=300, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        async with contextlib.AsyncExitStack() as stack:
            first = stack.enter_context(services.service("--handover"))
            ann, card = await stack.enter_async_context(talking(services))
            await ann.write("lobby", card.id, "Repeat after me: before the change.")
            await ann.sees_line("lobby", "before the change.")
            assert await asyncio.to_thread(told_to_stop, first) == 0
            left_open = simulated.open
            second = stack.enter_context(services.service())
            await ann.write("lobby", card.id, "Repeat after me: after the change.")
            await ann.sees_line("lobby", "after the change.")
            assert _created(simulated) == left_open
            assert await asyncio.to_thread(told_to_stop, second) == 0
        assert simulated.open == []


def _created(simulated: Simulation) -> list[str]:
    return [session.id for session in simulated.state().sessions]


HANGING = """
import asyncio, time
from bot.app import signals
async def main():
    async with signals.stop_signals(within=0.3) as stopping:
        print("up", flush=True)
        await stopping.wait()
        time.sleep(60)
asyncio.run(main())
"""


def test_a_process_whose_loop_hangs_still_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=HANG_S)
    assert (process.returncode, told) == (FAILED, f"avatarbot: {LATE}\n")


async def test_a_second_process_on_the_same_database_refuses(tmp_path: Path) -> None:
    services = Deployment(tmp_path, "http://127.0.0.1:9")
    with services.service():
        await services.answers()
        refused = await asyncio.to_thread(services.avatarbot, "run", "--playground")
        assert refused.returncode == 2
        assert refused.stderr == (
            f"avatarbot: Another avatarbot runs on {services.database}; "
            "stop it first, or set DATABASE_URL to another file.\n"
        )
