"""An avatar of the team's own keeps who said, and when, that the person shown agreed to it"""

import sqlalchemy as sa
from alembic import op

revision = "0004_avatars_keep_consent"
down_revision = "0003_inbox_keeps_suggestions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("belongings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("consent_id", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("consent_name", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("consent_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("belongings", schema=None) as batch_op:
        batch_op.drop_column("consent_at")
        batch_op.drop_column("consent_name")
        batch_op.drop_column("consent_id")
