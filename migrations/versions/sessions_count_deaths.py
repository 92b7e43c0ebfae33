"""A session counts the processes that died while they ran it"""

import sqlalchemy as sa
from alembic import op

revision = "0014_sessions_count_deaths"
down_revision = "0013_schema_says_for_whom"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deaths", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_column("deaths")
