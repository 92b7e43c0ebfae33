"""What the provider offers: avatars, voices, languages."""

from bot.answers.request import Declined, Request
from bot.commands.nearest import nearest
from bot.model import Command, Item, Reply
from bot.ports.provider import AvatarInfo

PAGE = 10


async def avatars(request: Request) -> Reply:
    offered = await request.desk.house.provider.avatars()
    wanted = request.text("name")
    if wanted:
        names = nearest(wanted, [avatar.name for avatar in offered], PAGE)
        offered = [avatar for avatar in offered if avatar.name in names]
        if not offered:
            raise Declined(f"There is no avatar like “{wanted}”.")
    page = int(request.text("page") or 1)
    shown = offered[(page - 1) * PAGE : page * PAGE]
    pages = -(-len(offered) // PAGE)
    count = f"{len(offered)} avatar{'' if len(offered) == 1 else 's'}"
    where = f", page {page} of {pages}" if pages > 1 else ""
    return Reply(f"{count}{where}. Start one with /avatar start NAME.", tuple(map(_avatar, shown)))


def _avatar(avatar: AvatarInfo) -> Item:
    facts = ["official" if avatar.official else "your own", avatar.gender, "" if avatar.available else "busy now"]
    start = Command("start", {"avatar": avatar.name})
    return Item(avatar.name, ", ".join(filter(None, facts)), avatar.picture, avatar.preview, start)
