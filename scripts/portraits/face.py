"""A face in SVG, in a square of 240: everything that moves is a function of the pose."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pose:
    """`sway` is -1 to 1, from breathed out to breathed in; `open` and `round` describe the mouth, `shut` the eyes, each 0 to 1."""

    sway: float = 0.0
    open: float = 0.0
    round: float = 0.0
    shut: float = 0.0


@dataclass(frozen=True, slots=True)
class Skin:
    """`light` to `shade` on the face; `line` draws nose and lashes."""

    light: str
    base: str
    shade: str
    lips: str
    blush: str
    line: str = "#3b2320"


@dataclass(frozen=True, slots=True)
class Look:
    skin: Skin
    brow: str
    iris: str
    lashes: float = 2.2
    brow_width: float = 3.4
    lip_width: float = 1.0
    beard: str = ""
    """Drawn below the mouth."""


def _between(start: float, end: float, share: float) -> float:
    return round(start + (end - start) * share, 2)


def gradients(skin: Skin) -> str:
    return (
        f'<linearGradient id="skin" x1=".2" x2=".85" y2="1"><stop stop-color="{skin.light}"/>'
        f'<stop offset=".55" stop-color="{skin.base}"/><stop offset="1" stop-color="{skin.shade}"/></linearGradient>'
        f'<radialGradient id="blush"><stop stop-color="{skin.blush}" stop-opacity=".5"/>'
        f'<stop offset="1" stop-color="{skin.blush}" stop-opacity="0"/></radialGradient>'
    )


def face(look: Look, pose: Pose) -> str:
    chin = round(163 + 3.5 * pose.open, 2)
    outline = (
        f"M79 102C78 62 162 62 161 102C161 120 158 134 151 145C143 157 133 {chin} 120 {chin}"
        f"C107 {chin} 97 157 89 145C82 134 79 120 79 102Z"
    )
    ears = "".join(
        f'<ellipse cx="{x}" cy="114" rx="7" ry="11" fill="{look.skin.base}"/>'
        f'<path d="M{x - 2} 109q4 4 1 10" fill="none" stroke="{look.skin.shade}" stroke-width="2" stroke-linecap="round"/>'
        for x in (79, 161)
    )
    cheeks = "".join(f'<ellipse cx="{x}" cy="132" rx="14" ry="11" fill="url(#blush)"/>' for x in (95, 145))
    return "".join(
        (
            ears,
            f'<path d="{outline}" fill="url(#skin)"/>',
            look.beard,
            cheeks,
            _nose(look.skin),
            _mouth(look, pose),
            *(_eye(look, pose, side) for side in (-1, 1)),
        )
    )


def _nose(skin: Skin) -> str:
    return (
        f'<path d="M121 106C123 116 127 124 124 128C121 131 115 130 113.500 127" fill="none" stroke="{skin.shade}" '
        'stroke-width="2.600" stroke-linecap="round"/>'
        '<ellipse cx="118" cy="121" rx="2.400" ry="5" fill="#fff" opacity=".16"/>'
    )


def _eye(look: Look, pose: Pose, side: int) -> str:
    """Drawn on the left of the face and mirrored; the highlight is on the same side in both."""
    upper, lower = (100.5, 99.5), (116.5, 115.5)
    edge = tuple(_between(a, b, pose.shut) for a, b in zip(upper, lower, strict=True))
    glance = round(0.5 * pose.sway, 2)
    lifted = round(-1.2 * pose.open - 0.4 * pose.sway + 1.5 * pose.shut, 2)
    ball = "M92.500 109.500C95.500 100.500 109 99.500 113.500 109C110 115.500 97 116.500 92.500 109.500Z"
    lid = f"M92.500 109.500C95.500 100.500 109 99.500 113.500 109C109 {edge[1]} 95.500 {edge[0]} 92.500 109.500Z"
    lash = f"M91.500 109.800C95.500 {edge[0]} 109 {edge[1]} 114 109"
    mirrored = "" if side < 0 else ' transform="translate(240 0) scale(-1 1)"'
    return (
        f"<g{mirrored}>"
        f'<path d="{ball}" fill="#fdfdfb"/><g clip-path="url(#ball)">'
        f'<circle cx="{103.4 - side * glance}" cy="107.800" r="5.600" fill="{look.iris}"/>'
        f'<circle cx="{103.4 - side * glance}" cy="107.800" r="2.700" fill="#16110f"/>'
        f'<circle cx="{103.4 - side * glance - side * -1.8}" cy="105.800" r="1.700" fill="#fff"/>'
        f'<path d="M91 100h24v4.500q-12-3-24 2z" fill="#2a1c1a" opacity=".16"/></g>'
        f'<path d="{lid}" fill="{look.skin.base}"/>'
        f'<path d="{lash}" fill="none" stroke="{look.skin.line}" stroke-width="{look.lashes}" stroke-linecap="round"/>'
        f'<path d="M91.500 {97 + lifted}C96 {91.5 + lifted} 106 {91 + lifted} 113 {95 + lifted}" fill="none" stroke="{look.brow}" '
        f'stroke-width="{look.brow_width}" stroke-linecap="round"/></g>'
    )


EYEBALL = (
    '<clipPath id="ball"><path d="M92.500 109.500C95.500 100.500 109 99.500 113.500 109C110 115.500 97 116.500 92.500 109.500Z"/>'
    "</clipPath>"
)


def _mouth(look: Look, pose: Pose) -> str:
    half = round((13.5 - 2.5 * pose.open - 5.5 * pose.round) * look.lip_width, 2)
    left, right = 120 - half, 120 + half
    top, drop = round(141 - 1.5 * pose.open, 2), round(14 * pose.open + 3 * pose.round, 2)
    smile = round(1.6 * (1 - pose.open), 2)
    if pose.open < 0.05:
        return _closed(look.skin, left, right)
    outer = (
        f"M{left} {top - smile}C{120 - half * 0.5} {top - 4} 117 {top - 4} 120 {top - 2.6}"
        f"C123 {top - 4} {120 + half * 0.5} {top - 4} {right} {top - smile}"
        f"C{120 + half * 0.75} {top + drop + 5} {120 - half * 0.75} {top + drop + 5} {left} {top - smile}Z"
    )
    inner = (
        f"M{left + 2} {top - smile + 0.4}C{120 - half * 0.5} {top - 0.8} {120 + half * 0.5} {top - 0.8} {right - 2} {top - smile + 0.4}"
        f"C{120 + half * 0.7} {top + drop + 1.2} {120 - half * 0.7} {top + drop + 1.2} {left + 2} {top - smile + 0.4}Z"
    )
    teeth = f"M{left} {top - 4}H{right}V{top + 1.6 + 1.6 * pose.open}Q120 {top + 3.4 + 2 * pose.open} {left} {top + 1.6 + 1.6 * pose.open}Z"
    return (
        f'<clipPath id="mouth"><path d="{inner}"/></clipPath><path d="{outer}" fill="{look.skin.lips}"/>'
        f'<path d="{inner}" fill="#4a1518"/><g clip-path="url(#mouth)">'
        f'<ellipse cx="120" cy="{top + drop + 2}" rx="{half * 0.62}" ry="{1 + 4.5 * pose.open}" fill="#c9605c"/>'
        f'<path d="{teeth}" fill="#fbf8f4"/></g>'
    )


def _closed(skin: Skin, left: float, right: float) -> str:
    return (
        f'<path d="M{left} 140.500C{left + 6} 137.500 116 136.800 120 138.400C124 136.800 {right - 6} 137.500 {right} 140.500'
        f'C{right - 6} 148.500 {left + 6} 148.500 {left} 140.500Z" fill="{skin.lips}"/>'
        f'<path d="M{left - 1.5} 138.800C{left + 6} 144.500 {right - 6} 144.500 {right + 1.5} 138.800" fill="none" stroke="{skin.line}" '
        'stroke-opacity=".75" stroke-width="1.900" stroke-linecap="round"/>'
        '<path d="M114 146.200q6 1.600 12 0" fill="none" stroke="#fff" stroke-opacity=".28" stroke-width="1.600" stroke-linecap="round"/>'
    )
