"""Who there is: hair, clothes, faces. Paths are in the square of 240 that a face stands in."""

from scripts.portraits import rooms
from scripts.portraits.face import Look, Pose, Skin
from scripts.portraits.figure import BUST, Figure

ROSY = Skin("#fbdcc6", "#f3c3a6", "#dc9f82", "#c96f66", "#e8766a")
FAIR = Skin("#fde3d2", "#f8d0b8", "#e2ad90", "#d37a74", "#ee8478")
SAND = Skin("#f9dcbd", "#efc49c", "#d49f76", "#c4635c", "#e4836a")
HONEY = Skin("#e3ac7d", "#cd9164", "#a96e47", "#a4574b", "#c9664a", "#2f1b15")
OLIVE = Skin("#eec7a1", "#deae83", "#bb875e", "#b75f58", "#d87a62", "#2f1d18")
DEEP = Skin("#9d6a49", "#825336", "#5f3a25", "#7d3d35", "#a3503a", "#1f110d")


def _cloth(colour: str, shade: str) -> str:
    return (
        f'<path d="{BUST}" fill="{colour}"/><path d="M14 246C16 220 30 206 52 198C46 214 44 230 46 246ZM226 246C224 220 210 206 188 198'
        f'C194 214 196 230 194 246Z" fill="{shade}" opacity=".55"/>'
    )


def _glasses(colour: str, radius: float, lens: str = "#fff") -> str:
    rims = "".join(f'<circle cx="{x}" cy="109" r="{radius}" fill="{lens}" fill-opacity=".14"/>' for x in (102.5, 137.5))
    return (
        f'<g stroke="{colour}" stroke-width="3" fill="none">{rims}<path d="M{102.5 + radius} 106q2.500-3 {35 - 2 * radius} 0'
        f'M{102.5 - radius} 106l-{21 - radius} -3M{137.5 + radius} 106l{21 - radius} -3"/></g>'
        '<path d="M94 102l6-5M129 102l6-5" stroke="#fff" stroke-opacity=".55" stroke-width="2" stroke-linecap="round"/>'
    )


ALMA = Figure(
    "sim_Alma_cardigan_1080P",
    "Alma, a storyteller with white hair, round glasses and a plum cardigan",
    rooms.living_room,
    Look(ROSY, "#b9b4b4", "#5b86a5", brow_width=3),
    '<path d="M84 184C96 210 144 210 156 184L142 246H98Z" fill="#fbf3e6"/><path d="M98 184l22 22-14 12-20-30zM142 184l-22 22 14 12 20-30z" '
    'fill="#fff" stroke="#e6d9c6" stroke-width="1.500"/><path d="M14 246C16 208 46 192 86 185C88 210 100 232 112 246Z" fill="#8a4470"/>'
    '<path d="M226 246C224 208 194 192 154 185C152 210 140 232 128 246Z" fill="#7a3a62"/><path d="M86 185C88 210 100 232 112 246'
    'M154 185C152 210 140 232 128 246" fill="none" stroke="#5f2c4c" stroke-width="3"/><circle cx="98" cy="228" r="3.200" fill="#eec46a"/>'
    '<circle cx="106" cy="242" r="3.200" fill="#eec46a"/>',
    back='<circle cx="120" cy="34" r="23" fill="#d9d8de"/><path d="M104 26q16-14 32 0M102 38q18-10 36 0" fill="none" stroke="#c3c2cb" '
    'stroke-width="2.500"/><path d="M68 116C58 58 92 44 120 44S182 58 172 116C170 140 160 146 154 138L86 138C80 146 70 140 68 116Z" fill="#dcdbe0"/>',
    front='<path d="M74 116C68 66 96 48 122 48C152 48 174 68 166 116C160 112 158 100 156 92C144 92 128 84 122 70C114 86 96 94 84 94'
    'C82 102 80 112 74 116Z" fill="#ecebef"/><path d="M122 70C126 62 124 54 120 49M100 60q-14 12-18 30M142 60q12 10 16 28" fill="none" '
    'stroke="#cfced6" stroke-width="2.500" stroke-linecap="round"/>'
    + _glasses("#a8453c", 17)
    + '<circle cx="78" cy="130" r="4" fill="#f2c766"/><circle cx="162" cy="130" r="4" fill="#f2c766"/>',
)

