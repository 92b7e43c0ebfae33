"""Schemathesis against the real service: whatever fits the OpenAPI document or does not is answered as it says, and requests that
follow from each other too.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from bot.domain.api_tokens import digest_of, new_secret
from bot.web.api.openapi import document
from tests.acceptance.processes import Deployment, simulation
from tests.patience import blocked_until

PLACE = "playground/playground/lobby"
EVERYTHING = "say start stop interrupt set act extend sessions transcript usage avatars"
TOKENS = 12
"""So many that none comes too often."""

SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS: list[Any] = [result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)]
# What is valid may still be refused for what it asks: a place that is not there, a session that has ended, a text that is too long.
LEFT_OUT: list[Any] = CHECKS.get_by_names(["positive_data_acceptance", "unsupported_method", "ignored_auth"])
PUT_RIGHT: list[Any] = CHECKS.get_by_names(["negative_data_rejection"])
"""Where the place is replaced by one that there is, nonsense may make sense again."""
QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Target:
    """The service, and who calls it, each in turn."""

    url: str
    tokens: Iterator[str]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {next(self.tokens)}"}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with simulation(pace=300, thinking=0.02, join_delay=0.1, concurrency=1000, credit=10**7) as simulated:
        services = Deployment(tmp_path_factory.mktemp("api"), simulated.url)
        with services.service():
            blocked_until(lambda: _ready(services), within=300)
            yield Target(services.url, itertools.cycle(_tokens(services)))
        assert "Traceback" not in services.log


def _ready(services: Deployment) -> bool:
    return services.database.exists() and "ready" in services.log


def _tokens(services: Deployment) -> list[str]:
    """As `avatarbot tokens create` makes them, without a process for each."""
    secrets = [new_secret() for _ in range(TOKENS)]
    rows = [(digest_of(secret), f"t{number}", PLACE, EVERYTHING, 60, 0) for number, secret in enumerate(secrets)]
    with sqlite3.connect(services.database, timeout=60) as connection:
        into = "INSERT INTO api_tokens (hash, name, places, commands, minutes_per_day, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        connection.executemany(into, rows)
    return secrets


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_operation_answers_as_described(target: Target, operation: Any, mode: GenerationMode) -> None:
    @QUICK
    @given(data=st.data())
    def answers(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(mode))
        assume("\n" not in "".join(map(str, case.path_parameters.values())))  # which leads to no part of the service
        case.call_and_validate(base_url=target.url, headers=target.headers, excluded_checks=LEFT_OUT)

    answers()


def test_what_follows_from_each_other_is_answered_as_described(target: Target) -> None:
    class Calls(SCHEMA.as_state_machine()):  # type: ignore[misc] # a class made at runtime
        def get_call_kwargs(self, case: Any) -> dict[str, object]:
            if isinstance(case.body, dict) and "place" in case.body:
                case.body["place"] = PLACE
            return {"base_url": target.url, "headers": target.headers}

        def validate_response(self, response: object, case: Any, **kwargs: object) -> None:
            case.validate_response(response, excluded_checks=[*LEFT_OUT, *PUT_RIGHT])

    Calls.run(settings=settings(QUICK, max_examples=10, stateful_step_count=6))
