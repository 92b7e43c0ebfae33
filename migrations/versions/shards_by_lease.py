"""Which process receives which shard of a chat platform"""

import sqlalchemy as sa
from alembic import op

revision = "0012_shards_by_lease"
down_revision = "0011_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shards",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("process", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("platform", "number", name=op.f("pk_shards")),
    )


def downgrade() -> None:
    op.drop_table("shards")
