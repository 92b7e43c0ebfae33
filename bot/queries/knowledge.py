"""Knowledge bases: what avatars know."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from bot.commands.options import KnowledgeOptions, knowledge_options
from bot.commands.parser import listed
from bot.domain.conversations import Command, File, Item, Membership, Reply
from bot.ports.provider import Document, Knowledge
from bot.ports.storage.records import OwnedKind
from bot.queries.channel_settings import save
from bot.queries.context import Declined, Query, understood
from bot.queries.offers import facts, like, listing
from bot.queries.uploads import megabytes, sizes_of
from bot.runtime.resolve import named_knowledge

SHOWN = 1_000
"""Characters of a prompt that are shown in a message; the whole of a longer one comes as a file."""


async def list_knowledge(request: Query) -> Reply:
    offered = like(request.text("name"), await request.catalog.knowledge())
    if not offered and not request.text("name"):
        return Reply("There are no knowledge bases yet. Make one with /avatar knowledge create.")
    hint = "Use one here with /avatar knowledge use NAME."
    return listing(request, offered, _item, noun="knowledge base", hint=hint)


def _item(base: Knowledge) -> Item:
    return Item(base.name, _contents(base), command=Command("knowledge use", {"knowledge": base.id}))


def _contents(base: Knowledge) -> str:
    return facts(
        f"a prompt of {len(base.prompt):,} characters" if base.prompt else "",
        "a greeting" if base.prologue else "",
        _count(len(base.documents), "document"),
        _count(len(base.links), "link"),
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


async def show(request: Query) -> Reply:
    """One, whole: what is too long for a message comes as a file."""
    named = await named_knowledge(request.text("knowledge"), request.catalog)
    base = await request.knowledge_bases.knowledge(named.id)
    cut = len(base.prompt) > SHOWN
    shown = _written(replace(base, prompt=base.prompt[:SHOWN] + "…" if cut else base.prompt))
    file = File(f"{base.name}.md", "text/markdown", _written(base).encode()) if cut else None
    return Reply(shown, file=file)


def _written(base: Knowledge) -> str:
    parts = (
        base.name,
        base.prologue and f"Greeting: {base.prologue}",
        base.prompt and f"Prompt: {base.prompt}",
        *(f"Document: {document.name}, {document.url}" for document in base.documents),
        *(f"Link: {link}" for link in base.links),
    )
    return "\n".join(filter(None, parts))


async def create(request: Query) -> Reply:
    options = understood(knowledge_options(request.values))
    wanted = await _measured(request, _changed(Knowledge(options.name or ""), options))
    await _name_is_free(request, wanted)
    made = await request.knowledge_bases.create_knowledge(wanted)
    await request.context.services.storage.ownership.add(OwnedKind.KNOWLEDGE, made.id, request.place)
    await request.account.catalog.knowledge.fresh()
    said = f"“{made.name}” is made: {_contents(made) or 'empty so far'}.{_unmeasured(request, wanted)} Use it here?"
    return Reply(said, (_item(made),))


async def update(request: Query) -> Reply:
    options = understood(knowledge_options(request.values))
    named = await _ours_to_change(request)
    wanted = _changed(await request.knowledge_bases.knowledge(named.id), options)
    wanted = await _measured(request, wanted) if options.documents else wanted
    await _name_is_free(request, wanted)
    await request.knowledge_bases.update_knowledge(wanted)
    await request.account.catalog.knowledge.fresh()
    unmeasured = _unmeasured(request, wanted) if options.documents else ""
    return Reply(f"“{wanted.name}” is changed.{unmeasured} Avatars know it when they start or renew.")


def _changed(base: Knowledge, options: KnowledgeOptions) -> Knowledge:
    """What was not given stays."""
    return replace(
        base,
        name=options.name or base.name,
        prologue=base.prologue if options.prologue is None else options.prologue,
        prompt=base.prompt if options.prompt is None else options.prompt,
        documents=base.documents if options.documents is None else _documents(options.documents),
        links=base.links if options.links is None else options.links,
    )


def _documents(urls: Sequence[str]) -> tuple[Document, ...]:
    """Their names are those of the files; how large they are is found out later."""
    return tuple(Document(unquote(PurePosixPath(urlsplit(url).path).name) or url, url, 0) for url in urls)


async def _measured(request: Query, base: Knowledge) -> Knowledge:
    """With the sizes of its documents, 0 where nobody tells. Raises `Declined` for what the provider would not take."""
    limits, name = request.knowledge_bases.knowledge_limits, request.provider.name
    sizes = await sizes_of(request, [document.url for document in base.documents])
    measured = [replace(document, size=size or 0) for document, size in zip(base.documents, sizes, strict=True)]
    for document in measured:
        if document.size > limits.document_bytes:
            takes = f"{name} takes {megabytes(limits.document_bytes)}, not {megabytes(document.size)}"
            raise Declined(f"“{document.name}” is too large: {takes}.")
    if (together := sum(document.size for document in measured)) > limits.documents_bytes:
        takes = f"{name} takes {megabytes(limits.documents_bytes)} together, not {megabytes(together)}"
        raise Declined(f"The documents are too large: {takes}.")
    return replace(base, documents=tuple(measured))


def _unmeasured(request: Query, base: Knowledge) -> str:
    """What the provider has to find out by itself."""
    names = [f"“{document.name}”" for document in base.documents if not document.size]
    if not names:
        return ""
    are = "is" if len(names) == 1 else "are"
    limits = request.knowledge_bases.knowledge_limits
    takes = f"{megabytes(limits.document_bytes)} a document, {megabytes(limits.documents_bytes)} together"
    return f" How large {listed(names, 'and')} {are} could not be found out; {request.provider.name} takes {takes}."


async def _name_is_free(request: Query, wanted: Knowledge) -> None:
    """Names are unique in an account. Raises `Declined`."""
    for base in await request.catalog.knowledge(fresh=True):
        if base.name.casefold() == wanted.name.casefold() and base.id != wanted.id:
            raise Declined(f"There is already a knowledge base called “{base.name}”. Choose another name.")


async def _ours_to_change(request: Query) -> Knowledge:
    """The one that is named, if this workspace made it; admins may change what the account's owner made. Raises `Declined`."""
    base = await named_knowledge(request.text("knowledge"), request.catalog)
    if request.person.standing is Membership.ADMIN or await request.catalog.owns(OwnedKind.KNOWLEDGE, base.id):
        return base
    raise Declined(f"“{base.name}” was not made here, so only an admin can change it.")


async def delete(request: Query) -> Reply:
    base = await _ours_to_change(request)
    await request.knowledge_bases.delete_knowledge(base.id)
    await request.context.services.storage.ownership.remove(OwnedKind.KNOWLEDGE, base.id)
    await request.account.catalog.knowledge.fresh()
    return Reply(f"“{base.name}” is deleted.{await _default_dropped(request, base)}")


async def named_for_question(request: Query) -> str:
    return f"“{(await _ours_to_change(request)).name}”"


async def _default_dropped(request: Query, base: Knowledge) -> str:
    """A default that names what is gone would keep avatars from starting."""
    if request.settings.knowledge != base.id:
        return ""
    await save(request, replace(request.settings, knowledge=""))
    return " It is no longer this channel's default."


async def use(request: Query) -> Reply:
    base = await named_knowledge(request.text("knowledge"), request.catalog)
    await save(request, replace(request.settings, knowledge=base.id))
    return Reply(f"Avatars that start here from now on know “{base.name}”.")
