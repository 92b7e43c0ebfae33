"""What the reaper says of a `create` whose answer nobody knows, from what the provider lists."""

import asyncio

from bot.jobs.reaper import CREATE_TAKES, Reaper
from tests.session_fixture import Staged, active


@active()
async def test_what_began_behind_a_look_is_not_judged_by_it(staged: Staged) -> None:
    """The provider's answer is late, or this process stood still: what was created meanwhile is not listed in it."""
    storage, services = staged.storage, staged.services
    reaper = Reaper(storage, services.accounts, services.clock, account_is_ours=True)

    async def somebody_creates() -> None:
        async with staged.context.fenced() as run:
            run.intend("gone", lambda _: 10)
        await asyncio.sleep(CREATE_TAKES.total_seconds() + 1)
        async with staged.context.fenced() as run:
            run.orphaned("gone")

    await reaper.sweep()
    staged.provider.after["sessions"] = somebody_creates
    await reaper.sweep()
    assert [row.id for row in await storage.provider_sessions.unsettled()] == ["gone"]
    del staged.provider.after["sessions"]
    await reaper.sweep()
    assert await storage.provider_sessions.unsettled() == []
