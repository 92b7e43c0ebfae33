"""What a simulated avatar knows and remembers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.simulator import phrases

REMEMBERED = 50
"""Lines of the conversation that are remembered."""

WORD = re.compile(r"[^\W_]{3,}")

ENDING = re.compile(r"(?<=...)(?:ing|ed|es|s)$")


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
    return {word for word in WORD.findall(text.lower().replace("-", "")) if word not in phrases.SMALL_WORDS}


def _stems(text: str) -> set[str]:
    """The same, so that `ships` answers to `ship`."""
    return {ENDING.sub("", word) for word in words(text)}


def _sentences(text: str) -> Iterator[str]:
    return (sentence for sentence in re.split(r"(?<=[.!?。])\s+|\n+", text.strip()) if sentence)
