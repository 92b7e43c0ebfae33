"""Every platform that brings a `harness_<platform>.py` takes the whole contract."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.platform.harness import PlatformHarness

PLATFORMS = sorted(
    found.name.removeprefix("harness_")
    for found in pkgutil.iter_modules([str(Path(__file__).parent)])
    if found.name.startswith("harness_")
)


@pytest.fixture(params=PLATFORMS)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[PlatformHarness]:
    module = importlib.import_module(f"tests.contract.platform.harness_{request.param}")
    async with module.open_harness() as opened:
        yield opened
