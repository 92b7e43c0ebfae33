"""What every provider promises about what it offers and keeps, in virtual time."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge, UploadState
from bot.testing.virtual_time import virtual
from tests.contract.provider.conftest import UPLOAD_S, Kind

FILM = "https://cdn.example.com/me.mp4"
FAQ = Knowledge("Contract", prologue="Hi.", prompt="Be kind.", links=("https://example.com/faq",))


def unique(ids: list[str]) -> bool:
    return bool(ids) and len(set(ids)) == len(ids)


@virtual
async def test_what_it_offers_has_ids_and_names(kind: Kind) -> None:
    async with kind() as under_test:
        provider = under_test.provider
        avatars, voices, languages = await provider.avatars(), await provider.voices(), await provider.languages()
        assert unique([avatar.id for avatar in avatars])
        assert unique([voice.id for voice in voices])
        assert unique([language.code for language in languages])
        assert all(
            name for name in (*(a.name for a in avatars), *(v.name for v in voices), *(x.name for x in languages))
        )


@virtual
async def test_one_avatar_is_told_by_its_id(kind: Kind) -> None:
    async with kind() as under_test:
        (listed,) = [a for a in await under_test.provider.avatars() if a.id == under_test.avatar_id]
        told = await under_test.provider.avatar_info(under_test.avatar_id)
        assert (told.id, told.name) == (listed.id, listed.name)
        with pytest.raises(ProviderError) as caught:
            await under_test.provider.avatar_info("nobody")
        assert caught.value.verdict is Verdict.GONE


@virtual
async def test_an_upload_becomes_an_avatar_that_can_be_hosted(kind: Kind) -> None:
    async with kind() as under_test:
        provider = under_test.provider
        upload = await provider.upload(FILM, "mine", "Me")
        assert (upload.avatar_id, upload.name, upload.state) == ("mine", "Me", UploadState.QUEUEING)
        assert (await provider.upload_state(upload)).state in {UploadState.QUEUEING, UploadState.PROCESSING}
        await asyncio.sleep(UPLOAD_S + 1)
        assert (await provider.upload_state(upload)).state is UploadState.READY
        assert "mine" in [avatar.id for avatar in await provider.avatars()]
        await provider.create(SessionSpec("mine"), 60, "tag")


@pytest.mark.parametrize(("url", "avatar_id"), [(FILM, "not plain"), (FILM, ""), ("https://x:y/film", "mine")])
@virtual
async def test_an_upload_that_could_not_be_is_refused(kind: Kind, url: str, avatar_id: str) -> None:
    async with kind() as under_test:
        with pytest.raises(ProviderError) as caught:
            await under_test.provider.upload(url, avatar_id, "Me")
        assert caught.value.verdict is Verdict.FIX_INPUT


@virtual
async def test_the_same_upload_is_not_taken_twice(kind: Kind) -> None:
    async with kind() as under_test:
        await under_test.provider.upload(FILM, "mine", "Me")
        with pytest.raises(ProviderError) as caught:
            await under_test.provider.upload(FILM, "mine", "Me")
        assert caught.value.verdict is Verdict.FIX_INPUT


@virtual
async def test_knowledge_is_kept_as_it_was_written(kind: Kind) -> None:
    async with kind() as under_test:
        provider = under_test.provider
        created = await provider.create_knowledge(FAQ)
        assert created == replace(FAQ, id=created.id)
        assert created.id
        assert await provider.knowledge(created.id) == created
        assert created in await provider.knowledge_bases()
        changed = replace(created, prompt="Be brief.", links=())
        assert await provider.update_knowledge(changed) == changed
        assert (await provider.knowledge(created.id)).prompt == "Be brief."


@virtual
async def test_knowledge_that_was_deleted_is_gone(kind: Kind) -> None:
    async with kind() as under_test:
        provider = under_test.provider
        created = await provider.create_knowledge(FAQ)
        await provider.delete_knowledge(created.id)
        assert created.id not in [knowledge.id for knowledge in await provider.knowledge_bases()]
        for asked in (provider.knowledge(created.id), provider.delete_knowledge(created.id)):
            with pytest.raises(ProviderError) as caught:
                await asked
            assert caught.value.verdict is Verdict.GONE


@virtual
async def test_two_knowledge_bases_have_two_names(kind: Kind) -> None:
    async with kind() as under_test:
        await under_test.provider.create_knowledge(FAQ)
        with pytest.raises(ProviderError) as caught:
            await under_test.provider.create_knowledge(FAQ)
        assert caught.value.verdict is Verdict.FIX_INPUT
