"""What is behind them: drawn 427 wide around the square, softly out of focus."""

FULL = 'x="-112" y="-16" width="464" height="272"'
"""More than is seen: what is out of focus fades at its edges."""


def _wall(top: str, bottom: str) -> str:
    return (
        f'<linearGradient id="wall" x2="0" y2="1"><stop stop-color="{top}"/><stop offset="1" stop-color="{bottom}"/>'
        f'</linearGradient><rect {FULL} fill="url(#wall)"/>'
    )


def _glow(x: float, y: float, radius: float, colour: str, strength: float = 0.8) -> str:
    name = f"glow{round(x)}{round(y)}".replace("-", "m")
    return (
        f'<radialGradient id="{name}"><stop stop-color="{colour}" stop-opacity="{strength}"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/></radialGradient>'
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="url(#{name})"/>'
    )


def _books(x: float, y: float, colours: str, *, height: int = 34) -> str:
    """A row of books standing on `y`, one for each letter of `colours`."""
    palette = {
        "r": "#a8503f",
        "g": "#5d7f63",
        "b": "#4d6788",
        "y": "#d0a24c",
        "p": "#82587b",
        "w": "#efe3cf",
        "t": "#3f7a78",
        "k": "#4b3a34",
    }
    rows = []
    for number, colour in enumerate(colours):
        wide, tall = 7 + (number * 5) % 4, height - (number * 7) % 11
        rows.append(f'<rect x="{x}" y="{y - tall}" width="{wide}" height="{tall}" rx="1" fill="{palette[colour]}"/>')
        x += wide + 1
    return "".join(rows)


def _plant(x: float, y: float, leaf: str = "#5f8f6a", pot: str = "#c77b55") -> str:
    leaves = "".join(
        f'<path d="M{x} {y}q{dx * 0.25} {-dy * 0.85} {dx} {-dy}q{-dx * 0.2} {dy * 0.75} {-dx} {dy}z" fill="{leaf}" opacity="{shade}"/>'
        for dx, dy, shade in (
            (-34, 44, 0.85),
            (30, 50, 0.9),
            (-14, 66, 1),
            (16, 70, 0.8),
            (-40, 20, 0.7),
            (40, 24, 0.75),
        )
    )
    return f'{leaves}<path d="M{x - 15} {y - 2}h30l-5 28h-20z" fill="{pot}"/>'


def living_room() -> str:
    window = (
        '<rect x="-70" y="18" width="96" height="120" rx="5" fill="#fff5e3"/><rect x="-64" y="24" width="84" height="108" fill="#f9c98f"/>'
        '<path d="M-64 100q24-26 44-10t40-18v60h-84z" fill="#e79a6e"/><path d="M-64 112q34-18 84 2v18h-84z" fill="#b9705a"/>'
        '<circle cx="-8" cy="70" r="13" fill="#fff3d2"/><path d="M-22 24v108M-64 78h84" stroke="#fff5e3" stroke-width="4"/>'
        '<path d="M-78 10h26q2 60-14 140h-20zM8 10h28q10 80-2 140h-18q4-80-8-140z" fill="#c9667a" opacity=".85"/>'
    )
    knowledge_bases = '<path d="M232 92h104v5h-104zM232 150h104v5h-104z" fill="#a5714f"/>'
    lamp = _glow(306, 200, 70, "#ffe3ae") + '<path d="M288 214h36l-9-34h-18zM303 214h6v40h-6z" fill="#f3d7a4"/>'
    return (
        _wall("#f3d9c6", "#dfa999")
        + _glow(-20, 70, 120, "#ffe8c0")
        + window
        + knowledge_bases
        + _books(236, 92, "rwgbyprwt")
        + _books(236, 150, "ybwrpg", height=40)
        + lamp
    )


