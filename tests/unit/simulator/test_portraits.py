"""The portraits that are served are those that the drawings make: who changes one films anew."""

import pytest

from adapters.simulator.avatar_catalog import BLANK
from adapters.simulator.fixtures import CHARACTERS
from adapters.simulator.http.avatars import PORTRAITS
from scripts.portraits.cast import CAST
from scripts.portraits.face import Pose
from scripts.portraits.figure import Figure, drawn


def test_everybody_on_offer_is_drawn() -> None:
    assert {figure.portrait for figure in CAST} == {*(character.avatar_id for character in CHARACTERS), BLANK}


@pytest.mark.parametrize("figure", CAST, ids=lambda figure: figure.portrait)
def test_a_portrait_is_its_drawing(figure: Figure) -> None:
    assert (PORTRAITS / f"{figure.portrait}.svg").read_text() == drawn(figure, Pose())
