"""The tables, and what their columns are made of.

Ids are UUIDv7 text, instants are UTC, and `''` stands for "none" in every key, so that unique indexes hold.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time as whole microseconds: the same order and arithmetic on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Words(TypeDecorator[str]):
    """Text without U+0000 on an engine that takes none: one such message would spoil the transaction of all that came with it."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None] | None:
        return None if dialect.name == "sqlite" else _without_nul


def _without_nul(text: str | None) -> str | None:
    return text.replace("\0", "") if text else text


def _id() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def _session() -> Column[str]:
    return Column("session_id", String(36), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Words, nullable=False, server_default=default)


# ---------------------------------------------------------------- tables

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


workers = Table(
    "workers",
    metadata,
    _id(),
    Column("started_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column(
        "spares_until", Instant, nullable=False, server_default="0"
    ),  # until then it claims nothing that others hold
    Column("capacity", Integer, nullable=False, server_default="0"),  # only an earlier program writes it
    _text("address"),  # host:port where its rooms are reached by other processes
    _text("roles"),  # separated by spaces
    Column("version", Integer, nullable=False, server_default="0"),  # of what is spoken at its address
    Column("rooms", Integer, nullable=False, server_default="1000"),  # sessions that it runs at most
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _text("platform"),
    _text("workspace_id"),
    _text("channel_id"),
    _text("thread_id"),
    _text("talk_thread_id"),  # where its talk goes on, in the same channel: set once, with the card
    _text("card_message_id"),  # empty until the card is posted
    _text("card_thread_id"),
    _text("status"),
    _text("end_reason"),
    _text("worker_id"),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),  # runs that failed since it was last live
    Column("deaths", Integer, nullable=False, server_default="0"),  # processes that died of it, perhaps, in a row
    _text("starter_id"),
    _text("starter_name"),
    _text("payer_id"),  # whose budget it uses: the starter's, or that of whoever woke it
    Column("spec", LargeBinary, nullable=False),  # encrypted: may hold a third party's key
    Column("reserved_s", Integer, nullable=False, server_default="0"),  # budget held, not yet in a provider session
    Column("created_at", Instant, nullable=False),
    Column("active_at", Instant, nullable=False),  # somebody wrote, watched or extended it
    Column("slept_at", Instant),
    Column("ended_at", Instant),
    _text("note"),  # what is said of it at the moment, and what comes, as JSON
    _text("voice_channel_id"),  # where it is heard, empty for nowhere
    _text("voice_person_id"),  # who asked for that
    Index(
        "one_session_per_place",
        "platform",
        "workspace_id",
        "channel_id",
        "thread_id",
        unique=True,
        sqlite_where=text("status <> 'ended'"),
        postgresql_where=text("status <> 'ended'"),
    ),
    Index("session_by_channel", "platform", "workspace_id", "channel_id", "status"),
    Index("session_by_status", "status"),
    Index("session_by_worker", "worker_id"),
)

provider_sessions = Table(
    "provider_sessions",
    metadata,
    _id(),  # ours: also the tag that names a room of our own
    _session(),
    _text("provider_id"),  # the provider's, empty while only intended
    _text("state"),  # intent, open, closing, closed, lost
    Column("credentials", LargeBinary, nullable=False, server_default=text("''")),  # encrypted
    Column("duration_s", Integer, nullable=False),
    _text("payer_id"),
    _text("account"),  # at the provider, as in its credentials, which are deleted at its end
    Column("intended_at", Instant, nullable=False),
    Column("opened_at", Instant),
    Column("expires_at", Instant),
    Column("wanted_until", Instant),  # when it was first asked to end
    Column("closing_at", Instant),  # and when last
    Column("closed_at", Instant),
    Index("provider_session_by_session", "session_id"),
    Index("provider_session_by_state", "state"),
    Index("provider_session_by_payer", "payer_id", "intended_at"),
)

