"""Status, watch, help: questions about what is live here."""

from bot.answers.request import Request
from bot.commands.help import help_text
from bot.model import Item, Link, Mode, Reply
from bot.session.cards import card_of
from bot.store import inbox


async def show_help(request: Request) -> Reply:
    return Reply(help_text(topic=request.text("verb"), catalogue=request.desk.house.policy.catalogue))


async def status(request: Request) -> Reply:
    session = request.live
    waiting = await request.desk.house.store.read(lambda c: inbox.count_waiting(c, session.id))
    view = request.desk.house.feed.view(session.id)
    card = card_of(session, view.note if view else "", view.ends_at if view else None, waiting)
    mode = "says what it is given" if card.mode is Mode.RETELLING else "answers by itself"
    facts = [f"{card.avatar_name or 'An avatar'} is {card.status}, started by {card.starter_name}.", card.note]
    if card.ends_at:
        left = card.ends_at - request.desk.house.clock.now()
        facts.append(f"{max(0, round(left.total_seconds() / 60))} minutes of this stretch are left.")
    if waiting:
        facts.append(f"{waiting} messages wait.")
    return Reply(" ".join(facts), (Item(card.avatar_name, f"It {mode}.", card.picture),))


async def watch(request: Request) -> Reply:
    session = request.live
    url = await request.desk.links.speaking(session.id, request.person)
    return Reply(
        "This link is yours: whoever has it speaks as you.", link=Link(f"Watch {session.spec.avatar_name}", url)
    )