KOFI = Figure(
    "sim_Kofi_yellow_1080P",
    "Kofi, a morning host with short hair and a yellow jumper",
    rooms.morning_studio,
    Look(DEEP, "#20130e", "#3a2015", brow_width=4.4, lip_width=1.08),
    _cloth("#f3b62f", "#d0901a")
    + '<path d="M92 184C100 208 140 208 148 184L156 188C146 222 94 222 84 188Z" fill="#d99a20"/>'
    '<path d="M60 216q-6 14-6 30M180 216q6 14 6 30" fill="none" stroke="#c98a17" stroke-width="3" stroke-linecap="round"/>'
    '<path d="M112 219l8 27 8-27" fill="none" stroke="#fff4d4" stroke-width="3" stroke-linecap="round"/>',
    front='<path d="M76 104C72 62 94 44 120 44S168 62 164 104C160 102 160 98 159 94C156 86 152 83 144 82C130 77 110 77 96 82'
    'C88 83 84 86 81 94C80 98 80 102 76 104Z" fill="#1f1512"/><path d="M92 56q28-16 56 0M84 72q36-20 72 0" fill="none" stroke="#3b2a24" '
    'stroke-width="3" stroke-dasharray="1.500 4.500" stroke-linecap="round"/>',
)

MEI = Figure(
    "sim_Mei-studio_1080P",
    "Mei, a news anchor with a black bob and a red blazer",
    rooms.news_studio,
    Look(SAND, "#221a1c", "#38231d", lashes=3),
    '<path d="M92 184C104 206 136 206 148 184L136 246H104Z" fill="#fff"/><path d="M14 246C16 208 46 192 92 184L120 246Z" fill="#d23b35"/>'
    '<path d="M226 246C224 208 194 192 148 184L120 246Z" fill="#bd302c"/><path d="M92 184L74 200L92 212L86 220L120 246ZM148 184L166 200L148 212'
    'L154 220L120 246Z" fill="#e6504a" stroke="#a32722" stroke-width="1.500"/><path d="M180 216h14v9h-14z" fill="#fbe3df"/>',
    back='<path d="M66 158C50 60 88 38 120 38S190 60 174 158C172 172 156 170 148 166L92 166C84 170 68 172 66 158Z" fill="#17141b"/>',
    front='<path d="M72 128C64 64 92 42 120 42S176 64 168 128C166 142 164 150 160 156C158 132 158 112 152 98C132 98 104 96 90 90'
    'C86 108 84 132 80 156C76 150 74 142 72 128Z" fill="#221d27"/><path d="M88 92C104 98 134 100 153 98C154 86 146 66 120 66S90 78 88 92Z" '
    'fill="#221d27"/><path d="M96 60q22-14 46 2M86 80q2-12 10-18" fill="none" stroke="#51485c" stroke-width="3.500" stroke-linecap="round"/>'
    '<circle cx="79" cy="132" r="3" fill="#f4e7c5"/><circle cx="161" cy="132" r="3" fill="#f4e7c5"/>',
)

