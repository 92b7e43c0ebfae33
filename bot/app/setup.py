"""`avatarbot setup`: asks for what the service needs, tries each part as soon as it is there, and writes `.env`."""

import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic_settings import BaseSettings

from bot.app import files
from bot.app.doctor import doctor_checks, examine, exit_code, lines, table
from bot.app.plugins import platforms, providers
from bot.app.wiring import known_settings
from bot.domain.errors import SettingsError
from bot.ports.plugin import AdapterPlugin, Finding, Level, SettingQuestion, nothing_to_check
from bot.settings import ENV_FILE, Settings, load

PUBLIC = (
    SettingQuestion(
        "PUBLIC_URL",
        "URL of this service",
        "What Watch links lead to, as in https://avatars.example.com. Without it nobody but you can open them.",
        secret=False,
        optional=True,
    ),
)
OWN_MODEL = (
    SettingQuestion(
        "AVATARBOT_LLM_URL", "Its URL", "Anything that speaks the chat completions of OpenAI.", secret=False
    ),
    SettingQuestion("AVATARBOT_LLM_MODEL", "Name of the model", secret=False),
    SettingQuestion("AVATARBOT_LLM_KEY", "Its key", optional=True),
)


class Conversation(Protocol):
    """Whoever is asked: a person at a terminal, or the lines of a file."""

    def tell(self, text: str) -> None: ...

    def ask(self, question: SettingQuestion, *, known: bool) -> str:
        """A value without spaces around it; nothing where it is to stay as it is, or to be left out."""
        ...

    def confirm(self, text: str, *, default: bool) -> bool: ...

    def show(self, page: str) -> None:
        """Open a page, where there is a person and a browser."""
        ...


@dataclass(frozen=True, slots=True)
class SetupStep:
    """What is asked for together, and tried together. `check` is given its settings."""

    title: str
    questions: Sequence[SettingQuestion]
    settings: type[BaseSettings]
    check: Callable[[Any], Awaitable[Sequence[Finding]]] = nothing_to_check
    needed: bool = False

    def begun(self, known: Mapping[str, str]) -> bool:
        """Whether something of it is set."""
        return any(question.name in known for question in self.questions)


async def setup(talk: Conversation, given: Mapping[str, str], file: Path = Path(ENV_FILE)) -> int:
    """Ask for each part, try it, write it down; then what `avatarbot doctor` finds, and its exit code.

    `given` is what needs no asking. What was written before somebody gives up stays. Raises `SettingsError`.
    """
    if unknown := sorted(given.keys() - known_settings()):
        raise SettingsError(f"There is no setting {', '.join(unknown)}; .env.example has all of them.")
    files.write(file, given)
    for part in parts():
        await _set_up(talk, part, given, file)
    findings = await examine(doctor_checks())
    talk.tell(f"\n{table(findings)}")
    for step in () if exit_code(findings) else _next_steps():
        talk.tell(step)
    return exit_code(findings)


def parts() -> Sequence[SetupStep]:
    """Who hosts the avatars, the chat platforms, and what is the service's own."""
    hosts = [plugin for plugin in providers().plugins.values() if plugin.questions]
    chats = [plugin for plugin in platforms().plugins.values() if plugin.questions]
    return [
        *(_part(plugin, needed=len(hosts) == 1) for plugin in hosts),
        *map(_part, chats),
        SetupStep("Watching from elsewhere", PUBLIC, Settings, needed=True),
        SetupStep("a language model of your own", OWN_MODEL, Settings),
    ]


def _part(plugin: AdapterPlugin, *, needed: bool = False) -> SetupStep:
    return SetupStep(plugin.title, plugin.questions, plugin.settings, plugin.check, needed)


async def _set_up(talk: Conversation, part: SetupStep, given: Mapping[str, str], file: Path) -> None:
    kept = files.values_in(file)
    if not part.needed and not talk.confirm(f"\nSet up {part.title}?", default=part.begun({**kept, **os.environ})):
        return
    if part.needed:
        talk.tell(f"\n{part.title}")
    answers: dict[str, str] = {}
    usable, again = False, True
    while again:
        answers |= _answers(talk, part, {**kept, **answers}, given)
        usable, findings = await _tried(part, {**kept, **answers})
        for line in lines(findings):
            talk.tell(line)
        wrong = any(finding.level is Level.PROBLEM for finding in findings)
        again = wrong and talk.confirm("Try again?", default=True)
    if usable:
        files.write(file, answers)


def _answers(talk: Conversation, part: SetupStep, known: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for question in part.questions:
        if question.name in given:
            continue
        if question.name in os.environ:
            talk.tell(f"{question.name} is set in the environment, which goes before {ENV_FILE}: it stays.")
        elif value := _answer(talk, question, known=question.name in known):
            answers[question.name] = value
    return answers


def _answer(talk: Conversation, question: SettingQuestion, *, known: bool) -> str:
    if question.help:
        talk.tell(f"  {question.help}")
    if page := question.page():
        talk.show(page)
    return talk.ask(question, known=known)


async def _tried(part: SetupStep, values: Mapping[str, str]) -> tuple[bool, Sequence[Finding]]:
    """Whether the service could read these values, and what is found with them."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / ENV_FILE
        files.write(draft, values)
        try:
            settings = load(part.settings, str(draft))
        except SettingsError as error:
            return False, [Finding(Level.PROBLEM, error.sentence, "It is not written down.")]

    async def check() -> Sequence[Finding]:
        return await part.check(settings)

    check.__qualname__ = part.title
    return True, await examine([check])


def _next_steps() -> Sequence[str]:
    there = [*providers().plugins.values(), *platforms().plugins.values()]
    steps = [
        step
        for plugin in there
        for settings in [load(plugin.settings)]
        if plugin.configured(settings)
        for step in plugin.next_steps(settings)
    ]
    return ["", "What is left to do:", *(f"  - {step}" for step in [*steps, "avatarbot run"])]
