"""A small rule-based talker: what a simulated avatar answers in dialogue mode.

Pure and repeatable: the same conversation at the same times gets the same answers. It knows its name, what its knowledge
base says, the time, who spoke and what they told it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from re import Match, Pattern

from adapters.simulator import dialogue
from adapters.simulator.dialogue import DialogueLine, Memory, Persona, words
from adapters.simulator.languages import NOT_SPOKEN, SPOKEN, base, language_of

SPEAKER = re.compile(r"\s*([^\W\d_][\w.'\u2019-]{0,30}(?: [\w.'\u2019-]{1,30}){0,2}):\s+(.*)", re.DOTALL)
"""`Ann: text`, as the bot prefixes names so that the avatar knows who speaks. A name has at most three words."""


class Talker:
    def __init__(self, persona: Persona, seed: int = 0) -> None:
        self.persona = persona
        self._memory = Memory(persona, seed)

    def answer(self, text: str, now: datetime, language: str | None = None) -> str:
        """Answer, and remember. Never empty. `language` is the one that was set, by AKOOL's code."""
        remark = _heard(text)
        reply = _in_another_language(self.persona, remark, language) or _replied(self._memory, remark, now)
        self._memory.remember(remark)
        return reply


@dataclass(frozen=True, slots=True)
class Turn:
    """What a rule may look at."""

    remark: DialogueLine
    now: datetime
    match: Match[str]


def _heard(text: str) -> DialogueLine:
    match = SPEAKER.fullmatch(text)
    return DialogueLine(match[1].strip(), match[2].strip()) if match else DialogueLine("", text.strip())


def _in_another_language(persona: Persona, remark: DialogueLine, language: str | None) -> str:
    """The answer in another language than English; empty where English is spoken."""
    asked = language_of(remark.text, language)
    code = base(language) if language else asked
    if code == "en":
        return ""
    if code not in SPOKEN:
        return NOT_SPOKEN.get(code, "")
    spoken = SPOKEN[code]
    topics = spoken.topics(remark.text) or (SPOKEN[asked].topics(remark.text) if asked in SPOKEN else [])
    return spoken.answer(topics, persona.name) or spoken.lost


def _replied(memory: Memory, remark: DialogueLine, now: datetime) -> str:
    for pattern, rule in RULES:
        if match := pattern.search(remark.text):
            return rule(memory, Turn(remark, now, match))
    return memory.known(remark.text) or _wonder(memory, remark)


def _about(memory: Memory, ways: tuple[str, ...], topic: str, remark: DialogueLine) -> str:
    reply = memory.pick(ways).format(topic=topic, name=memory.to(remark))
    return reply[0].upper() + reply[1:]


def _wonder(memory: Memory, remark: DialogueLine) -> str:
    """No rule fits: come back to what they spoke of, and ask back."""
    topics = sorted(words(remark.text), key=lambda word: (-len(word), word))
    for other in reversed(memory.remarks):
        shared = next((topic for topic in topics if topic in words(other.text)), None)
        if shared and other.who not in {"", remark.who}:
            return f"{memory.called(other.who)} spoke of {shared} too. What do you make of that{memory.to(remark)}?"
    ways = dialogue.WONDERS if topics else dialogue.PUZZLED
    return _about(memory, ways, next(iter(topics), ""), remark)


# ---------------------------------------------------------------- rules


def _greet(memory: Memory, turn: Turn) -> str:
    hello = "Good to hear from you again" if memory.last_of(turn.remark.who) else dialogue.greeting(turn.now)
    return f"{hello}{memory.to(turn.remark)}! {memory.pick(dialogue.OPENERS)}"


def _introduce(memory: Memory, _: Turn) -> str:
    return f"I am {memory.persona.name}, your {memory.persona.job}. {memory.about() or memory.pick(dialogue.ABOUT_ME)}"


def _learn_name(memory: Memory, turn: Turn) -> str:
    name = turn.match["name"].strip().capitalize()
    memory.names[turn.remark.who] = name
    return f"Lovely to meet you, {name}. I will remember that. What brings you here?"


def _recall_name(memory: Memory, turn: Turn) -> str:
    name = memory.called(turn.remark.who)
    return f"You are {name}, of course." if name else "You have not told me yet. What shall I call you?"


def _recall_own_words(memory: Memory, turn: Turn) -> str:
    said = memory.last_of(turn.remark.who)
    return f"You said: \u201c{said}\u201d" if said else "I have not heard anything of you before this."


def _recall_words(memory: Memory, turn: Turn) -> str:
    who = turn.match["who"].strip()
    said = memory.last_of(who)
    return f"{who} said: \u201c{said}\u201d" if said else f"{who} has not said anything to me yet."


def _name_people(memory: Memory, _: Turn) -> str:
    people = memory.people()
    return f"So far I have spoken with {dialogue.listed(people)}." if people else "Nobody has told me their name yet."


def _tell_time(memory: Memory, turn: Turn) -> str:
    now = turn.now
    return f"It is {now:%H:%M} UTC on {now:%A}, {now.day} {now:%B}. {memory.pick(dialogue.ABOUT_TIME)}"


def _help(memory: Memory, turn: Turn) -> str:
    return " ".join(filter(None, (f"Gladly{memory.to(turn.remark)}.", memory.about(), dialogue.ABILITIES)))


