"""A session keeps in which voice channel it is heard"""

import sqlalchemy as sa
from alembic import op

revision = "0010_sessions_keep_voice"
down_revision = "0009_workers_tell_what_they_are"
branch_labels = None
depends_on = None

COLUMNS = ("voice_channel_id", "voice_person_id")


def upgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        for name in COLUMNS:
            batch_op.add_column(sa.Column(name, sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        for name in COLUMNS:
            batch_op.drop_column(name)
