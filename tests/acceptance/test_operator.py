"""What an operator does from the command line while the service runs."""

import asyncio
from pathlib import Path

from bot.model import SessionStatus
from tests.acceptance.processes import House, simulation, told_to_stop
from tests.acceptance.test_stopping import talking


async def test_sessions_are_listed_stopped_read_and_forgotten_beside_the_service(tmp_path: Path) -> None:
    with simulation(pace=300, join_delay=0.1) as simulated:
        house = House(tmp_path, simulated.url)
        with house.service() as service:
            async with talking(house) as (ann, card):
                await ann.write("lobby", card.id, "Repeat after me: to be remembered.")
                await ann.sees_line("lobby", "to be remembered.")
                assert card.card
                session = card.card.session_id

                async def said(*words: str) -> str:
                    done = await asyncio.to_thread(house.avatarbot, *words)
                    return done.stdout or done.stderr

                heading, row = (await said("sessions", "list")).splitlines()
                assert heading.split()[:6] == ["SESSION", "STATUS", "PLATFORM", "WORKSPACE", "CHANNEL", "AVATAR"]
                assert row.split()[:7] == [session, "live", "playground", "playground", "lobby", "Alma", "Ann"]
                assert "stop it first" in await said("forget", session)
                assert "is told to stop" in await said("sessions", "stop", session)
                await ann.sees_card("lobby", SessionStatus.ENDED)
                assert simulated.open == []
                assert await said("sessions", "list") == "No session is running.\n"
                transcript = await said("transcript", session)
                assert "Repeat after me: to be remembered." in transcript
                assert transcript.count("to be remembered.") == 2
                assert "-->" in await said("transcript", session, "--format", "srt")
                assert await said("forget", session) == "Forgot 1 session.\n"
                assert "There is no session" in await said("transcript", session)
            assert await asyncio.to_thread(told_to_stop, service) == 0
