"""Minutes used per day as a PNG chart."""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, log10
from unicodedata import normalize
from zlib import Z_RLE

from PIL import Image, ImageDraw, ImageFont

from bot.domain.provider import UsedMinutes
from bot.speech.speakable import clean_name

SIZE = WIDTH, HEIGHT = 1600, 800
LEFT, TOP, RIGHT, BOTTOM = 100, 150, 1570, 735
COLOURS = ("#1a9870", "#d9822b", "#4a86c5", "#a56cc1", "#c8566b", "#8b9692")
"""One for each of the avatars used most; the last for all others."""

INK, RULE = "#7c8783", "#7c878355"
"""On nothing: both are read on the white and on the dark page of a chat program, with a contrast above 3 to 1."""

OTHERS = "others"
LONGEST_NAME = 16
LABELS = 10
LINES = 5

Rows = Mapping[str, Sequence[float]]
"""Minutes of each day by avatar."""


def minutes_by_day(used: Sequence[UsedMinutes], first: date, days: int) -> bytes:
    """A PNG with a bar for each day, in the colours of the avatars, on a transparent ground. The last day is called today.

    An avatar whose name cannot be drawn has its rank among those used most, which is its place in the answer's text.
    """
    calendar = [first + timedelta(days=number) for number in range(days)]
    rows = _by_avatar(used, calendar)
    # The ground has the colour of the ink, without any of it: the edges of letters are blended with that.
    picture = Image.new("RGBA", SIZE, f"{INK}00")
    chart = _Chart(ImageDraw.Draw(picture), days, max(map(sum, zip(*rows.values(), strict=True)), default=0.0))
    chart.title("Minutes a day")
    chart.lines()
    chart.days(calendar)
    chart.bars(rows)
    chart.legend(list(rows))
    written = io.BytesIO()
    picture.save(written, "PNG", compress_type=Z_RLE)  # of flat areas: in half the time of the default, a tenth larger
    return written.getvalue()


def described(used: Sequence[UsedMinutes], first: date, days: int) -> str:
    """What the picture shows, in one sentence for those who do not see it."""
    minutes: defaultdict[date, float] = defaultdict(float)
    for run in used:
        minutes[run.day] += run.minutes
    last = first + timedelta(days=days - 1)
    most = max(minutes, key=lambda day: minutes[day], default=last)
    span = f"from {_day(first)} to {_day(last)}" if days > 1 else f"on {_day(last)}"
    return f"Bar chart of minutes a day {span}; the most were {minutes[most]:,.0f}, on {_day(most)}."


@dataclass(frozen=True, slots=True)
class _Chart:
    draw: ImageDraw.ImageDraw
    number: int
    most: float

    def title(self, text: str) -> None:
        self._text((LEFT, 30), text, 36, "lt")

    def lines(self) -> None:
        """One for each round number of minutes."""
        for minutes in range(0, ceil(self._top) + 1, self._step):
            self.draw.line([(LEFT, self._y(minutes)), (RIGHT, self._y(minutes))], RULE, 2)
            self._text((LEFT - 16, self._y(minutes)), f"{minutes:,}", 26, "rm")

    def days(self, calendar: Sequence[date]) -> None:
        """Counted from the end, so that today has its label."""
        for back in range(0, self.number, ceil(self.number / LABELS)):
            place = self.number - 1 - back
            self._text((self._x(place + 0.5), BOTTOM + 18), _day(calendar[place]) if back else "today", 26, "mt")

    def bars(self, rows: Rows) -> None:
        floor = [0.0] * self.number
        for minutes, colour in zip(rows.values(), COLOURS, strict=False):
            for place, amount in enumerate(minutes):
                if amount:
                    self._bar(place, floor[place], amount, colour)
                    floor[place] += amount

    def legend(self, names: Sequence[str]) -> None:
        right = RIGHT
        for rank, (name, colour) in reversed(list(enumerate(zip(names, COLOURS, strict=False), 1))):
            shown = _short(_drawable(name) or f"no. {rank}")
            right -= ceil(_font(26).getlength(shown))
            self._text((right, 96), shown, 26, "lm")
            self.draw.rectangle([right - 34, 85, right - 12, 107], colour)
            right -= 64

    def _bar(self, place: int, low: float, amount: float, colour: str) -> None:
        top, bottom = round(self._y(low + amount)), round(self._y(low))
        left, right = round(self._x(place + 0.1)), round(self._x(place + 0.9))
        self.draw.rectangle([left, min(top, bottom - 1), max(left, right - 1), bottom - 1], colour)

    def _text(self, at: tuple[float, float], text: str, size: int, anchor: str) -> None:
        self.draw.text(at, text, INK, _font(size), anchor)

    @property
    def _step(self) -> int:
        """1, 2 or 5, or one of these with zeros, so that few lines reach the top."""
        whole = max(1.0, self.most / LINES)
        ten = int(10 ** int(log10(whole)))
        return next(step * ten for step in (1, 2, 5, 10) if step * ten >= whole)

    @property
    def _top(self) -> float:
        return max(1.0, 1.05 * self.most)

    def _x(self, place: float) -> float:
        return LEFT + (RIGHT - LEFT) * place / self.number

    def _y(self, minutes: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * minutes / self._top


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _drawable(name: str) -> str:
    """A name in the letters that Pillow's own font has, which are those of ASCII; `''` when most of it is not among them."""
    plain = clean_name(name) if name else "unnamed"
    letters = normalize("NFKD", plain).encode("ascii", "ignore").decode().strip()
    return letters if 2 * len(letters) > len(plain) else ""


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def _day(day: date) -> str:
    return f"{day:%b} {day.day}"


def _by_avatar(used: Sequence[UsedMinutes], calendar: Sequence[date]) -> Rows:
    """Minutes of each day by avatar, those used most first, the rest as one."""
    totals: defaultdict[str, float] = defaultdict(float)
    for run in used:
        totals[run.avatar_name] += run.minutes
    ranked = sorted(totals, key=lambda name: -totals[name])
    own_colour = set(ranked if len(ranked) <= len(COLOURS) else ranked[: len(COLOURS) - 1])
    rows = {name: [0.0] * len(calendar) for name in [*filter(own_colour.__contains__, ranked)]}
    place = {day: number for number, day in enumerate(calendar)}
    for run in used:
        name = run.avatar_name if run.avatar_name in own_colour else OTHERS
        rows.setdefault(name, [0.0] * len(calendar))[place[run.day]] += run.minutes
    return rows
