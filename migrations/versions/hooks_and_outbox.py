"""Receivers of events, and an outbox of what they have not taken yet"""

import sqlalchemy as sa
from alembic import op

revision = "0007_hooks_and_outbox"
down_revision = "0006_api_tokens"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _text("events"),
        _text("places"),
        _text("disabled"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("listens_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        _text("type"),
        _text("body"),
        _text("author_row"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name="fk_events_session_id_sessions", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("event_by_session", "events", ["session_id"])
    op.create_index("event_by_author", "events", ["author_row"])
    op.create_index("event_by_time", "events", ["created_at"])
    op.create_table(
        "deliveries",
        sa.Column("hook_id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        _text("reason"),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"], name="fk_deliveries_hook_id_hooks", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_deliveries_event_id_events", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hook_id", "event_id", name="pk_deliveries"),
    )
    op.create_index("delivery_due", "deliveries", ["hook_id", "due_at"])
    op.create_index("delivery_by_event", "deliveries", ["event_id"])


def downgrade() -> None:
    for table in ("deliveries", "events", "hooks"):
        op.drop_table(table)
