"""Importing the SDK and surviving what its import does to a process."""

import importlib
import logging
import ssl
from types import TracebackType

from adapters.agora.wrapper import INSTALL, WrapperMissing, find_libraries


class _TlsKept:
    """Puts back the verification that the wrapper switches off for the whole process when it is imported."""

    def __enter__(self) -> None:
        self._context = ssl._create_default_https_context  # noqa: SLF001 - the very hook that the wrapper replaces

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ssl._create_default_https_context = self._context  # noqa: SLF001


def load() -> None:
    """Import `agora.rtc`. Raises `WrapperMissing`, whatever the import raises (`SystemExit` is one of its ways)."""
    find_libraries()
    quieten()
    try:
        with _TlsKept():
            importlib.import_module("agora.rtc.agora_service")  # first, or the wrapper's own circular imports fail
    except (Exception, SystemExit) as broken:  # noqa: BLE001 - six kinds are known, and the next version may have a seventh
        what = f"{type(broken).__name__}: {broken}"
        raise WrapperMissing(f"Agora's native libraries cannot be loaded. {INSTALL}", what) from None


def quieten() -> None:
    """The wrapper logs at ERROR that all is well, and tokens at DEBUG. (What it prints goes where the host's stdout goes: nowhere.)"""
    logger = logging.getLogger("agora")
    logger.setLevel(logging.CRITICAL)
    logger.propagate = False
