"""What `avatarbot doctor` says about Agora."""

import os
import pwd
import re
from typing import Final

from adapters.agora.settings import AgoraSettings
from adapters.agora.wrapper import INSTALL, WrapperMissing, find_libraries
from bot.ports.plugin import Finding, Level

HEX: Final = re.compile(r"[0-9a-fA-F]{32}")
"""An app id, and a certificate: nothing else is accepted by Agora's own token builder."""

WHERE: Final = "Copy it from console.agora.io, in your project's settings."


async def check(settings: AgoraSettings) -> list[Finding]:
    """Look at the SDK's files and at the settings. Imports nothing of the SDK, asks nobody."""
    return [_library_finding(), *_user_findings(settings.host_user), *_project_findings(settings)]


def _user_findings(name: str) -> list[Finding]:
    if not name:
        return []
    if name not in {user.pw_name for user in pwd.getpwall()}:
        return [
            Finding(
                Level.PROBLEM,
                f"Agora: there is no user {name}",
                "Correct AVATARBOT_AGORA_USER, or take it out.",
                starts=True,
            )
        ]
    if os.geteuid() not in {0, pwd.getpwnam(name).pw_uid}:
        remedy = "Start the service as root, or take AVATARBOT_AGORA_USER out."
        return [Finding(Level.PROBLEM, f"Agora: only root can run room hosts as {name}", remedy, starts=True)]
    return [Finding(Level.OK, f"Agora: room hosts run as {name}")]


def _library_finding() -> Finding:
    try:
        wrapper = find_libraries()
    except WrapperMissing as missing:
        what, _, remedy = missing.sentence.partition(". ")
        return Finding(
            Level.PROBLEM,
            what.rstrip("."),
            remedy or "Use `avatarbot demo` here, and the service on Linux.",
            starts=True,
        )
    if not wrapper.seal.exists():
        return Finding(
            Level.WARNING, "Agora: the SDK fetched its native libraries itself, with TLS unverified", INSTALL
        )
    return Finding(Level.OK, f"Agora: the SDK and its native libraries are in {wrapper.root}")


def _project_findings(settings: AgoraSettings) -> list[Finding]:
    certificate = settings.app_certificate.get_secret_value() if settings.app_certificate else ""
    if not settings.app_id and not certificate:
        return []
    problems = [
        Finding(Level.PROBLEM, f"Agora: {name} is {'not set' if not value else 'not 32 hexadecimal digits'}", WHERE)
        for name, value in (("AGORA_APP_ID", settings.app_id), ("AGORA_APP_CERTIFICATE", certificate))
        if not HEX.fullmatch(value)
    ]
    return problems or [
        Finding(
            Level.WARNING,
            "Agora: rooms are opened in your own project; whether viewers are kept from speaking cannot be seen from here",
            "Switch co-host authentication on for the project: without it, every token may publish.",
        )
    ]
