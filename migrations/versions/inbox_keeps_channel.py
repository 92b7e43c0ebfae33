"""What was said in another channel than its session's is answered where it was said"""

import sqlalchemy as sa
from alembic import op

revision = "0005_inbox_keeps_channel"
down_revision = "0004_avatars_keep_consent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place_channel_id", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE inbox SET place_channel_id = (SELECT channel_id FROM sessions WHERE sessions.id = inbox.session_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_column("place_channel_id")
