"""What a verb of the catalogue is made of."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.conversations import Role
from bot.domain.provider import Capability


class CommandKind(StrEnum):
    """How a verb travels."""

    CHANGE = "change"  # of a session: through the inbox
    QUESTION = "question"  # everything else: answered directly, needs no session


class OptionType(StrEnum):
    """What an option's text must be."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"
    URL = "url"


class Completion(StrEnum):
    """Where an option's values come from while somebody types."""

    AVATARS = "avatars"
    VOICES = "voices"
    LANGUAGES = "languages"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a verb.

    `min` and `max` bound a number: both or neither are given. `max_length` bounds a text, in characters. A `rest` option takes
    the rest of the line where people type free text. `many` URLs are separated by spaces or commas. A `secret` must not be
    typed where others can read it. `needs` is what the provider must be able to do for it. A `private` one is taken in a form only, never
    in a line or an argument of a command, which others and their logs may keep.
    """

    name: str
    summary: str
    type: OptionType = OptionType.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    completes: Completion | None = None
    min: float | None = None
    max: float | None = None
    max_length: int = 200
    rest: bool = False
    many: bool = False
    secret: bool = False
    needs: Capability | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb. A name of two words, `knowledge show`, is an action of a group: its first word is the group's name.

    `summary` is for people, at most 100 characters; `role` is the least one that may use it; `example` is what to type after
    the command's name. `label` is the word on a button that runs it, at most 20 characters.

    `confirm` is what is asked back before it runs, `{it}` in it standing for what it is done to; `''` where it runs at once.
    With `confirm_when` it is asked only where that option is given. `costs` is true of what uses money, creates at the
    provider, or shows what belongs to the operator's account there. `past`: where no session runs, it is about the last one
    that was talked with. `needs` is what the provider must be able to do for it.
    """

    name: str
    summary: str
    example: str
    kind: CommandKind = CommandKind.QUESTION
    role: Role = Role.MEMBER
    options: tuple[Option, ...] = ()
    label: str = field(kw_only=True)
    confirm: str = field(default="", kw_only=True)
    confirm_when: str = field(default="", kw_only=True)
    costs: bool = field(default=False, kw_only=True)
    past: bool = field(default=False, kw_only=True)
    needs: Capability | None = field(default=None, kw_only=True)

    @property
    def group(self) -> str:
        """The first word of a name of two, else `''`."""
        return self.name.partition(" ")[0] if " " in self.name else ""

    @property
    def action(self) -> str:
        """The last word of the name."""
        return self.name.rpartition(" ")[2]

    def asks_back(self, given: Collection[str]) -> bool:
        """Whether these options, by name, run it only after a question: `confirm` among them is the answer to it."""
        due = not self.confirm_when or self.confirm_when in given
        return bool(self.confirm) and due and CONFIRM.name not in given

    def question(self, it: str) -> str:
        """What is asked back before it is done to `it`."""
        return self.confirm.replace("{it}", it)

    def option(self, name: str) -> Option | None:
        """The option of that name, however its case, hyphens and underscores were typed."""
        wanted = name.casefold().replace("-", "_")
        return next((option for option in self.options if option.name == wanted), None)


CONFIRM = Option("confirm", "Do it without asking back", OptionType.CHOICE, choices=("yes",))
"""What every verb with a question has: given, the question is answered."""
