"""`avatarbot setup`: the questions, at a terminal or from standard input."""

import sys
from typing import TYPE_CHECKING

import click

from bot.cli.running import finish
from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.ports.plugin import SettingQuestion


class Terminal:
    """A person is asked; what is secret is not shown as it is typed."""

    def __init__(self, *, opens: bool) -> None:
        self._opens = opens

    def tell(self, text: str) -> None:
        click.echo(printable(text))

    def ask(self, question: "SettingQuestion", *, known: bool) -> str:
        kept = " (Enter keeps it)" if known else " (Enter leaves it out)" if question.optional else ""
        return str(
            click.prompt(f"{question.prompt}{kept}", default="", show_default=False, hide_input=question.secret)
        ).strip()

    def confirm(self, text: str, *, default: bool) -> bool:
        return click.confirm(text, default=default)

    def show(self, page: str) -> None:
        click.echo(f"  {page}")
        if self._opens:
            click.launch(page)


class Lines:
    """A program answers: a line for each question, in their order. What comes after the last line is answered with nothing, or no."""

    def tell(self, text: str) -> None:
        click.echo(text)

    def ask(self, question: "SettingQuestion", *, known: bool) -> str:
        del known
        click.echo(f"{question.prompt}:")
        return sys.stdin.readline().strip()

    def confirm(self, text: str, *, default: bool) -> bool:
        click.echo(f"{text} [{'Y/n' if default else 'y/N'}]")
        line = sys.stdin.readline()
        return line.strip().lower().startswith("y") or (default and line == "\n")

    def show(self, page: str) -> None:
        click.echo(f"  {page}")


@click.command()
@click.option(
    "--set", "given", metavar="NAME=VALUE", multiple=True, help="A setting that is not asked for. Repeatable."
)
@click.option("--open/--no-open", "opens", default=True, help="Whether to open pages in your browser.")
def setup(given: tuple[str, ...], opens: bool) -> int:
    """Ask for tokens, try them, and write them to .env.

    A token that is pasted here is not shown, and .env can be read by you alone. Other lines of .env stay as they are.

    \b
      avatarbot setup
      avatarbot setup --set PUBLIC_URL=https://avatars.example.com < answers
    """
    from bot.app.setup import setup as talk
    from bot.telemetry import configure_logging

    configure_logging("critical")
    values = dict(each.partition("=")[::2] for each in given)
    if not all(values.values()):
        raise click.UsageError("--set wants NAME=VALUE.")
    return finish(talk(Terminal(opens=opens) if sys.stdin.isatty() else Lines(), values))