RAVI = Figure(
    "sim_Ravi_turban_1080P",
    "Ravi, a guide with a saffron turban and a beard",
    rooms.mountains,
    Look(
        HONEY,
        "#2a1b18",
        "#45281a",
        brow_width=4.6,
        beard='<path d="M80 116C80 130 82 146 92 158C100 170 110 174 120 174S140 170 148 158C158 146 160 130 160 116C156 124 152 130 146 131'
        'C138 128 128 128 120 130C112 128 102 128 94 131C88 130 84 124 80 116Z" fill="#2e201c"/><path d="M104 148C108 154 132 154 136 148'
        'C134 138 106 138 104 148Z" fill="#cd9164"/>',
    ),
    _cloth("#1f7a76", "#135652")
    + '<path d="M96 184C106 204 134 204 144 184L150 188C142 214 98 214 90 188Z" fill="#f1e2c2"/>'
    '<path d="M120 206v40" stroke="#f1e2c2" stroke-width="4"/><circle cx="120" cy="222" r="2.500" fill="#1f7a76"/><circle cx="120" cy="238" '
    'r="2.500" fill="#1f7a76"/>',
    front='<path d="M70 98C60 50 84 22 122 22S182 52 170 98C166 88 160 84 152 82C130 74 108 74 88 82C80 84 74 90 70 98Z" fill="#ee8b2a"/>'
    '<path d="M72 92C92 84 128 56 132 24M168 90C148 78 112 56 104 26M84 82C106 76 142 52 154 36M156 82C134 74 98 50 86 38" fill="none" '
    'stroke="#c5661a" stroke-width="3" stroke-linecap="round"/><path d="M76 84C96 66 144 66 164 84C150 74 90 74 76 84Z" fill="#f7a94f"/>'
    '<path d="M114 50l6-8 6 8-6 9z" fill="#fbe7b0" stroke="#a3541a" stroke-width="1.500"/>',
)

YASMIN = Figure(
    "sim_Yasmin_scarf_1080P",
    "Yasmin, a concierge with a turquoise headscarf",
    rooms.hotel_lobby,
    Look(OLIVE, "#3a251d", "#5a3a22", lashes=3.2),
    '<path d="M14 246C16 206 50 190 98 184L142 184C190 190 224 206 226 246Z" fill="#2d3a5a"/><path d="M62 186C84 232 156 232 178 186L200 196'
    'C176 250 64 250 40 196Z" fill="#1f9aa3"/><path d="M72 190C96 226 150 224 172 190M60 198C90 244 150 242 184 196" fill="none" '
    'stroke="#15757e" stroke-width="3" stroke-linecap="round"/>',
    back='<path d="M60 150C48 60 84 34 120 34S192 60 180 150C178 184 168 196 150 200L90 200C72 196 62 184 60 150Z" fill="#178790"/>',
    front='<path d="M60 150C48 60 84 34 120 34S192 60 180 150C178 176 166 192 150 198C160 176 164 150 161 122C158 84 144 68 120 68S82 84 79 122'
    'C76 150 80 176 90 198C74 192 62 176 60 150Z" fill="#22a5ae"/><path d="M90 198C100 186 110 178 120 178S140 186 150 198C132 210 108 210 90 198Z" '
    'fill="#22a5ae"/><path d="M79 122C82 84 96 66 120 66S158 84 161 122" fill="none" stroke="#15757e" stroke-width="3.500"/>'
    '<path d="M70 140C66 92 84 54 118 46M170 140C172 104 162 72 140 54M100 200C110 190 130 186 146 194" fill="none" stroke="#177f88" '
    'stroke-width="2.500" stroke-linecap="round"/><circle cx="176" cy="214" r="4" fill="#e9c56a"/>',
)

