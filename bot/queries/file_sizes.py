"""How large what people point at is, before the provider is asked to take it."""

import asyncio
from collections.abc import Sequence

from bot.queries.context import Query


async def sizes_of(request: Query, urls: Sequence[str]) -> Sequence[int | None]:
    """Bytes of each, None where nobody tells. Raises `NotPublic` for what is not on the internet."""
    files = request.context.files
    return await asyncio.gather(*(files.size(url) for url in urls)) if files else [None] * len(urls)


def megabytes(size: int) -> str:
    return f"{-(-size // 1_048_576)} MB"
