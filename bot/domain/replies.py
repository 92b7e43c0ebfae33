"""Answers to one person: text, lists to choose from, a link, a file."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.messages import Command
from bot.domain.sessions import SessionStatus


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class File:
    """`alt` says what a picture shows, for people who do not see it."""

    name: str
    mime: str
    content: bytes
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a listing: an avatar, a voice, a session.

    `command` is what its one button runs, if it has one: `bot.commands.buttons.button_of` gives the button. Of a session it
    says its state, who started it and when it ends by itself, where that is known.
    """

    title: str
    detail: str = ""
    picture: str = ""
    preview: str = ""
    command: Command | None = None
    status: SessionStatus | None = None
    starter_name: str = ""
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title, in plain words; commands in them stand as they are typed."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to one person, shown to them alone where the platform can. `next` runs the next page of a long list.

    `sections` follow the text. A `private` one is never shown where others read, whatever it answers.
    """

    text: str
    items: tuple[Item, ...] = ()
    link: Link | None = None
    file: File | None = None
    next: Command | None = None
    sections: tuple[Section, ...] = ()
    private: bool = False

    @property
    def whole_text(self) -> str:
        """The text and its sections in plain words, for where nothing can be set apart."""
        return "\n\n".join(filter(None, (self.text, *("\n".join((s.title, *s.lines)) for s in self.sections))))


@dataclass(frozen=True, slots=True)
class Choice:
    """One value offered while somebody types or in a select."""

    value: str
    label: str
    detail: str = ""
    picture: str = ""
