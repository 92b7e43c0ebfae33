"""When Slack does not reach us, we say so; and in a hundred days of its ordinary life we never do."""

import random
from datetime import UTC, datetime, timedelta

from adapters.slack.health import ECHO_WITHIN_S, SENTENCES, Health, HealthPart, Peers
from bot.jobs.connections import TOLERATED_S

DAY = 86_400
BEGAN = datetime(2026, 11, 28, tzinfo=UTC)


class Time:
    """Both clocks."""

    def __init__(self) -> None:
        self.s = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.s)

    def seconds(self) -> float:
        return self.s


def made() -> tuple[Time, Health, Peers]:
    time = Time()
    health = Health(time, time.seconds)
    return time, health, Peers(health, time.seconds)


def test_without_a_connection_it_says_so_and_since_when() -> None:
    time, health, peers = made()
    assert health.state().problem == SENTENCES[HealthPart.SOCKET]
    peers.ours(1)
    assert not health.state().problem
    time.s = 100
    peers.ours(0)
    time.s = 200
    assert health.state().since == BEGAN + timedelta(seconds=100)


def test_posts_without_an_echo_mean_that_nothing_is_delivered() -> None:
    time, health, peers = made()
    peers.ours(2)
    health.posted()
    health.posted()
    time.s = ECHO_WITHIN_S + 1
    assert health.state().problem == SENTENCES[HealthPart.EVENTS]
    health.heard()
    assert not health.state().problem


def test_others_with_our_token_are_named_after_a_while() -> None:
    time, health, peers = made()
    peers.ours(2)
    assert peers.told(4) == 60
    assert peers.told(4) is None  # one look at a time
    assert not health.state().problem
    time.s = 61
    assert peers.told(3) == 60
    time.s = 245
    assert peers.told(3) == 300
    assert health.state().problem == SENTENCES[HealthPart.SHARED]
    time.s = 550
    assert peers.told(2) is None
    assert not health.state().problem


def test_the_worst_is_told_first() -> None:
    _, health, peers = made()
    health.trouble(HealthPart.TOKEN)
    assert health.state().problem == SENTENCES[HealthPart.TOKEN]
    health.well(HealthPart.TOKEN)
    assert health.state().problem == SENTENCES[HealthPart.SOCKET]
    peers.ours(1)
    assert not health.state().problem


class Ordinary:
    """Slack's ordinary life, a minute a step: refreshes that leave a socket counted, deployments, outages of seconds, late echoes,
    nights without a word.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.time, self.health, self.peers = made()
        self.peers.ours(2)
        self.look_at: float | None = None
        self.echoes: list[float] = []
        self.deployed_until = 0.0
        self.down_since: float | None = None

    def minute(self) -> None:
        self.time.s += 60
        hour = self.time.s % DAY / 3_600
        if self.dice.random() < 1 / 120:
            self.refresh()
        if self.dice.random() < 1 / 2_880:
            self.deployed_until = self.time.s + self.dice.uniform(5, 90)
            self.refresh()
        if 8 < hour < 20 and self.dice.random() < 0.3:
            self.talk()
        if due := [at for at in self.echoes if at <= self.time.s]:
            self.echoes = [at for at in self.echoes if at not in due]
            self.health.heard()
        if self.look_at is not None and self.time.s >= self.look_at:
            self.look_at = None
            self.refresh(looking=True)

    def refresh(self, *, looking: bool = False) -> None:
        """One connection goes, and another comes; every tenth time both are gone for less than the core tolerates."""
        self.peers.ours(1)
        if self.dice.random() < 0.1:
            self.peers.ours(0)
            self.time.s += self.dice.uniform(0, TOLERATED_S - 6)
        self.peers.ours(2)
        others = 2 if self.time.s < self.deployed_until else 0
        stale = self.dice.random() < (0.05 if looking else 0.3)
        again = self.peers.told(2 + others + stale)
        if again is not None:
            self.look_at = self.time.s + again

    def talk(self) -> None:
        for _ in range(self.dice.randint(1, 20)):
            self.health.posted()
        late = self.dice.uniform(60, 200) if self.dice.random() < 0.01 else 1.0
        self.echoes.append(self.time.s + late)


def test_in_forty_ordinary_days_nothing_is_reported() -> None:
    life = Ordinary(seed=12)
    for _ in range(40 * DAY // 60):
        life.minute()
        assert not life.health.state().problem, life.time.now()
