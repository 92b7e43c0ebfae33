"""The ledger, opened from the provider sessions that are kept, and what the provider said was left"""

import sqlalchemy as sa
from alembic import op

revision = "0011_ledger"
down_revision = "0010_sessions_keep_voice"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


_BOUGHT = "CAST(duration_s AS BIGINT) * 1000000"
_LASTED = "(CASE WHEN closed_at < expires_at THEN closed_at ELSE expires_at END) - opened_at"
_USED = f"(CASE WHEN {_LASTED} < 0 THEN 0 WHEN {_LASTED} > {_BOUGHT} THEN {_BOUGHT} ELSE {_LASTED} END)"
_OVER = "p.opened_at IS NOT NULL AND p.closed_at IS NOT NULL"
_OPENING = (
    (0, "opened_at", "credit", "paid", _BOUGHT, "p.opened_at IS NOT NULL"),
    (1, "closed_at", "paid", "used", _USED, f"{_OVER} AND {_USED} > 0"),
    (2, "closed_at", "paid", "credit", f"{_BOUGHT} - {_USED}", f"{_OVER} AND {_BOUGHT} > {_USED}"),
    (0, "closed_at", "credit", "unknown", _BOUGHT, "p.opened_at IS NULL AND p.state = 'lost'"),
)
"""Number, time, source, target, span, and of which provider sessions."""


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("purchase_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _text("platform"),
        _text("workspace_id"),
        _text("account"),
        _text("source"),
        _text("target"),
        sa.Column("span", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("purchase_id", "number", name=op.f("pk_ledger")),
    )
    op.create_index("ledger_by_time", "ledger", ["at"])
    op.create_table(
        "credit_readings",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_credit_readings")),
    )
    op.add_column("provider_sessions", _text("account"))
    op.add_column("provider_sessions", sa.Column("wanted_until", sa.BigInteger(), nullable=True))
    op.add_column("provider_sessions", sa.Column("closing_at", sa.BigInteger(), nullable=True))
    for number, at, source, target, span, where in _OPENING:
        op.execute(
            "INSERT INTO ledger (purchase_id, number, at, platform, workspace_id, source, target, span) "  # noqa: S608 - ours
            f"SELECT p.id, {number}, p.{at}, s.platform, s.workspace_id, '{source}', '{target}', {span} "
            f"FROM provider_sessions p JOIN sessions s ON s.id = p.session_id WHERE {where}"
        )


def downgrade() -> None:
    for column in ("account", "wanted_until", "closing_at"):
        op.drop_column("provider_sessions", column)
    op.drop_table("credit_readings")
    op.drop_table("ledger")
