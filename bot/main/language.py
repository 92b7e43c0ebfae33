"""The team's own language model, if it has one."""

import contextlib
from collections.abc import AsyncIterator

from adapters.llm.model import model_at
from bot.ports.language import LanguageModel
from bot.settings import Settings


@contextlib.asynccontextmanager
async def open_model(settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """The model that the settings name, closed at the end; None when they name none, and AKOOL's own answers."""
    if settings.llm_url is None:
        yield None
        return
    model = model_at(settings.llm_url, settings.llm_model or "", settings.llm_key, within_s=settings.llm_seconds)
    async with contextlib.aclosing(model):
        yield model
