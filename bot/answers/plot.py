"""Minutes as a picture."""

import io
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from bot.store.usage import Stretch

SIZE = (8, 4)
DPI = 120
COLOURS = ("#0b6b50", "#d98e32", "#4a7fb5", "#8fc2ab", "#9a6b9c", "#9aa5a0")
"""One for each of the avatars used most; the last for all others."""

INK, FAINT, RULE = "#1d2b26", "#66756f", "#e3e9e6"
OTHERS = "others"


def minutes_by_day(used: Sequence[Stretch], first: date, days: int) -> bytes:
    """A PNG with a bar for each day, in the colours of the avatars. Blocks for a while: matplotlib is loaded when it is needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - half a second, and rarely needed
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    calendar = [first + timedelta(days=number) for number in range(days)]
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    floor = [0.0] * days
    for (name, minutes), colour in zip(_by_avatar(used, calendar).items(), COLOURS, strict=False):
        axes.bar(range(days), minutes, bottom=floor, color=colour, label=_plain(name), width=0.8)
        floor = [low + more for low, more in zip(floor, minutes, strict=True)]
    step = max(1, days // 10)
    axes.set_xticks(range(0, days, step), [f"{day:%b} {day.day}" for day in calendar[::step]])
    axes.set_xlim(-0.6, days - 0.4)
    axes.set_ylim(0, max(1.0, 1.05 * max(floor)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_title("Minutes a day", loc="left", color=INK, fontweight="bold", pad=14)
    axes.grid(axis="y", color=RULE)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=FAINT)
    axes.spines[:].set_visible(False)
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(COLOURS), labelcolor=INK)
    picture = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _by_avatar(used: Sequence[Stretch], calendar: Sequence[date]) -> dict[str, list[float]]:
    """Minutes of each day by avatar, those used most first, the rest as one."""
    totals: defaultdict[str, float] = defaultdict(float)
    for stretch in used:
        totals[stretch.avatar_name] += stretch.minutes
    ranked = sorted(totals, key=lambda name: -totals[name])
    own_colour = set(ranked if len(ranked) <= len(COLOURS) else ranked[: len(COLOURS) - 1])
    rows = {name: [0.0] * len(calendar) for name in [*filter(own_colour.__contains__, ranked)]}
    place = {day: number for number, day in enumerate(calendar)}
    for stretch in used:
        name = stretch.avatar_name if stretch.avatar_name in own_colour else OTHERS
        rows.setdefault(name, [0.0] * len(calendar))[place[stretch.day]] += stretch.minutes
    return rows


def _plain(name: str) -> str:
    """Matplotlib hides labels that begin with `_` and reads `$` as mathematics."""
    return name.lstrip("_").replace("$", r"\$") or "unnamed"
