"""What an operator does from the command line while the service runs."""

import asyncio
from contextlib import aclosing
from pathlib import Path

from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.remote import connect_remote
from bot.domain.sessions import SessionSpec, SessionStatus
from tests.acceptance.processes import Deployment, simulation, told_to_stop
from tests.acceptance.test_stopping import talking


async def test_sessions_are_listed_stopped_read_and_forgotten_beside_the_service(tmp_path: Path) -> None:
    with simulation(pace=300, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        services.settings["AVATARBOT_STATUS_TOKEN"] = "a-token-for-operators"
        with services.service() as service:
            async with talking(services) as (ann, card):
                await ann.write("lobby", card.id, "Repeat after me: to be remembered.")
                await ann.sees_line("lobby", "to be remembered.")
                assert card.card
                session = card.card.session_id

                async def said(*words: str) -> str:
                    done = await asyncio.to_thread(services.avatarbot, *words)
                    return done.stdout or done.stderr

                heading, row = (await said("sessions", "list")).splitlines()
                assert heading.split()[:6] == ["SESSION", "STATUS", "PLATFORM", "WORKSPACE", "CHANNEL", "AVATAR"]
                assert row.split()[:7] == [session, "live", "playground", "playground", "lobby", "Alma", "Ann"]
                screen = await said("status")
                assert "runs and is ready." in screen
                assert "1 live" in screen
                assert "From a start to live" in screen, "the service takes the token"
                assert "playground  playground  yours" in await said("ledger")
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
        over = await asyncio.to_thread(services.avatarbot, "status")
        assert (over.returncode, over.stdout.partition(" on port")[0]) == (1, "No service answers")


async def test_reap_closes_strangers_only_where_the_key_is_ours(tmp_path: Path) -> None:
    with simulation(join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        api = AkoolApi.at(simulated.url, ApiKey(SecretStr("simulator")))
        async with aclosing(AkoolProvider(api, connect_remote(simulated.url))) as provider:
            stranger = await provider.create(SessionSpec("sim_Alma_cardigan_1080P"), 600, "somebody-else")

        told = await asyncio.to_thread(services.avatarbot, "sessions", "reap")
        assert f"{stranger.id} runs at AKOOL and is not known here." in told.stdout, told.stderr
        assert simulated.open == [stranger.id]

        services.settings["AVATARBOT_AKOOL_KEY_IS_OURS"] = "true"
        told = await asyncio.to_thread(services.avatarbot, "sessions", "reap")
        assert f"{stranger.id} was left over and is closed." in told.stdout, told.stderr
        assert simulated.open == []
