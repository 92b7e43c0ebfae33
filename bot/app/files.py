"""Files of the service: `.env`, read, and written with everything else in it left as it is; and those that nobody else is to read."""

import io
import os
import re
import stat
import tempfile
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bot.domain.errors import SettingsError
from bot.settings import ENV_FILE, Settings, reading
from bot.storage.backup import JOURNALS
from bot.storage.keys import key_file

_PLAIN = re.compile(r"[\w@%+=:,./~-]+")
_BEFORE = re.compile(r"\s*(?:export[^\S\r\n]+)?")
_COMMENTS = re.compile(r"(?<![^\S\r\n])[^\S\r\n]*#")
"""Where one may begin."""


def values_in(file: Path) -> Mapping[str, str]:
    """The settings that a file holds; none where there is no file. Raises `SettingsError` for one that cannot be read."""
    with reading(file):
        return {name: value for name, value in dotenv_values(file).items() if value}


def write(file: Path, changes: Mapping[str, str]) -> None:
    """Give settings these values: in the line where one stands already, else at the end. Only its owner may read the file.

    The file is replaced whole, or not at all; of a link it is the one that it leads to. Raises `SettingsError` when it cannot be written.
    """
    try:
        target = Path(os.path.realpath(file))
        with reading(file):
            text = target.read_bytes().decode() if target.exists() else ""
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as sink:
                sink.write(changed(text, changes))
            Path(draft).replace(target)
        finally:
            Path(draft).unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written ({error.strerror}).") from error


def changed(text: str, changes: Mapping[str, str]) -> str:
    """The text of such a file with other values. Of several lines with one name all but the last are without effect, and stay."""
    end = "\r\n" if "\r\n" in text else "\n"
    parts = [binding.original.string for binding in parse_stream(io.StringIO(text))]
    last = {binding.key: at for at, binding in enumerate(parse_stream(io.StringIO(text))) if binding.key}
    for name, value in changes.items():
        setting = f"{name}={_quoted(value)}"
        if name in last:
            part = parts[last[name]]
            parts[last[name]] = f"{_before(part)}{setting}{_comment(part)}{end}"
        else:
            parts += [*_ending(parts, end), f"{setting}{end}"]
    return "".join([*parts, *_ending(parts, end)])


def _before(part: str) -> str:
    """Lines without anything belong to what follows them; `export` stands before the name."""
    found = _BEFORE.match(part)
    return found[0] if found else ""


def _comment(part: str) -> str:
    """What stands behind a value: without it the same is read, and without more of the line something else."""
    whole, begins = _read(part), list(_COMMENTS.finditer(part))
    at = bisect_left(begins, True, key=lambda begin: _read(part[: begin.start()]) == whole)
    if at == len(begins):
        return ""
    begin = begins[at]
    return " " * (not begin[0][0].isspace()) + part[begin.start() :].rstrip("\r\n")


def _read(part: str) -> Sequence[tuple[str | None, str | None]]:
    return [(binding.key, binding.value) for binding in parse_stream(io.StringIO(part))]


def _ending(parts: Sequence[str], end: str) -> Sequence[str]:
    """What the last line lacks."""
    return [end] if parts and not parts[-1].endswith(("\n", "\r")) else []


def _quoted(value: str) -> str:
    if "${" in value:  # whoever reads the file puts another setting there, however it is quoted
        raise SettingsError("A value with ${ in it cannot be kept in .env: set it in the environment.")
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def private_files(settings: Settings) -> Sequence[Path]:
    """The database with its journals, the key, what the playground remembers, and `.env`, as far as they are there."""
    database = settings.database_path
    beside = [database.with_name(database.name + ending) for ending in ("", *JOURNALS)]
    named = [*beside, key_file(settings), history_file(settings), Path(ENV_FILE).absolute()]
    return [file for file in named if file.is_file()]


def history_file(settings: Settings) -> Path:
    """Where the playground remembers what was said, unless its own settings name another place."""
    return settings.database_path.with_suffix(".playground.jsonl")


def exposed(settings: Settings) -> Sequence[Path]:
    """Those that their group or everybody may read or write."""
    return [file for file in private_files(settings) if stat.S_IMODE(file.stat().st_mode) & 0o077]
