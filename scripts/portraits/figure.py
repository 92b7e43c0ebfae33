"""A whole picture: the room, the body, the head, each moved as the pose says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.portraits.face import EYEBALL, Look, Pose, face, gradients

SQUARE = "0 0 240 240"
WIDE = "-93.333 0 426.667 240"

BUST = "M14 246C16 206 50 190 98 184L142 184C190 190 224 206 226 246Z"
NECK = (
    "M102 146V178C102 200 138 200 138 178V146Z",
    "M102 160C110 172 130 172 138 160V169C130 182 110 182 102 169Z",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """Somebody of the cast. `clothes` covers the bust, `back` is behind the head, `front` before the face.

    `head` draws the head of somebody without a human face.
    """

    portrait: str
    label: str
    room: Callable[[], str]
    look: Look | None
    clothes: str
    back: str = ""
    front: str = ""
    defs: str = ""
    head: Callable[[Pose], str] | None = None


def drawn(figure: Figure, pose: Pose, view: str = SQUARE, **size: Any) -> str:
    """An SVG document; `size` may give width and height in pixels."""
    lift, lean = round(-0.9 * pose.sway, 2), round(1.1 * pose.sway, 2)
    sized = "".join(f' {name}="{value}"' for name, value in size.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}"{sized} role="img" aria-label="{figure.label}"><defs>'
        '<filter id="far" x="-5%" y="-5%" width="110%" height="110%"><feGaussianBlur stdDeviation="1.7"/></filter>'
        '<radialGradient id="cast-shadow"><stop stop-color="#1d1210" stop-opacity=".3"/><stop offset=".55" stop-color="#1d1210" '
        'stop-opacity=".16"/><stop offset="1" stop-color="#1d1210" stop-opacity="0"/></radialGradient>'
        f"{EYEBALL}{gradients(figure.look.skin) if figure.look else ''}{figure.defs}</defs>"
        f'<g filter="url(#far)">{figure.room()}</g>'
        '<ellipse cx="120" cy="240" rx="156" ry="90" fill="url(#cast-shadow)"/>'
        f'<g transform="translate({lean * 0.25} {lift}) rotate({lean} 120 230)"><g>{figure.back}</g></g>'
        f'<g transform="translate(0 {lift * 0.6})">{_bust(figure)}</g>'
        f'<g transform="translate({lean * 0.25} {lift}) rotate({lean} 120 230)">{_head(figure, pose)}</g></svg>\n'
    )


def _bust(figure: Figure) -> str:
    if figure.look is None:
        return figure.clothes
    skin = figure.look.skin
    return f'<path d="{NECK[0]}" fill="{skin.base}"/><path d="{NECK[1]}" fill="{skin.shade}" opacity=".75"/>{figure.clothes}'


def _head(figure: Figure, pose: Pose) -> str:
    if figure.head:
        return figure.head(pose)
    assert figure.look
    return f"{face(figure.look, pose)}{figure.front}"