def _count(_: Memory, turn: Turn) -> str:
    left, sign, right = turn.match.group("left", "sign", "right")
    return f"{left} {sign} {right} is {dialogue.SUMS[sign](int(left), int(right))}. I counted on my fingers."


def _thank(memory: Memory, turn: Turn) -> str:
    return f"{memory.pick(dialogue.WELCOMES)}{memory.to(turn.remark)}."


def _part(memory: Memory, turn: Turn) -> str:
    return f"{memory.pick(dialogue.FAREWELLS)}{memory.to(turn.remark)}!"


def _repeat(_: Memory, turn: Turn) -> str:
    return turn.match["words"].strip()


def _like(memory: Memory, turn: Turn) -> str:
    return _about(memory, dialogue.LIKINGS, dialogue.turned(turn.match["topic"]), turn.remark)


def _opine(memory: Memory, turn: Turn) -> str:
    return memory.known(turn.remark.text) or _about(
        memory, dialogue.OPINIONS, dialogue.turned(turn.match["topic"]), turn.remark
    )


def _from(ways: tuple[str, ...]) -> "Rule":
    """Any of these will do."""
    return lambda memory, _: memory.pick(ways)


def _about_avatarbot(memory: Memory, turn: Turn) -> str:
    """What the knowledge base says comes first: in a hotel, a price is that of a room."""
    return memory.known(turn.remark.text) or SPOKEN["en"].answer(
        SPOKEN["en"].topics(turn.remark.text), memory.persona.name
    )


def _where(memory: Memory, turn: Turn) -> str:
    return memory.known(turn.remark.text) or memory.pick(dialogue.PLACES)


def _why(memory: Memory, turn: Turn) -> str:
    return memory.known(turn.remark.text) or memory.pick(dialogue.REASONS)


Rule = Callable[[Memory, Turn], str]


def _when(pattern: str) -> Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


RULES: tuple[tuple[Pattern[str], Rule], ...] = (
    (_when(r"\b(?:repeat after me|say after me)(?:, word for word)?\W+(?P<words>\w.*)"), _repeat),
    (_when(r"\b(?:my name is|call me)\s+(?P<name>[^\W\d_][\w'\u2019-]{0,30})"), _learn_name),
    (_when(r"\b(?:who am i|what(?:'s| is) my name|do you know me)\b"), _recall_name),
    (_when(r"\bwhat did i (?:just )?(?:say|ask|tell)\b"), _recall_own_words),
    (_when(r"\bwhat did (?P<who>[\w'\u2019 -]{1,40}?) (?:just )?(?:say|ask|tell)\b"), _recall_words),
    (_when(r"\b(?:who(?:'s| is| else is)? (?:here|there)|who (?:did|are) you (?:meet|speak|talk))"), _name_people),
    (_when(r"\b(?:who are you|what(?:'s| is) your name|your name|introduce yourself|about yourself)\b"), _introduce),
    *((asked, _about_avatarbot) for asked in SPOKEN["en"].asked.values()),
    (_when(r"(?P<left>\d{1,6})\s*(?P<sign>[-+*])\s*(?P<right>\d{1,6})"), _count),
    (_when(r"\b(?:what time is it|what's the time|the time|what day|which day|today's date|the date)\b"), _tell_time),
    (_when(r"\b(?:joke|make (?:me|us) laugh|something funny|another one|one more)\b"), _from(dialogue.JOKES)),
    (_when(r"\bhow (?:are|do) you\b(?! (?:know|work|do it))"), _from(dialogue.FEELINGS)),
    (_when(r"\bhow old are you\b"), _from(dialogue.AGES)),
    (
        _when(r"\bare you (?:an? )?(?:robot|human|real|person|ai|bot|machine|alive|simulated)\b"),
        _from(dialogue.NATURES),
    ),
    (_when(r"\bdo you (?:like|love|enjoy) (?P<topic>[\w' -]{2,40})"), _like),
    (_when(r"\b(?:do you think|your opinion|your view|your take) (?:of|about|on) (?P<topic>[\w' -]{2,40})"), _opine),
    (_when(r"\b(?:weather|raining|sunny)\b"), _from(dialogue.WEATHERS)),
    (_when(r"\b(?:help|what can (?:you|i)|how do(?:es)? (?:this|it|you) work)\b"), _help),
    (_when(r"\b(?:bye|goodbye|see you|good night|farewell|ciao)\b"), _part),
    (_when(r"\b(?:thanks|thank you|thx|cheers|danke|merci|gracias)\b"), _thank),
    (
        _when(r"\b(?:i (?:love|like) you|you(?:'re| are) (?:great|nice|funny|cute|sweet|the best))\b"),
        _from(dialogue.AFFECTIONS),
    ),
    (_when(r"\b(?:stupid|boring|idiot|shut up|useless)\b"), _from(dialogue.INSULTS)),
    (_when(r"^\W*(?:hi|hello|hey|good (?:morning|afternoon|evening)|greetings)\b"), _greet),
    (_when(r"^\W*(?:namaste|salaam)\b"), _greet),
    (_when(r"^\W*(?:yes|yeah|no|nope|ok|okay|fine|great|good|nice|cool|sure|i am fine)\W*$"), _from(dialogue.NODS)),
    (_when(r"^\W*where\b"), _where),
    (_when(r"^\W*why\b"), _why),
)
"""Looked at in this order; the first that fits answers."""
