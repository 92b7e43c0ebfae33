from dataclasses import replace

from adapters.terminal.platform import PLACE, TerminalPlatform
from adapters.terminal.screen import TerminalScreen, TerminalShape
from tests.contract.platform.cards import CARD, final
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