inbox = Table(
    "inbox",
    metadata,
    _id(),  # the `mid` of what is spoken because of it
    _text("platform"),
    _text("workspace_id"),
    _text("event_id"),
    _session(),
    Column("stamp", BigInteger, nullable=False),
    _text("verb"),
    _text("body"),
    _text("person_id"),
    _text("person_name"),
    _text("person_role"),
    _text("place_channel_id"),  # where it was said, perhaps not in the session's channel
    _text("place_thread_id"),
    _text("message_id"),
    Column("reply_to", LargeBinary),  # encrypted
    _text("state"),  # waiting, claimed, done
    _text("outcome"),
    _text("sentence"),  # what its author is to be told
    _text("suggestions"),  # and which names may have been meant
    Column("reply_due", Boolean, nullable=False, server_default=false()),
    _text("told_by"),  # whoever claimed the reply last
    Column("told_until", Instant),  # until then nobody else tells it
    Column("created_at", Instant, nullable=False),
    Column("done_at", Instant),
    UniqueConstraint("platform", "workspace_id", "event_id", name="one_row_per_event"),
    Index("inbox_of_session", "session_id", "state", "stamp"),
    Index(
        "inbox_waiting",
        "session_id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("inbox_by_message", "platform", "workspace_id", "message_id"),
    Index(
        "inbox_reply_due",
        "done_at",
        "id",
        sqlite_where=text("reply_due"),
        postgresql_where=text("reply_due"),
    ),
)

turns = Table(
    "turns",
    metadata,
    _id(),  # the inbox row's id
    _session(),
    _text("provider_session_id"),
    _text("person_name"),
    _text("text"),  # what was spoken, or asked: perhaps with the speaker's name before it
    _text("words"),  # what was written; empty for turns from before this was kept
    _text("outcome"),
    Column("claimed_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("turn_by_session", "session_id", "claimed_at"),
)

utterances = Table(
    "utterances",
    metadata,
    _id(),
    _session(),
    _text("provider_session_id"),
    _text("mid"),
    _text("speaker"),
    _text("text"),
    Column("final", Boolean, nullable=False),
    Column("shown", Boolean, nullable=False, server_default=false()),  # its last post is what it should be
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("session_id", "provider_session_id", "mid", "speaker", name="one_row_per_utterance"),
    Index("utterance_unshown", "session_id", "shown"),
)

posts = Table(
    "posts",
    metadata,
    _id(),
    _session(),
    _text("source_id"),  # an utterance, or the inbox row that is announced before it is spoken
    Column("part", Integer, nullable=False),
    _text("key"),
    _text("message_id"),  # empty while only intended
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("source_id", "part", name="one_post_per_part"),
    Index("post_by_session", "session_id"),
)

channel_settings = Table(
    "channel_settings",
    metadata,
    Column("platform", Words, primary_key=True),
    Column("workspace_id", Words, primary_key=True),
    Column("channel_id", Words, primary_key=True),
    Column("settings", LargeBinary, nullable=False),  # encrypted
)

grants = Table(
    "grants",
    metadata,
    Column("hash", String(64), primary_key=True),
    _session(),
    _text("scope"),
    _text("person_id"),
    _text("person_name"),
    _text("person_standing"),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("grant_by_session", "session_id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("name", Words, nullable=False, unique=True),
    _text("places"),  # as people name them, and commands, by spaces
    _text("commands"),
    Column("minutes_per_day", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
)

vault = Table(
    "vault",
    metadata,
    Column("platform", Words, primary_key=True),
    Column("workspace_id", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("value", LargeBinary, nullable=False),  # encrypted
)

workspaces = Table(
    "workspaces",
    metadata,
    Column("platform", Words, primary_key=True),
    Column("workspace_id", Words, primary_key=True),
    Column("funded", Boolean, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("avatar_id", Words, primary_key=True),
    _text("platform"),
    _text("workspace_id"),
    _text("channel_id"),
    _text("thread_id"),
    _text("record_id"),
    _text("name"),
    Column("state", Integer, nullable=False),
    Column("reply_to", LargeBinary),  # encrypted
    _text("message_id"),
    Column("created_at", Instant, nullable=False),
    Index("upload_by_state", "state"),
)

ownerships = Table(
    "belongings",
    metadata,
    Column("kind", Words, primary_key=True),  # avatar, knowledge
    Column("provider_id", Words, primary_key=True),
    _text("platform"),
    _text("workspace_id"),
    _text("consent_id"),  # who said that the person shown agreed; empty where nobody did
    _text("consent_name"),
    Column("consent_at", Instant),
)

hooks = Table(
    "hooks",
    metadata,
    _id(),
    Column("url", LargeBinary, nullable=False),  # encrypted: may hold a token; empty for who reads along
    Column("secret", LargeBinary, nullable=False),  # encrypted
    _text("events"),  # types, separated by spaces
    _text("places"),  # their names, separated by spaces
    _text("disabled"),  # why nothing is sent any more
    Column("created_at", Instant, nullable=False),
    Column("listens_until", Instant),  # who reads along, and until when what happens is kept for them
)

events = Table(
    "events",
    metadata,
    _id(),
    _session(),
    _text("type"),
    _text("body"),  # as it is sent, byte for byte
    _text("author_row"),  # the inbox row of whose words are in it
    Column("created_at", Instant, nullable=False),
    Index("event_by_session", "session_id"),
    Index("event_by_author", "author_row"),
    Index("event_by_time", "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("hook_id", String(36), ForeignKey("hooks.id", ondelete="CASCADE"), primary_key=True),
    Column("event_id", String(36), ForeignKey("events.id", ondelete="CASCADE"), primary_key=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),  # none: it has failed for good
    _text("reason"),
    Index("delivery_due", "hook_id", "due_at"),
    Index("delivery_by_event", "event_id"),
)

# ---------------------------------------------------------------- the books


ledger = Table(
    "ledger",
    metadata,
    Column("purchase_id", String(36), primary_key=True),  # the provider session, which is forgotten before its entries
    Column("number", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    _text("platform"),
    _text("workspace_id"),
    _text("account"),  # whose at the provider
    _text("source"),
    _text("target"),
    Column("span", BigInteger, nullable=False),  # microseconds of paid time
    Index("ledger_by_time", "at"),
)

credit_readings = Table(
    "credit_readings",
    metadata,
    Column("day", String(10), primary_key=True),  # UTC
    Column("at", Instant, nullable=False),
    Column("credit", Float, nullable=False),
)

# ---------------------------------------------------------------- what several processes share


seen = Table(
    "seen",
    metadata,
    Column("platform", Words, primary_key=True),
    Column("workspace_id", Words, primary_key=True),
    Column("event_id", Words, primary_key=True),
    _text("answered_by"),
    Column("until", Instant, nullable=False),
    Index("seen_by_time", "until"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("name", Words, primary_key=True),
    _text("holder"),
    Column("until", Instant, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("key", Words, primary_key=True),
    Column("spent_until", Instant, nullable=False),  # the theoretical arrival time of the next call
)

offers = Table(
    "offers",
    metadata,
    Column("kind", Words, primary_key=True),
    _text("rows"),
    Column("read_at", Instant),
    _text("read_by"),
    Column("reading_until", Instant),
)

shards = Table(
    "shards",
    metadata,
    Column("platform", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("process"),  # the worker that receives it; nobody's once that is dead
)

# A program of the revision `readable_from` or a later one can use the tables.
schema = Table("schema", metadata, Column("revision", Words, primary_key=True), _text("readable_from"))
