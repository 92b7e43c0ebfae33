"""The service as people run it, with its database on a PostgreSQL server."""

from pathlib import Path

from cryptography.fernet import Fernet

from bot.domain.sessions import SessionStatus
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import Deployment, simulation, told_to_stop
from tests.server import fresh_database


async def test_the_service_talks_with_its_database_on_a_server(tmp_path: Path) -> None:
    with simulation(join_delay=0.1) as simulated, fresh_database(migrated=False) as url:
        address = url.render_as_string(hide_password=False).replace("postgresql://", "postgres://")
        services = Deployment(tmp_path, simulated.url)
        services.settings |= {"DATABASE_URL": address, "AVATARBOT_SECRET_KEYS": Fernet.generate_key().decode()}
        assert "empty (this version needs" in services.avatarbot("db", "current").stdout
        with services.service() as service:
            await services.answers()
            async with Member(services, await ticket(services), "Ann").present() as ann:
                await ann.command("lobby", "", "/avatar start")
                await ann.sees_card("lobby", SessionStatus.LIVE)
            assert "PostgreSQL 1" in services.avatarbot("doctor").stdout
            assert told_to_stop(service) == 0
        assert simulated.open == []
    assert {file.name for file in tmp_path.iterdir()} == {"log", "channel.jsonl"}
