"""A turn keeps what was written beside what was spoken"""

import sqlalchemy as sa
from alembic import op

revision = "0002_turns_keep_words"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.add_column(sa.Column("words", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.drop_column("words")
