"""What every vault promises: each storage's own, and the fake that adapters are tested with."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.ports.storage.repositories import SecretVault
from bot.testing.vault import FakeSecretVault
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import KINDS


@pytest.fixture(params=[*KINDS, "fake"])
async def vault(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SecretVault]:
    if request.param == "fake":
        yield FakeSecretVault()
        return
    with KINDS[request.param](tmp_path) as open_again:
        async with open_again(ManualClock()) as storage:
            yield storage.vault


async def test_one_secret_of_a_workspace_can_be_deleted(vault: SecretVault) -> None:
    await vault.put("slack", "T1", "tokens", b"one")
    await vault.put("slack", "T1", "other", b"two")
    await vault.delete("slack", "T1", "tokens")
    await vault.delete("slack", "T1", "never there")
    assert await vault.get("slack", "T1", "tokens") is None
    assert await vault.get("slack", "T1", "other") == b"two"


async def test_the_vault_keeps_workspaces_apart(vault: SecretVault) -> None:
    await vault.put("slack", "T1", "tokens", b"one")
    await vault.put("slack", "T2", "tokens", b"two")
    await vault.put("slack", "T1", "tokens", b"three")
    assert await vault.get("slack", "T1", "tokens") == b"three"
    await vault.delete_workspace("slack", "T1")
    assert await vault.get("slack", "T1", "tokens") is None
    assert await vault.get("slack", "T2", "tokens") == b"two"


async def test_who_keeps_something_is_known_by_its_name(vault: SecretVault) -> None:
    for platform, workspace_id, key in (("slack", "T1", "key"), ("discord", "5", "key"), ("discord", "6", "other")):
        await vault.put(platform, workspace_id, key, b"secret")
    assert await vault.named("discord", "key") == {"5"}


async def test_a_secret_is_replaced_by_one_process_at_a_time(vault: SecretVault) -> None:
    async def claims(by: str, workspace_id: str = "T1", lasts: timedelta = timedelta(hours=1)) -> bool:
        return await vault.claim("slack", workspace_id, "tokens", by, lasts=lasts)

    assert [await claims("A"), await claims("B"), await claims("B", "T2")] == [True, False, True]
    assert [await claims("A", lasts=timedelta()), await claims("B")] == [True, True]
