"""Slack's error codes as the domain's errors."""

from bot.domain.errors import MessageGone, PlaceGone, PlatformError

INVITE = "I am not in that channel. Invite me there with /invite and try again."

_PLACE_GONE = {
    "channel_not_found": INVITE,
    "not_in_channel": INVITE,
    "is_archived": "That channel is archived.",
    "account_inactive": "Avatarbot was removed from this workspace.",
    "team_access_not_granted": "Avatarbot may not act in this workspace.",
    "token_revoked": "Avatarbot was removed from this workspace.",
    "invalid_auth": "Slack does not accept Avatarbot's token. Whoever runs it has to look at `avatarbot doctor`.",
    "not_authed": "Slack does not accept Avatarbot's token. Whoever runs it has to look at `avatarbot doctor`.",
    "token_expired": "Avatarbot's token has expired. Whoever runs it has to look at `avatarbot doctor`.",
    "ekm_access_denied": "An admin of this workspace does not let apps write there.",
    "messages_tab_disabled": "Slack does not let me write to you there.",
    "restricted_action": "A setting of this workspace does not let me write there.",
    "restricted_action_non_threadable_channel": "That channel has no threads.",
    "restricted_action_read_only_channel": "That channel is read-only.",
    "restricted_action_thread_locked": "That thread is locked.",
    "restricted_action_thread_only_channel": "That channel takes replies in threads only.",
    "cannot_reply_to_message": "That message cannot be replied to.",
    "thread_not_found": "That thread is gone.",
}
"""Codes after which nothing more can be posted there (slack-api-ref, chat.postMessage)."""

_MESSAGE_GONE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "message_not_owned_by_app", "bad_timestamp"}
)

WORKSPACE_GONE = frozenset(
    {"account_inactive", "token_revoked", "invalid_auth", "not_authed", "team_access_not_granted"}
)

TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code of Slack's, no secret
MISSING_SCOPE = "missing_scope"


class SlackRefused(PlatformError):
    """Slack said no, with a `code` of its own, to something that is not final for the place."""

    def __init__(self, code: str, detail: str, needed: tuple[str, ...] = ()) -> None:
        super().__init__("Slack did not do that. Please try again.", detail)
        self.code = code
        self.needed = needed  # scopes, any of which would do


def refusal(method: str, code: str, needed: str = "") -> PlatformError:
    """The error for what Slack answered to a method. `needed` are the scopes it misses."""
    detail = f"{method}: {code}" + (f" (needs {needed})" if needed else "")
    if code in _MESSAGE_GONE:
        return MessageGone("That message cannot be changed any more.", detail)
    if code in _PLACE_GONE:
        return PlaceGone(_PLACE_GONE[code], detail)
    if code == MISSING_SCOPE and method == "chat.postMessage":
        return PlaceGone("I am not allowed to write there: the app lacks a permission that an admin can add.", detail)
    return SlackRefused(code, detail, tuple(needed.split(",")) if needed else ())