INGRID = Figure(
    "sim_Ingrid_braids_1080P",
    "Ingrid, a trainer with blonde braids",
    rooms.fjord_gym,
    Look(FAIR, "#b98743", "#3f86a8", lashes=2.6),
    _cloth("#3d6db5", "#2b4f8a")
    + '<path d="M92 184C102 210 138 210 148 184L156 186C148 224 92 224 84 186Z" fill="#f3f6fa"/>'
    '<path d="M28 220q10-18 34-26M212 220q-10-18-34-26" fill="none" stroke="#f3f6fa" stroke-width="5" stroke-linecap="round"/>'
    + "".join(
        f'<ellipse cx="{x + (number % 2) * 2 - 1}" cy="{178 + number * 13}" rx="9.500" ry="8.500" fill="{"#f0c566" if number % 2 else "#e6b650"}"/>'
        for x in (68, 172)
        for number in range(5)
    )
    + '<path d="M60 242h16M164 242h16" stroke="#d4583f" stroke-width="6" stroke-linecap="round"/>',
    back='<path d="M68 122C58 58 90 42 120 42S182 58 172 122C174 150 170 164 176 180H160L156 130H84L80 180H64C70 164 66 150 68 122Z" fill="#e0b04c"/>',
    front='<path d="M74 126C66 66 94 44 120 44S174 66 166 126C164 142 162 152 160 160C158 132 158 108 148 92C140 78 128 70 121 66C114 70 100 78 92 92'
    'C82 108 82 132 80 160C78 152 76 142 74 126Z" fill="#efc566"/><path d="M121 66C121 58 120 50 120 45M104 54C90 68 82 90 79 118M136 54'
    'C150 68 158 90 161 118" fill="none" stroke="#cf9d3c" stroke-width="2.500" stroke-linecap="round"/>'
    '<path d="M80 78C98 56 142 56 160 78" fill="none" stroke="#d4583f" stroke-width="6" stroke-linecap="round"/>',
)

THEO = Figure(
    "sim_Theo_glasses_1080P",
    "Theo, a librarian with glasses and a tweed jacket",
    rooms.library,
    Look(
        ROSY,
        "#54341f",
        "#55703f",
        brow_width=4.2,
        beard='<path d="M80 118C80 134 84 148 92 156C100 166 110 168 120 168S140 166 148 156C156 148 160 134 160 118C156 132 150 138 144 139'
        'C134 134 106 134 96 139C90 138 84 132 80 118Z" fill="#7a4f30" opacity=".32"/>',
    ),
    '<path d="M88 184C100 206 140 206 152 184L138 246H102Z" fill="#f4efe4"/><path d="M110 200h20l-4 12 6 34h-24l6-34z" fill="#2f6b52"/>'
    '<path d="M14 246C16 208 46 192 90 184L116 246Z" fill="#8a7250"/><path d="M226 246C224 208 194 192 150 184L124 246Z" fill="#7b6545"/>'
    '<path d="M90 184L72 202L90 212L86 222L116 246ZM150 184L168 202L150 212L154 222L124 246Z" fill="#9a815d" stroke="#66533a" '
    'stroke-width="1.500"/><path d="M30 230l40 12M24 244l20-30M60 246l10-34M210 230l-40 12M216 244l-20-30M180 246l-10-34" stroke="#a48d69" '
    'stroke-width="1.500"/>',
    front='<path d="M76 106C66 60 92 36 124 38C158 40 174 66 164 106C160 100 160 92 156 86C150 82 146 76 142 70C126 82 104 82 92 78'
    'C88 84 84 94 82 98C80 102 78 104 76 106Z" fill="#6b4326"/><path d="M92 78C104 74 112 66 116 56M142 70C136 64 126 58 116 56M84 84'
    'C82 70 90 56 102 50M152 76C156 64 148 52 138 48" fill="none" stroke="#8d5e38" stroke-width="3" stroke-linecap="round"/>'
    + _glasses("#33302f", 15.5),
)


