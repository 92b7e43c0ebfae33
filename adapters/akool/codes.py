"""What AKOOL's response codes mean: for each a sentence for the person, and what to do about it.

The codes are those of https://docs.akool.com/ai-tools-suite/error-code, all versions of the page merged. AKOOL answers
errors as `{"code", "msg"}`, mostly with HTTP 200; only `OK` is success.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bot.domain.errors import ProviderError, Verdict

OK = 1000
TOO_OFTEN = 1005
TOKEN_REFUSED = 1101
SERVER_ERROR = 2001

PASSING = frozenset({TOO_OFTEN, SERVER_ERROR})
"""Codes that may be gone a second later."""

NOT_RUNNING = frozenset({1008, 1014, 1216, 1219})
"""What AKOOL says about a session that is closed, or that it does not know."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says: `sentence` can be shown to anybody."""

    sentence: str
    verdict: Verdict


class Passing(ProviderError):
    """Likely to pass within seconds: a read tries again."""


def meaning(code: int) -> Meaning:
    """What `code` means; one that AKOOL does not document gets a sentence that names it."""
    known = MEANINGS.get(code)
    return known or Meaning(f"AKOOL refused this, with a code that it does not document ({code}).", Verdict.FIX_INPUT)


def refusal(code: int, said: str = "", *, certain: bool = True) -> ProviderError:
    """The error for a reply with `code`; `said` is AKOOL's own `msg` and goes to the log only."""
    what = meaning(code)
    kind = Passing if code in PASSING else ProviderError
    detail = f"AKOOL code {code}: {said}" if said else f"AKOOL code {code}"
    return kind(what.sentence, detail, verdict=what.verdict, code=code, certain=certain)


def _table(verdict: Verdict, sentences: Mapping[int, str]) -> dict[int, Meaning]:
    return {code: Meaning(sentence, verdict) for code, sentence in sentences.items()}


MEANINGS: Mapping[int, Meaning] = MappingProxyType(
    _table(
        Verdict.RETRY_LATER,
        {
            TOO_OFTEN: "AKOOL is asked too often at the moment. Try again in a few seconds.",
            1015: "AKOOL could not make the video. Try again in a minute.",
            1105: "AKOOL could not process the avatar. Try again in a minute.",
            1108: "AKOOL could not process the picture. Try again in a minute.",
            1110: "AKOOL could not process the sound. Try again in a minute.",
            1111: "AKOOL stumbled over the avatar on its own side. Try again in a minute.",
            1112: "AKOOL could not process the voice. Try again in a minute.",
            1201: "AKOOL could not make the sound. Try again in a minute.",
            1205: "AKOOL could not create the video. Try again in a minute.",
            1206: "AKOOL could not change the background. Try again in a minute.",
            1211: "AKOOL could not match lips and voice. Try again in a minute.",
            1212: "AKOOL could not read the mood of the text. Try again in a minute.",
            1214: "AKOOL is still preparing this avatar. Try again in a minute.",
            1215: "AKOOL is busy: it cannot host this avatar right now. Try again in a minute, or take another.",
            1217: "AKOOL stumbled over the live avatar on its own side. Try again in a minute.",
            1218: "AKOOL could not run the live avatar. Try again in a minute.",
            1234: "AKOOL could not create the knowledge base. Try again in a minute.",
            1235: "AKOOL could not change the knowledge base. Try again in a minute.",
            1236: "AKOOL could not open the knowledge base. Try again in a minute.",
            SERVER_ERROR: "AKOOL has a fault on its own side. Try again in a minute.",
        },
    )
    | _table(
        Verdict.FIX_INPUT,
        {
            1003: "AKOOL does not accept one of these values, or its account may not use it. Check what you typed and what "
            "/avatar defaults show lists; if all of it looks right, ask whoever runs this bot.",
            1007: "There are too many faces in the picture: AKOOL takes at most 8.",
            1010: "AKOOL does not let this be changed.",
            1011: "This was done before: AKOOL does not do it twice.",
            1013: "The video has no sound, and AKOOL needs one with sound.",
            1016: "AKOOL found no face that it can use. Take another picture or video.",
            1017: "The sound for this has not been made yet.",
            1202: "AKOOL has already made this video in this language.",
            1203: "The video has no sound, and AKOOL needs one with sound.",
            1204: "The video is too long: AKOOL takes at most 60 seconds.",
            1207: "The video is too large: AKOOL takes at most 300 MB.",
            1208: "AKOOL cannot read this video. Is the link public, and does it lead to a video file?",
            1209: "AKOOL does not know this video's codec. Use H.264 in an MP4 file.",
            1210: "The video has too many pictures per second: use at most 30.",
            1220: "AKOOL could not take this video as an avatar. It wants about a minute of one person, hardly turning.",
            1222: "This already exists at AKOOL. Choose another name.",
            1233: "There is already a knowledge base with this name. Choose another.",
        },
    )
    | _table(
        Verdict.FIX_SETTINGS,
        {
            1004: "AKOOL wants this account to be verified first. Ask whoever runs this bot to do so on akool.com.",
            1009: "This AKOOL account may not do that. Ask whoever runs this bot.",
            TOKEN_REFUSED: "AKOOL does not accept this bot's key: it is wrong or has expired. Ask whoever runs this bot.",
            1102: "AKOOL got no key from this bot. Ask whoever runs this bot.",
            1109: "AKOOL does not know this bot's account. Ask whoever runs this bot.",
            1200: "AKOOL has blocked this bot's account. Ask whoever runs this bot.",
            1213: "This needs an AKOOL subscription that the account does not have. Ask whoever runs this bot.",
            1221: "This bot's AKOOL account has no subscription. Ask whoever runs this bot.",
        },
    )
    | _table(
        Verdict.PAY,
        {
            1006: "The AKOOL account has not enough quota left for this. Ask whoever runs this bot to top it up.",
            1103: "The AKOOL account has an unpaid bill. Ask whoever runs this bot.",
            1104: "The AKOOL account has not enough credit left for this. Ask whoever runs this bot to top it up.",
            1223: "The AKOOL account has no room for another uploaded avatar. Delete one at AKOOL, or ask for a larger plan.",
        },
    )
    | _table(
        Verdict.GONE,
        {
            1008: "AKOOL does not have this: it may have been deleted.",
            1014: "AKOOL does not have this: it may have been deleted.",
            1216: "AKOOL does not know this session: it is over.",
            1219: "AKOOL has closed this session.",
            1232: "AKOOL does not have this knowledge base: it may have been deleted.",
        },
    )
)
