"""None"""

import json

from adapters.discord.rendering import answer
from bot.commands.buttons import BY_HAND
from bot.domain.conversations import Command, Item, Reply


def test_a_question_without_buttons_explains_the_typed_answer() -> None:
    options = {"url": f"https://x.example/{'a' * 100}.mp4", "name": "Ann", "confirm": "yes"}
    (asked,) = answer(Reply("Has she agreed?", (Item("Ann", command=Command("upload", options)),)))
    assert BY_HAND in json.dumps(asked)
    (short,) = answer(Reply("Has she agreed?", (Item("Ann", command=Command("upload", {"confirm": "yes"})),)))
    assert BY_HAND not in json.dumps(short)
