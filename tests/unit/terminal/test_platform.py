from dataclasses import replace

from adapters.terminal.platform import PLACE, TerminalPlatform
from adapters.terminal.screen import TerminalScreen, TerminalShape
from tests.contract.platform.cards import CARD, final, growing
from tests.disclosing import AI


async def test_card_and_first_line_name_the_ai() -> None:
    written: list[str] = []
    platform = TerminalPlatform(TerminalScreen(TerminalShape, written.append))
    await platform.post_card(PLACE, CARD)
    assert AI.sentence in "".join(written)
    written.clear()
    await platform.post(PLACE, final("Hello"), "k1")
    assert AI.sentence not in "".join(written)
    await platform.post(PLACE, replace(final("Hello again"), disclosure=AI), "k2")
    said = "".join(written)
    assert said.index(AI.sentence) < said.index("Hello again")


async def test_a_growing_line_names_the_ai_once() -> None:
    written: list[str] = []
    platform = TerminalPlatform(TerminalScreen(lambda: TerminalShape(rewrites=True), written.append))
    ref = await platform.post(PLACE, replace(growing("Good"), disclosure=AI), "k1")
    await platform.edit(ref, replace(growing("Good morning"), disclosure=AI))
    await platform.edit(ref, replace(final("Good morning!"), disclosure=AI))
    assert "".join(written).count("This avatar is an AI") == 1
