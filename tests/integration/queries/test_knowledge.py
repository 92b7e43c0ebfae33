"""Knowledge bases, each limit checked before AKOOL is asked, each workspace for itself."""

from bot.domain.conversations import Command
from bot.testing.chat import CHANNEL
from tests.integration.queries.asking import MB, NEIGHBOUR, ROOT, Files, ask
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_the_life_of_a_knowledge_base(stack: Stack) -> None:
    async with stack.serving():
        made = await ask(
            stack, "knowledge create", name="FAQ", prompt="You know it all.", links="https://example.com/a"
        )
        changed = await ask(stack, "knowledge update", knowledge="faq", prologue="Ask me.")
        shown = await ask(stack, "knowledge show", knowledge="FAQ")
        used = await ask(stack, "knowledge use", knowledge="FAQ")
        settings = await ask(stack, "defaults show")
        asked = await ask(stack, "knowledge delete", person=ROOT, knowledge="FAQ")
        assert asked.items[0].command is not None
        gone = await ask(stack, "knowledge delete", CHANNEL, ROOT, **asked.items[0].command.options)
        left = await ask(stack, "knowledge list")
    assert "“FAQ” is made" in made.text
    assert "is changed" in changed.text
    assert shown.text == "FAQ\nGreeting: Ask me.\nPrompt: You know it all.\nLink: https://example.com/a"
    assert "know “FAQ”" in used.text
    assert "knowledge: FAQ" in settings.text
    assert "for good?" in asked.text
    assert gone.text == "“FAQ” is deleted. It is no longer this channel's default."
    assert [item.title for item in left.items] == ["Front desk", "Release party"]


@on_stack()
async def test_nothing_is_deleted_before_its_question_is_answered(stack: Stack) -> None:
    async with stack.serving():
        for _ in range(2):
            asked = await ask(stack, "knowledge delete", person=ROOT, knowledge="Front desk")
            assert asked.text == "Delete “Front desk” for good? This cannot be undone."
        left = await ask(stack, "knowledge list")
    assert "Front desk" in [item.title for item in left.items]
    assert len(list(stack.simulator.knowledge_bases)) == 2


@on_stack()
async def test_nobody_sees_or_changes_what_another_workspace_made(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "knowledge create", name="Secret", prompt="Ours.")
        listed = await ask(stack, "knowledge list", place=NEIGHBOUR)
        shown = await ask(stack, "knowledge show", place=NEIGHBOUR, knowledge="Secret")
        deleted = await ask(stack, "knowledge delete", place=NEIGHBOUR, person=ROOT, knowledge="Secret")
    assert "Secret" not in [item.title for item in listed.items]
    assert "no knowledge base called" in shown.text
    assert "no knowledge base called" in deleted.text


@on_stack()
async def test_what_the_accounts_owner_made_only_admins_change(stack: Stack) -> None:
    async with stack.serving():
        refused = await ask(stack, "knowledge update", knowledge="Front desk", prompt="New")
        taken = await ask(stack, "knowledge create", name="front DESK", prompt="New")
        wrong = await ask(stack, "knowledge create", name="Songs", documents="https://example.com/a.mp3")
    assert "only an admin" in refused.text
    assert "already a knowledge base" in taken.text
    assert "“documents” can be" in wrong.text


@on_stack()
async def test_a_long_prompt_comes_as_a_file(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "knowledge create", name="Long", prompt="word " * 1000)
        shown = await ask(stack, "knowledge show", knowledge="Long")
    assert len(shown.text) < 1_100
    assert shown.file is not None
    assert len(shown.file.content) > 4_900


@on_stack()
async def test_picking_one_uses_it(stack: Stack) -> None:
    async with stack.serving():
        listed = await ask(stack, "knowledge list", name="front")
    assert listed.items[0].command == Command("knowledge use", {"knowledge": "64f8a1b2c3d4e5f6a7b8c9d0"})


def addresses(*names: str) -> str:
    return " ".join(f"https://example.com/{name}.pdf" for name in names)


@on_stack()
async def test_unsupported_documents_are_refused_before_akool_is_asked(stack: Stack) -> None:
    part = 90 * MB
    files = Files(small=5, huge=100 * MB + 1, a=part, b=part, c=part, d=part, e=part, f=part)
    async with stack.serving(files=files):
        huge = await ask(stack, "knowledge create", name="One", documents=addresses("small", "huge"))
        many = await ask(stack, "knowledge create", name="Two", documents=addresses(*"abcdef"))
        inside = await ask(stack, "knowledge create", name="Three", documents=addresses("inside"))
        fine = await ask(stack, "knowledge create", name="Four", documents=addresses(*"abcde"))
        changed = await ask(stack, "knowledge update", knowledge="Four", documents=addresses("huge"))
    assert huge.text == "“huge.pdf” is too large: AKOOL takes 100 MB, not 101 MB."
    assert many.text == "The documents are too large: AKOOL takes 500 MB together, not 540 MB."
    assert inside.text == "intranet.example is not on the internet, so AKOOL could not get there."
    assert fine.text == "“Four” is made: 5 documents. Use it here?"
    assert changed.text == huge.text
    (made,) = [volume for volume in stack.simulator.knowledge_bases if volume.name == "Four"]
    assert [paper.size for paper in made.docs] == [part] * 5


@on_stack()
async def test_a_document_of_unknown_size_is_passed_on(stack: Stack) -> None:
    async with stack.serving(files=Files(small=5)):
        made = await ask(stack, "knowledge create", name="FAQ", documents=addresses("small", "strange", "odd"))
    assert (
        "How large “strange.pdf” and “odd.pdf” are could not be found out; AKOOL takes 100 MB a document" in made.text
    )
    assert "FAQ" in [volume.name for volume in stack.simulator.knowledge_bases]
