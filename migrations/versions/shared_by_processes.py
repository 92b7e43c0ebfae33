"""What several processes share: replies that one of them tells, what was answered, jobs and their holders, budgets, lists of the provider's"""

import sqlalchemy as sa
from alembic import op

revision = "0008_shared_by_processes"
down_revision = "0007_hooks_and_outbox"
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=None if key else "", nullable=False, primary_key=key)


def upgrade() -> None:
    op.create_table(
        "seen",
        _text("platform", key=True),
        _text("workspace_id", key=True),
        _text("event_id", key=True),
        _text("answered_by"),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace_id", "event_id", name=op.f("pk_seen")),
    )
    op.create_index("seen_by_time", "seen", ["until"])
    op.create_table(
        "jobs",
        _text("name", key=True),
        _text("holder"),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )
    op.create_table(
        "budgets",
        _text("key", key=True),
        sa.Column("spent_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budgets")),
    )
    op.create_table(
        "offers",
        _text("kind", key=True),
        _text("rows"),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        _text("read_by"),
        sa.Column("reading_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_offers")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(_text("told_by"))
        batch_op.add_column(sa.Column("told_until", sa.BigInteger(), nullable=True))
        batch_op.drop_index("inbox_reply_due")
        batch_op.create_index(
            "inbox_reply_due",
            ["done_at", "id"],
            sqlite_where=sa.text("reply_due"),
            postgresql_where=sa.text("reply_due"),
        )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(_text("note"))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("note")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("inbox_reply_due")
        batch_op.create_index("inbox_reply_due", ["reply_due"])
        batch_op.drop_column("told_until")
        batch_op.drop_column("told_by")
    for table in ("offers", "budgets", "jobs", "seen"):
        op.drop_table(table)