def morning_studio() -> str:
    sky = '<rect x="-80" y="20" width="400" height="150" rx="8" fill="#cfeaf2"/>' + _glow(256, 128, 80, "#fff0b8", 1)
    sun = '<circle cx="256" cy="132" r="26" fill="#ffd257"/>'
    city = "".join(
        f'<rect x="{x}" y="{170 - h}" width="{w}" height="{h}" fill="{c}"/>'
        for x, w, h, c in (
            (-80, 34, 60, "#9cc3d2"),
            (-42, 26, 92, "#88b3c6"),
            (-12, 30, 48, "#9cc3d2"),
            (22, 24, 78, "#7fabc0"),
            (182, 28, 66, "#9cc3d2"),
            (214, 22, 40, "#88b3c6"),
            (278, 24, 84, "#88b3c6"),
            (304, 18, 52, "#9cc3d2"),
        )
    )
    frame = '<path d="M-80 20h400v150h-400zM52 20v150M188 20v150" fill="none" stroke="#fff" stroke-width="6"/>'
    desk = '<rect x="-112" y="182" width="464" height="74" fill="#e9b04a"/><rect x="-112" y="182" width="464" height="7" fill="#f6cf7d"/>'
    mug = (
        '<path d="M-28 162h24v24q-12 6-24 0zM-4 167q12 0 10 8t-10 6" fill="#d9583f" stroke="#d9583f" stroke-width="3"/>'
    )
    return _wall("#f8e3b8", "#f0c878") + sky + sun + city + frame + desk + mug


def news_studio() -> str:
    panels = "".join(
        f'<rect x="{x}" y="22" width="78" height="118" rx="6" fill="#1c4a78"/><rect x="{x}" y="22" width="78" height="118" rx="6" '
        'fill="none" stroke="#3f7db8" stroke-width="2"/>'
        for x in (-84, 4, 158, 246)
    )
    chart = (
        '<path d="M-74 118l16-22 14 10 18-36 16 14" fill="none" stroke="#6fd0f2" stroke-width="4" stroke-linecap="round"/>'
        '<path d="M256 116v-20h10v20M274 116v-44h10v44M292 116v-30h10v30M310 116v-60h6v60" fill="#f2735f"/>'
        '<g fill="none" stroke="#5ea8dc" stroke-width="2.500"><circle cx="208" cy="80" r="30"/><path d="M178 80h60M208 50q-24 30 0 60M208 50q24 30 0 60"/></g>'
        '<path d="M14 42h40M14 54h54M14 66h30M14 78h48" stroke="#5ea8dc" stroke-width="4" stroke-linecap="round"/>'
    )
    desk = '<rect x="-112" y="196" width="464" height="60" fill="#0c2440"/><rect x="-112" y="192" width="464" height="6" fill="#e0483e"/>'
    return _wall("#123257", "#0d2643") + _glow(120, 70, 170, "#3f8fd0", 0.5) + panels + chart + desk


def mountains() -> str:
    arch = (
        '<path d="M-112-16h464v272h-464zM-58 242V110q0-96 88-96h180q88 0 88 96v132z" fill="#c9683f" fill-rule="evenodd"/>'
        '<path d="M-58 242V110q0-96 88-96h180q88 0 88 96v132" fill="none" stroke="#f0b57a" stroke-width="6"/>'
    )
    hills = (
        '<path d="M-60 180l60-76 40 44 54-84 60 78 48-50 100 90v64h-362z" fill="#8fb6b0"/>'
        '<path d="M0 104l-16 21 14-4 10 8 6-9zM94 64l-18 28 14-5 10 8 10-9z" fill="#eef6f3"/>'
        '<path d="M-60 204q70-44 140-18t120-12 100 20v52h-360z" fill="#5f9482"/>'
    )
    lantern = (
        _glow(258, 66, 46, "#ffe7a3")
        + '<path d="M258 0v40M246 44h24l6 26-10 14h-16l-10-14z" fill="#f5c451" stroke="#a04e2e" stroke-width="2.500"/>'
    )
    return _wall("#fde6bd", "#f6cf9a") + _glow(40, 60, 90, "#fff6da") + hills + arch + lantern


def hotel_lobby() -> str:
    columns = "".join(
        f'<rect x="{x}" y="-2" width="30" height="200" fill="#dff0ec"/><rect x="{x + 20}" y="-2" width="10" height="200" fill="#c4e0da"/>'
        for x in (-66, 34, 178, 276)
    )
    arches = '<path d="M-36 200V90q35-46 70 0v110M64 200V84q57-62 114 0v116M208 200V90q34-46 68 0v110" fill="#7fc0bb"/><path d="M64 200V150q57-24 114 0v50M-36 200v-40h70v40M208 200v-40h68v40" fill="#4f9a97"/>'
    counter = '<rect x="-112" y="194" width="464" height="62" fill="#8a5a3c"/><rect x="-112" y="190" width="464" height="7" fill="#c58f5f"/>'
    wakeup = '<path d="M-22 190a16 14 0 0 1 32 0z" fill="#e9c25a"/><circle cx="-6" cy="174" r="3" fill="#e9c25a"/>'
    return _wall("#eaf6f3", "#c9e5df") + columns + arches + counter + wakeup + _plant(290, 178, "#4e8f6b", "#e8d7b4")


