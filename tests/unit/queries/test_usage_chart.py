"""The picture of `/avatar usage`."""

import io
from datetime import date, timedelta

import pytest
from PIL import Image

from bot.domain.provider import UsedMinutes
from bot.queries import usage_chart
from bot.queries.usage_chart import COLOURS, SIZE, described, minutes_by_day

FIRST = date(2026, 10, 30)


def used(minutes: float, *, day: int = 0, avatar: str = "Alma") -> UsedMinutes:
    return UsedMinutes(FIRST + timedelta(days=day), "c1", avatar, minutes)


def picture(used_minutes: list[UsedMinutes], days: int = 30) -> Image.Image:
    return Image.open(io.BytesIO(minutes_by_day(used_minutes, FIRST, days)))


def colours(image: Image.Image) -> set[str]:
    found = image.getcolors(1_000_000) or []
    return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b, alpha) in found if alpha == 255}  # type: ignore[misc]


def test_it_lies_on_the_page_whatever_the_pages_colour() -> None:
    image = picture([used(12)])
    assert (image.format, image.size) == ("PNG", SIZE)
    assert [image.getpixel(corner) for corner in ((0, 0), (SIZE[0] - 1, SIZE[1] - 1))] == [(0x7C, 0x87, 0x83, 0)] * 2


@pytest.mark.parametrize("ground", ["#ffffff", "#1a1d21", "#313338"])
def test_all_of_it_is_read_on_white_and_on_dark(ground: str) -> None:
    assert all(contrast(colour, ground) >= 2.9 for colour in (usage_chart.INK, *COLOURS))


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG21/#contrast-minimum"""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return sum(
        weight * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4)
        for weight, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True)
    )


def test_each_avatar_has_a_colour_within_the_limit() -> None:
    names = ["Alma", "Kai", "Bo", "Mia", "Tristan", "Ann", "Max", "Zoe"]
    assert set(COLOURS) <= colours(picture([used(5, day=n, avatar=name) for n, name in enumerate(names)]))
    assert not {COLOURS[2], COLOURS[5]} & colours(picture([used(5), used(3, avatar="Kai")]))


def test_a_bars_height_is_minutes_and_its_place_the_day() -> None:
    image = picture([used(10), used(5, day=29)])
    first, last = usage_chart.LEFT + 25, usage_chart.RIGHT - 25
    assert height(image, first) == pytest.approx(2 * height(image, last), abs=3)
    assert height(image, (first + last) // 2) == 0


def height(image: Image.Image, x: int) -> int:
    green = tuple(int(COLOURS[0][at : at + 2], 16) for at in (1, 3, 5))
    return sum(image.getpixel((x, y))[:3] == green for y in range(SIZE[1]))  # type: ignore[index]


NAMES = ("", "Зоя", "李明", "_$x^", "María José", "x" * 300, "\u202e\n")


@pytest.mark.parametrize(("name", "days"), [*((name, 7) for name in NAMES), ("x" * 300, 1), ("x" * 300, 365)])
def test_no_name_and_no_span_breaks_it(name: str, days: int) -> None:
    assert picture([used(0.05, avatar=name), used(1_500)], days).size == SIZE


def test_what_it_shows_is_told_in_words() -> None:
    assert described([used(12), used(30.4, day=3)], FIRST, 30) == (
        "Bar chart of minutes a day from Oct 30 to Nov 28; the most were 30, on Nov 2."
    )
    assert described([used(2)], FIRST, 1) == "Bar chart of minutes a day on Oct 30; the most were 2, on Oct 30."
