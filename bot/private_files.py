"""Files of the service that nobody else on the machine is to read."""

import stat
from collections.abc import Sequence
from pathlib import Path

from bot.settings import ENV_FILE, Settings
from bot.storage.backup import JOURNALS
from bot.storage.keys import key_file


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
