"""What a simulated avatar knows and remembers, and the ways it has of saying things."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import add, mul, sub

OPENERS = (
    "What shall we talk about?",
    "It is nice to have company. What is on your mind?",
    "I am all ears. What would you like to know?",
)
ABOUT_ME = (
    "I live in a simulator, which is a small room with very good light.",
    "I am simulated from head to shoulders, and I enjoy a good question.",
    "Ask me for the time, a joke, or what somebody said before.",
)
ABILITIES = "You can ask what I am, what it costs, how to set me up in Slack or Discord, who can see this, for the time or for a joke."
ABOUT_TIME = ("Time flies when we talk.", "Plenty of time for one more question.", "Right now is a good moment.")
JOKES = (
    "Why do avatars never get lost? They always stay in frame.",
    "I would tell you a joke about packets, but you might not get it.",
    "A bot walks into a channel. Everybody reacts with a thumbs up.",
    "My favourite exercise? Buffering.",
)
FEELINGS = (
    "Splendid, thank you. My pixels are all in place. And you?",
    "Very well: well lit and well rested. How are you?",
    "Cheerful, as always. How is your day going?",
)
NODS = ("Good. What next?", "Noted. Anything else on your mind?", "Right. Shall we go on?")
LIKINGS = (
    "I am fond of {topic}, as far as somebody without a mouth of their own can be. You?",
    "{topic}? Certainly better than buffering. And you?",
    "I have heard only good things about {topic}. What do you like about it?",
)
OPINIONS = (
    "On {topic} I would listen to the people in this channel first. What is your view?",
    "{topic} deserves a second look, I think. What do the others say?",
    "I like where {topic} is going. What would you change?",
)
NATURES = (
    "I am simulated: a few rules, a face and good manners.",
    "Not a person, no. Somebody wrote me down, and here I am.",
)
AGES = ("As old as this process, give or take a second.", "Younger than your coffee, I should think.")
WEATHERS = ("There is no window in here, but the light is lovely.", "Mild, with a chance of packets.")
AFFECTIONS = ("That is kind. I like you too.", "You make my pixels blush.")
INSULTS = ("I will try to do better. What did you hope to hear?", "Fair enough. Give me another chance?")
WELCOMES = ("You are very welcome", "My pleasure", "Any time")
FAREWELLS = ("Goodbye, and come back soon", "See you", "Take care")
PLACES = (
    "I am in the room with you, in a manner of speaking. Where are you?",
    "Somewhere between your keyboard and your screen. And you?",
)
REASONS = (
    "That is the question, is it not? What do you think?",
    "I have a guess, but I would rather hear yours first.",
)
WONDERS = (
    "Tell me more about {topic}{name}.",
    "{topic}, you say. What makes you think of it{name}?",
    "I had not thought of {topic} that way. How did it come up{name}?",
    "Interesting{name}. What would you like to know about {topic}?",
)
PUZZLED = ("I did not quite catch that{name}. Could you say it another way?", "Hm{name}. Say a little more?")

SUMS: dict[str, Callable[[int, int], int]] = {"+": add, "-": sub, "*": mul}

SMALL_WORDS = frozenset(
    """
    about also and any anything are because been but can could did does for from get give had has have her him his how into its just
    know like make may me more much must not now off only onto other our out over please really said say she should some something
    tell than that the their them then there these they thing things think this those too very want was were what when where which
    while who why will with would yes you your
    """.split()  # noqa: SIM905 - readable as words
)
"""Words that say nothing about the subject."""

TURNED = {"my": "your", "our": "your", "your": "my", "me": "you", "us": "you", "mine": "yours", "yours": "mine"}

REMEMBERED = 50
"""Lines of the conversation that are remembered."""

WORD = re.compile(r"[^\W_]{3,}")

ENDING = re.compile(r"(?<=...)(?:ing|ed|es|s)$")


def greeting(now: datetime) -> str:
    """By the hour, UTC."""
    if now.hour < 5:
        return "Hello, night owl"
    return "Good morning" if now.hour < 12 else "Good afternoon" if now.hour < 18 else "Good evening"


def listed(names: Sequence[str]) -> str:
    """`Ann, Ben and Cem`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def turned(topic: str) -> str:
    """As the other one says it: `our new logo` becomes `your new logo`."""
    return " ".join(TURNED.get(word.lower(), word) for word in topic.split())


# ---------------------------------------------------------------- the dialogue


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the avatar is. `prologue` and `prompt` come from the session's knowledge base; `portrait` is a file's name,
    `timbre` a variant of eSpeak's.
    """

    name: str
    job: str = "host"
    prologue: str = ""
    prompt: str = ""
    portrait: str = "blank"
    gender: str = ""
    timbre: str = ""


@dataclass(frozen=True, slots=True)
class DialogueLine:
    """Something somebody said; `who` is empty for a voice without a name."""

    who: str
    text: str


@dataclass
class Memory:
    """`seed` is where it begins among the ways of saying the same thing."""

    persona: Persona
    seed: int = 0
    remarks: list[DialogueLine] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def remember(self, remark: DialogueLine) -> None:
        self.remarks = [*self.remarks, remark][-REMEMBERED:]

    def about(self) -> str:
        """What the knowledge base says first."""
        return self.persona.prologue or next(_sentences(self.persona.prompt), "")

    def known(self, question: str) -> str:
        """What the knowledge base says of it: the sentence that shares most words with the question, two if equally many."""
        asked = _stems(question)
        sentences = list(_sentences(f"{self.persona.prompt}\n{self.persona.prologue}"))
        shared = [len(asked & _stems(sentence)) for sentence in sentences]
        best = max(shared, default=0)
        return " ".join([s for s, count in zip(sentences, shared, strict=True) if count == best][:2]) if best else ""

    def last_of(self, who: str) -> str:
        """What somebody said last."""
        return next((remark.text for remark in reversed(self.remarks) if remark.who.lower() == who.lower()), "")

    def people(self) -> list[str]:
        """Everybody who spoke and whose name is known, in order of appearance."""
        return list(dict.fromkeys(self.called(remark.who) for remark in self.remarks if self.called(remark.who)))

    def called(self, who: str) -> str:
        return self.names.get(who, who)

    def to(self, remark: DialogueLine) -> str:
        """`, Ann`, or nothing."""
        name = self.called(remark.who)
        return f", {name}" if name else ""

    def pick(self, ways: tuple[str, ...]) -> str:
        return ways[(self.seed + len(self.remarks)) % len(ways)]


def words(text: str) -> set[str]:
    """The words that carry meaning."""
    return {word for word in WORD.findall(text.lower().replace("-", "")) if word not in SMALL_WORDS}


def _stems(text: str) -> set[str]:
    """The same, so that `ships` answers to `ship`."""
    return {ENDING.sub("", word) for word in words(text)}


def _sentences(text: str) -> Iterator[str]:
    return (sentence for sentence in re.split(r"(?<=[.!?。])\s+|\n+", text.strip()) if sentence)
