"""Which kind of service an address is."""

import httpx
from pydantic import SecretStr

from adapters.llm.completions import ChatCompletions
from adapters.llm.http_transport import ANSWER_S, HttpTransport
from adapters.llm.webhook import Webhook

COMPLETIONS = "/chat/completions"


def model_at(
    url: str,
    name: str = "",
    key: SecretStr | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    within_s: float = ANSWER_S,
) -> ChatCompletions | Webhook:
    """An address that ends in `/chat/completions` or `/v1` is OpenAI's kind, any other a webhook. To be closed.

    `name` is the model's, which many services want; `key` is sent as a bearer token. An answer that takes longer than `within_s`
    seconds is given up.
    """
    if url.endswith("/v1"):
        url += COMPLETIONS
    line = HttpTransport(url, key, transport, within_s)
    return ChatCompletions(line, name) if url.endswith(COMPLETIONS) else Webhook(line)
