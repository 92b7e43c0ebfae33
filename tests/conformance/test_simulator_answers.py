"""What the simulator answers, held against the response schemas of AKOOL's own OpenAPI files."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import ALMA, SESSION, Customer, customer

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "akool"

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason=f"no AKOOL specifications in {SPECS}")

AVATAR = "/api/open/v4/liveAvatar/avatar"
UPLOAD = {"url": "https://x.test/me.mp4", "avatar_id": "me1", "name": "Me", "type": 2, "url_from": 1}


@cache
def spec(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SPECS / file).read_text(encoding="utf-8"))
    return loaded


def promised(file: str, method: str, path: str) -> dict[str, Any]:
    """The schema of the one answer that is documented."""
    document = spec(file)
    content = document["paths"][path][method.lower()]["responses"]["200"]["content"]
    return {**content["application/json"]["schema"], "components": document["components"]}


async def conforming(akool: Customer, file: str, method: str, path: str, **how: Any) -> Any:
    """The answer, after it was held against its schema."""
    answer = await akool.ask(method, path, **how)
    schema = promised(file, method, path)
    jsonschema.validate(answer, schema, cls=jsonschema.Draft4Validator)
    assert answer["code"] == 1000, answer
    return answer


def documented(file: str, schema: str) -> set[str]:
    return set(spec(file)["components"]["schemas"][schema]["properties"])


@virtual
async def test_avatars() -> None:
    async with customer() as akool:
        listing = (await conforming(akool, "live-avatar.yaml", "GET", f"{AVATAR}/list"))["data"]
        assert set(listing) == documented("live-avatar.yaml", "AvatarListResponse")
        assert all(set(row) >= documented("live-avatar.yaml", "Avatar") for row in listing["result"])
        answer = await conforming(akool, "live-avatar.yaml", "GET", f"{AVATAR}/detail", params={"avatar_id": ALMA})
        assert set(answer["data"]) >= documented("live-avatar.yaml", "AvatarDetail") - {"available"}


@virtual
async def test_an_upload_has_every_field_of_the_documented_example() -> None:
    async with customer() as akool:
        path = "/api/open/v3/avatar/create"
        answer = await conforming(akool, "live-avatar.yaml", "POST", path, json=UPLOAD)
        content = spec("live-avatar.yaml")["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]
        assert set(answer["data"]) == set(content["example"]["data"])


@virtual
async def test_sessions() -> None:
    async with customer() as akool:
        wanted = {"avatar_id": ALMA, "duration": 60}
        made = (await conforming(akool, "live-avatar.yaml", "POST", f"{SESSION}/create", json=wanted))["data"]
        assert set(made) == documented("live-avatar.yaml", "SessionResponse")
        agora = {name for name in documented("live-avatar.yaml", "Credentials") if name.startswith("agora")}
        assert set(made["credentials"]) == agora
        await conforming(akool, "live-avatar.yaml", "GET", f"{SESSION}/detail", params={"id": made["_id"]})
        listing = (await conforming(akool, "live-avatar.yaml", "GET", f"{SESSION}/list"))["data"]
        assert listing["count"] == len(listing["result"]) == 1
        await conforming(akool, "live-avatar.yaml", "POST", f"{SESSION}/close", json={"id": made["_id"]})


@virtual
async def test_the_documented_example_of_a_create_is_taken() -> None:
    async with customer() as akool:
        content = spec("live-avatar.yaml")["paths"][f"{SESSION}/create"]["post"]["requestBody"]["content"]
        example = content["application/json"]["example"] | {"avatar_id": ALMA}
        await conforming(akool, "live-avatar.yaml", "POST", f"{SESSION}/create", json=example)


@virtual
async def test_languages_and_credit() -> None:
    async with customer() as akool:
        await conforming(akool, "video-translation.yaml", "GET", "/api/open/v3/language/list")
        await conforming(akool, "faceswap.yaml", "GET", "/api/open/v3/faceswap/quota/info")


@virtual
async def test_a_refusal_is_an_envelope_too() -> None:
    async with customer() as akool:
        answer = await akool.ask("POST", f"{SESSION}/create", json={})
        jsonschema.validate(answer, spec("live-avatar.yaml")["components"]["schemas"]["ApiResponse"])
        assert answer["code"] != 1000
