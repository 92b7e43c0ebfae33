"""A worker that was late spares others that may be"""

import sqlalchemy as sa
from alembic import op

revision = "0015_workers_spare_others"
down_revision = "0014_sessions_count_deaths"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("spares_until", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.drop_column("spares_until")
