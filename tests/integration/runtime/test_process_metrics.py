"""What a process tells of its share of the sessions."""

from bot.telemetry import Metrics
from tests.world_fixture import Stack, on_stack


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"avatarbot_{name}")


@on_stack()
async def test_a_takeover_is_counted_where_it_ends(stack: Stack) -> None:
    async with stack.serving() as first:
        await stack.room.command("start")
        await stack.live()
        began = first.services.metrics
        assert (value(began, "hosted"), value(began, "claims_total"), value(began, "takeover_seconds_count")) == (
            1,
            1,
            0,
        )
        stack.crash()
    async with stack.serving() as second:
        later = second.services.metrics
        await stack.until(lambda: value(later, "takeover_seconds_count") == 1)
        assert (value(later, "hosted"), value(later, "claims_total")) == (1, 1)
    assert value(later, "hosted") == 0


@on_stack()
async def test_a_lease_that_could_not_be_renewed_is_counted(stack: Stack) -> None:
    async with stack.serving(alone=False) as service:
        metrics = service.services.metrics
        await stack.until(lambda: service.worker.lease.held)
        stack.wire.cut = True
        await stack.until(lambda: value(metrics, "leases_lost_total") == 1)
        stack.wire.cut = False
