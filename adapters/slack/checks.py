"""What `avatarbot doctor` says about Slack."""

from adapters.slack.client import SlackRefused, WebApi
from adapters.slack.manifest import OPTIONAL_SCOPES, SCOPES
from adapters.slack.settings import SlackSettings
from bot.domain.errors import AvatarbotError, PlaceGone
from bot.ports.plugin import Finding, Level

_INSTALL = "Reinstall the app at api.slack.com/apps, Install App, after adding them (or paste `avatarbot slack manifest` again)."


async def check(settings: SlackSettings) -> list[Finding]:
    """Settings, tokens and scopes. Asks Slack only with tokens that are set."""
    if not settings.configured:
        return [Finding(Level.OK, "Slack is not set up; its settings are empty.")]
    web = WebApi(settings.api_url)
    try:
        return [*_settings(settings), *await _bot_token(settings, web), *await _app_token(settings, web)]
    finally:
        await web.aclose()


def _settings(settings: SlackSettings) -> list[Finding]:
    shapes = [_shape(name, value, prefix) for name, value, prefix in _tokens(settings)]
    findings = [finding for finding in shapes if finding]
    if not settings.bot_token and not settings.many_workspaces:
        remedy = "Copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions."
        findings.append(Finding(Level.PROBLEM, "SLACK_BOT_TOKEN is not set.", remedy))
    if not settings.app_token and not settings.signing_secret:
        remedy = "Set SLACK_APP_TOKEN (Socket Mode: Basic Information, App-Level Tokens, connections:write) or SLACK_SIGNING_SECRET (HTTP)."
        findings.append(Finding(Level.PROBLEM, "Slack has no way to reach this service.", remedy))
    if settings.many_workspaces and not settings.public_url:
        remedy = "Set PUBLIC_URL to the https:// address of this service."
        findings.append(Finding(Level.PROBLEM, "Workspaces cannot install the app without a public address.", remedy))
    return findings


def _tokens(settings: SlackSettings) -> list[tuple[str, str, str]]:
    bot = settings.bot_token.get_secret_value() if settings.bot_token else ""
    app = settings.app_token.get_secret_value() if settings.app_token else ""
    return [("SLACK_BOT_TOKEN", bot, "xoxb-"), ("SLACK_APP_TOKEN", app, "xapp-")]


def _shape(name: str, value: str, prefix: str) -> Finding | None:
    """The commonest mistake is a token in the other one's place."""
    if not value or value.startswith(prefix):
        return None
    return Finding(
        Level.PROBLEM,
        f"{name} does not begin with {prefix}",
        f"Another token was pasted: copy the one that begins with {prefix}.",
    )


async def _bot_token(settings: SlackSettings, web: WebApi) -> list[Finding]:
    if not settings.bot_token:
        return []
    try:
        answer, granted = await web.call_with_scopes(settings.bot_token.get_secret_value(), "auth.test")
    except PlaceGone as gone:
        return [
            Finding(
                Level.PROBLEM,
                f"Slack refuses SLACK_BOT_TOKEN ({gone.detail}).",
                "Install the app again and copy the new token.",
            )
        ]
    except AvatarbotError as error:
        return [Finding(Level.WARNING, f"Slack could not be asked ({error.detail}).", "Try again; check the network.")]
    found = Finding(Level.OK, f"Slack: {answer.get('user', 'the bot')} in {answer.get('team', 'the workspace')}.")
    return [found, *_scopes(granted)]


def _scopes(granted: frozenset[str]) -> list[Finding]:
    if not granted:  # a proxy may take the header away
        return []
    missing, optional = sorted(set(SCOPES) - granted), sorted(set(OPTIONAL_SCOPES) - granted)
    findings = []
    if missing:
        lacks = f"The Slack app lacks scopes: {', '.join(missing)}."
        findings.append(Finding(Level.PROBLEM, lacks, _INSTALL, starts=True))
    if optional:
        findings.append(
            Finding(Level.WARNING, f"The Slack app lacks optional scopes: {', '.join(optional)}.", _INSTALL)
        )
    return findings


async def _app_token(settings: SlackSettings, web: WebApi) -> list[Finding]:
    """Opening a connection without using it costs nothing: its ticket lapses."""
    if not settings.app_token:
        return []
    try:
        await web.call(settings.app_token.get_secret_value(), "apps.connections.open")
    except (PlaceGone, SlackRefused) as refused:
        remedy = "Basic Information, App-Level Tokens: make one with connections:write, and switch Socket Mode on."
        return [Finding(Level.PROBLEM, f"Slack refuses SLACK_APP_TOKEN ({refused.detail}).", remedy)]
    except AvatarbotError as error:
        return [Finding(Level.WARNING, f"Slack could not be asked ({error.detail}).", "Try again; check the network.")]
    return [Finding(Level.OK, "Slack: Socket Mode can connect.")]
