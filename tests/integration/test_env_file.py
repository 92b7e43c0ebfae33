"""`.env` where it is not just a file of one's own: a link, no text, another user's."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.app.files import values_in, write
from bot.domain.errors import SettingsError
from bot.settings import Settings, environment, load


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    kept, link = tmp_path / "kept" / "settings", tmp_path / ".env"
    kept.write_text("A=1\n")
    link.symlink_to("kept/settings")
    write(link, {"B": "2"})
    assert link.is_symlink()
    assert kept.read_text() == "A=1\nB=2\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["settings"]


def test_a_link_to_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to("missing/settings")
    with pytest.raises(SettingsError, match=r"\.env cannot be written"):
        write(tmp_path / ".env", {"A": "1"})


def test_what_is_no_text_is_said_and_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=\xff\n")
    for use in (lambda: write(file, {"B": "2"}), lambda: values_in(file), lambda: environment(str(file))):
        with pytest.raises(SettingsError, match="is not text in UTF-8"):
            use()
    assert file.read_bytes() == b"A=\xff\n"


def test_a_file_of_somebody_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    Path(".env").write_text("PORT=1\n")
    Path(".env").chmod(0)
    with without_rights():
        for use in (lambda: load(Settings), environment, lambda: values_in(Path(".env"))):
            with pytest.raises(SettingsError, match=r"\.env cannot be read \(Permission denied\)"):
                use()
        with pytest.raises(SettingsError, match=r"\.env cannot be"):
            write(Path(".env"), {"A": "1"})


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read everything, so it is somebody else for a while."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_the_ends_of_lines_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=1\r\nB=2\r\n")
    write(file, {"B": "3"})
    assert file.read_bytes() == b"A=1\r\nB=3\r\n"
