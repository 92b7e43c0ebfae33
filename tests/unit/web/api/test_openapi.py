"""The OpenAPI document: committed as it is served, and of OpenAPI 3.1."""

from bot.web.api.openapi import document
from scripts.openapi import FILE, written
from tests.memory_fixture import MemoryWorld, in_memory
from tests.program_fixture import program


def test_the_committed_document_is_what_the_code_says() -> None:
    """`python -m scripts.openapi` writes it anew."""
    assert FILE.read_text() == written()


def test_every_reference_leads_somewhere() -> None:
    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [found for each in value.values() for found in references(each)]
        return [found for each in value for found in references(each)] if isinstance(value, list) else []

    whole = document()
    for reference in references(whole):
        found: object = whole
        for name in reference.removeprefix("#/").split("/"):
            assert isinstance(found, dict)
            found = found[name]


@in_memory()
async def test_the_document_is_served_and_needs_no_token(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        served = await api.http.get("/api/v1/openapi.json", headers={"Authorization": ""})
    assert served.json() == document()


@in_memory()
async def test_every_route_is_described_and_every_description_served(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        for path, operations in document()["paths"].items():
            at = path.replace("{session}", "s1").replace("{request}", "r1")
            offered = await api.http.request("PATCH", at)
            assert offered.status_code == 405
            assert {*offered.headers["allow"].split(", ")} - {"HEAD"} == {method.upper() for method in operations}