def _otto(pose: Pose) -> str:
    lid = round(13 * pose.shut, 2)
    rows = 1 + 7 * pose.open
    bars = "".join(
        f'<rect x="{97 + number * 8}" y="{146 - rows * (1.3 - abs(number - 2.5) * 0.2)}" width="5" height="{2 * rows * (1.3 - abs(number - 2.5) * 0.2)}" rx="2.500" fill="#7df0d0"/>'
        for number in range(6)
    )
    eyes = "".join(
        f'<circle cx="{x}" cy="104" r="14" fill="#0f2630"/><circle cx="{x + pose.sway * 0.6}" cy="104" r="8.500" fill="#55e0ff"/>'
        f'<circle cx="{x + 2.500}" cy="101" r="2.600" fill="#fff"/><path d="M{x - 15} 89h30v{lid}h-30zM{x - 15} {119 - lid}h30v{lid}h-30z" fill="#26414d"/>'
        for x in (98, 142)
    )
    return (
        '<path d="M120 58V36" stroke="#7b8b94" stroke-width="5"/><circle cx="120" cy="30" r="9" fill="#ff9d4d"/><circle cx="117" cy="27" r="3" '
        'fill="#ffe1c2"/><rect x="56" y="92" width="16" height="36" rx="6" fill="#8496a0"/><rect x="168" y="92" width="16" height="36" rx="6" '
        'fill="#8496a0"/><rect x="66" y="56" width="108" height="112" rx="30" fill="url(#tin)"/><path d="M76 76q44-18 88 0" fill="none" '
        'stroke="#fff" stroke-opacity=".5" stroke-width="4" stroke-linecap="round"/><rect x="76" y="82" width="88" height="44" rx="20" fill="#26414d"/>'
        f'{eyes}<rect x="90" y="134" width="60" height="24" rx="12" fill="#0f2630"/>{bars}<circle cx="82" cy="140" r="6" fill="#ffb48a" opacity=".8"/>'
        '<circle cx="158" cy="140" r="6" fill="#ffb48a" opacity=".8"/>'
    )


OTTO = Figure(
    "sim_Otto-robot_1080P",
    "Otto, a friendly tin robot",
    rooms.workshop,
    None,
    '<rect x="106" y="160" width="28" height="30" fill="#6d7c85"/><path d="M106 168h28M106 176h28" stroke="#566570" stroke-width="3"/>'
    '<path d="M20 246C20 206 48 188 88 184H152C192 188 220 206 220 246Z" fill="#8fa1ab"/><path d="M84 204h72v42H84z" fill="#a9b8c0"/>'
    '<circle cx="104" cy="222" r="7" fill="#ff9d4d"/><path d="M122 216h24M122 226h16" stroke="#5d6d77" stroke-width="4" stroke-linecap="round"/>'
    '<circle cx="44" cy="222" r="4" fill="#6d7c85"/><circle cx="196" cy="222" r="4" fill="#6d7c85"/>',
    defs='<linearGradient id="tin" x2=".8" y2="1"><stop stop-color="#dbe5ea"/><stop offset=".6" stop-color="#b3c3cc"/><stop offset="1" '
    'stop-color="#8b9da8"/></linearGradient>',
    head=_otto,
)


def _blank(pose: Pose) -> str:
    lid = round(3.4 * (1 - pose.shut) + 0.6, 2)
    eyes = "".join(f'<ellipse cx="{x}" cy="106" rx="3.800" ry="{lid}" fill="#6f849b"/>' for x in (104, 136))
    mouth = (
        f'<ellipse cx="120" cy="{134 + 3 * pose.open}" rx="{11 - 2 * pose.open - 4 * pose.round}" ry="{1.5 + 8 * pose.open}" fill="#6f849b"/>'
        if pose.open >= 0.05
        else '<path d="M108 131q12 9 24 0" fill="none" stroke="#6f849b" stroke-width="4" stroke-linecap="round"/>'
    )
    return (
        f'<path d="M76 106C74 44 166 44 164 106C164 142 144 163 120 163S76 142 76 106Z" fill="#b7c5d5"/>{eyes}{mouth}'
    )


BLANK = Figure(
    "blank",
    "An avatar of your own",
    rooms.plain,
    None,
    '<path d="M102 146V178C102 200 138 200 138 178V146Z" fill="#a5b5c8"/><path d="M14 246C16 206 50 190 98 184L142 184C190 190 224 206 226 246Z" '
    'fill="#b7c5d5"/><path d="M98 184q22 26 44 0" fill="#a5b5c8"/>',
    head=_blank,
)

CAST = (ALMA, KOFI, MEI, RAVI, YASMIN, INGRID, THEO, OTTO, BLANK)
