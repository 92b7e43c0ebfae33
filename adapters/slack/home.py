"""The home tab."""

from adapters.slack.answers import answer
from adapters.slack.blocks import FORM, Block, actions, button, section
from bot.domain.replies import Reply

BLOCKS_LIMIT = 100

HOW_TO_BEGIN = (
    "Type {command} start in a channel where I am a member, or press the button. A card appears; what people write in its"
    " thread is spoken or answered by the avatar, and what it says is written back. In a thread, mention me or write stop or"
    " interrupt: Slack has no slash commands there."
)


def home(sessions: Reply, command: str) -> Block:
    """How to begin, and the sessions of this workspace."""
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Live avatars", "emoji": False}},
        section(HOW_TO_BEGIN.format(command=command)),
        *actions(button("Start an avatar", f"{FORM}start", style="primary")),
        {"type": "divider"},
        *(block for content in answer(sessions) for block in content.blocks),
    ]
    return {"type": "home", "blocks": blocks[:BLOCKS_LIMIT]}
