"""A real service that is fed garbage, and what must still hold of it afterwards."""

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bot.domain.sessions import SessionStatus
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import Deployment, simulation
from tests.integration.slack.fake import FakeSlack, payloads
from tests.integration.slack.fake.workspace import BOT_TOKEN
from tests.patience import HANG_S

MB = 1024 * 1024
GROWTH = 64 * MB
"""What a service's caches, its database's pages and its allocator may take in the rest of a run, after its first tenth."""

ONE_WORKSPACE = {"SLACK_BOT_TOKEN": BOT_TOKEN}
MANY_WORKSPACES = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "a-secret"}


@dataclass
class Fed:
    """`deployment` is where it lives, `slack` what it takes for Slack."""

    deployment: Deployment
    slack: FakeSlack
    process: psutil.Process

    @property
    def port(self) -> int:
        return self.deployment.port

    @property
    def memory(self) -> int:
        return int(self.process.memory_info().rss)

    async def is_well(self) -> None:
        """It answers, and wrote of no fault of ours."""
        async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
            assert (await http.get(f"{self.deployment.url}/readyz")).status_code == httpx.codes.OK
        assert "Traceback" not in self.deployment.log, self.deployment.log[
            self.deployment.log.index("Traceback") - 2_000 :
        ][:6_000]


@contextlib.asynccontextmanager
async def fed(folder: Path, slack: Mapping[str, str] = ONE_WORKSPACE) -> AsyncIterator[Fed]:
    """The service with the playground and Slack over HTTP; its log has one line per fault, none per request."""
    with simulation(pace=2_000, thinking=0.01, join_delay=0.05, concurrency=1_000, credit=10**7) as simulated:
        async with FakeSlack(limits=False).running() as fake:
            deployment = Deployment(folder, simulated.url)
            deployment.settings |= {
                "LOG_LEVEL": "warning",
                "AVATARBOT_MINUTES_PER_DAY": "1440",
                "PUBLIC_URL": deployment.url,
                "SLACK_API_URL": fake.api_url,
                "SLACK_SIGNING_SECRET": payloads.SIGNING_SECRET,
                **slack,
            }
            with deployment.service() as process:
                await deployment.answers()
                yield Fed(deployment, fake, psutil.Process(process.pid))


async def link(service: Fed) -> str:
    """The secret of a Watch link to a session that is live at the playground."""
    async with Member(service.deployment, await ticket(service.deployment), "Ann").present() as ann:
        await ann.command("lobby", "", "/avatar start")
        await ann.sees_card("lobby", SessionStatus.LIVE)
        await ann.command("lobby", "", "/avatar watch")
        told = await ann.sees(lambda: next((told.link for told in ann.told if told.link), None), "a link")
    found = re.search(r"/v/#([\w-]+)", told.url)
    assert found, told
    return found[1]