def fjord_gym() -> str:
    window = (
        '<rect x="-80" y="14" width="400" height="140" fill="#d9eef6"/><path d="M-80 120l60-66 34 36 50-62 44 58 40-44 60 62 40-30 72 60v20h-400z" fill="#7d9bb0"/>'
        '<path d="M64 28l-14 18 12-4 8 8 8-8zM-20 54l-12 14 10-4 8 6 6-5z" fill="#fff"/><rect x="-80" y="122" width="400" height="32" fill="#5fa1b8"/>'
        '<path d="M-80 14h400v140h-400zM20 14v140M220 14v140" fill="none" stroke="#f7fafb" stroke-width="7"/>'
    )
    floor = '<rect x="-112" y="176" width="464" height="80" fill="#d8b48a"/><path d="M-112 190h464M-112 206h464" stroke="#c49f76" stroke-width="2"/>'
    weights = '<path d="M252 190h64" stroke="#47525c" stroke-width="5"/><path d="M246 172h12v36h-12zM310 172h12v36h-12z" fill="#d4583f"/><circle cx="-48" cy="190" r="27" fill="#7a6bb5"/><path d="M-66 180q16-14 34-4" fill="none" stroke="#a99cd8" stroke-width="4"/>'
    return _wall("#eef3f5", "#dfe7ea") + window + floor + weights


def library() -> str:
    case = "".join(f'<rect x="{x}" y="-16" width="142" height="272" fill="#6b4630"/>' for x in (-112, 210))
    boards = "".join(
        f'<rect x="{x}" y="{y}" width="142" height="6" fill="#8a5d40"/>'
        for x in (-112, 210)
        for y in (52, 112, 172, 232)
    )
    rows = ("rwgbypktwr", "kgybrwtpgb", "wprtkbygrw", "btgwrpykgb")
    books = "".join(
        _books(x + 6, y, row[shift:] + row[:shift], height=44)
        for y, row in zip((52, 112, 172, 232), rows, strict=True)
        for x, shift in ((-94, 0), (210, 4))
    )
    lamp = (
        _glow(66, 40, 90, "#ffe2a6", 0.9)
        + '<path d="M62-2v20M44 40q18-34 44 0z" fill="#2f6b52" stroke="#2f6b52" stroke-width="3"/>'
    )
    return _wall("#8a6a4f", "#5f4533") + _glow(120, 110, 150, "#d9a86c", 0.55) + case + boards + books + lamp


def workshop() -> str:
    board = '<rect x="-80" y="20" width="150" height="110" rx="4" fill="#c9a06e"/><rect x="174" y="20" width="146" height="110" rx="4" fill="#c9a06e"/>'
    tools = (
        '<g stroke="#4f5d66" stroke-width="7" stroke-linecap="round" fill="none"><path d="M-56 46v56M-58 44h20M-20 40v64M16 62v42"/><circle cx="16" cy="50" r="10"/>'
        '<path d="M196 40l30 64M226 40l-30 64M262 44v60M250 46h24"/></g><path d="M-26 82h12v26h-12zM256 78h12v28h-12z" fill="#d4583f"/>'
        '<circle cx="300" cy="70" r="15" fill="none" stroke="#4f5d66" stroke-width="7" stroke-dasharray="6 4"/>'
    )
    bench = '<rect x="-112" y="186" width="464" height="70" fill="#9a6b47"/><rect x="-112" y="182" width="464" height="8" fill="#c08e62"/>'
    return _wall("#e6eaec", "#c8d1d5") + board + tools + _glow(120, 40, 110, "#fff7de") + bench + _plant(294, 168)


def plain() -> str:
    return _wall("#e8eef4", "#cbd6e2") + _glow(120, 90, 170, "#ffffff", 0.7)
