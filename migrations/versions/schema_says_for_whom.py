"""The tables say which programs can use them, so that an older one starts beside a newer one"""

import sqlalchemy as sa
from alembic import op

revision = "0013_schema_says_for_whom"
down_revision = "0012_shards_by_lease"
branch_labels = None
depends_on = None

readable_from = "0007_hooks_and_outbox"


def upgrade() -> None:
    op.create_table(
        "schema",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("readable_from", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema")),
    )


def downgrade() -> None:
    op.drop_table("schema")
