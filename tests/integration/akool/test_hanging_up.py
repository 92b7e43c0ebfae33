"""Over real sockets: whether a create that the network broke may have had its effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from bot.domain.errors import ProviderError
from bot.domain.sessions import SessionSpec

SPEC = SessionSpec("tristan")


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[str]:
    """A server on loopback that reads a little, writes `answer` and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{", b"SSH-2.0\r\n"])
async def test_a_server_that_hangs_up_leaves_a_create_uncertain(answer: bytes) -> None:
    async with serving(answer) as url:
        api = AkoolApi.at(url, ApiKey(SecretStr("key")))
        with pytest.raises(ProviderError, match="cannot be reached") as caught:
            await api.create_session(SPEC, 600)
        await api.aclose()
    assert not caught.value.certain


async def test_nobody_listening_is_certain() -> None:
    async with serving(b"") as url:
        pass
    api = AkoolApi.at(url, ApiKey(SecretStr("key")))
    with pytest.raises(ProviderError, match="cannot be reached") as caught:
        await api.create_session(SPEC, 600)
    await api.aclose()
    assert caught.value.certain
