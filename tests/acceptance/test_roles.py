"""Processes that do a part of the work: what they refuse to be, and that they share what there is."""

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.app.run import NEEDS_SERVER, WHOLE_ONLY
from tests.acceptance.processes import Deployment

SERVER = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    "AVATARBOT_SECRET_KEYS": Fernet.generate_key().decode(),
}


@pytest.mark.parametrize(
    ("words", "settings", "sentence"),
    [
        (("--role", "web"), {}, NEEDS_SERVER),
        (("--role", "chef"), SERVER, "--role knows no role “chef”: there are web, gateway and worker."),
        (("--playground",), {**SERVER, "AVATARBOT_ROLES": "web, gateway"}, WHOLE_ONLY),
        ((), {"AVATARBOT_ROLES": "chef"}, "AVATARBOT_ROLES knows no role “chef”: there are web, gateway and worker."),
    ],
)  # fmt: skip
async def test_what_it_cannot_be_is_one_sentence(
    tmp_path: Path, words: tuple[str, ...], settings: dict[str, str], sentence: str
) -> None:
    services = Deployment(tmp_path, "http://127.0.0.1:9", settings=dict(settings))
    refused = await asyncio.to_thread(services.avatarbot, "run", *words)
    assert (refused.returncode, refused.stderr) == (2, f"avatarbot: {sentence}\n")
