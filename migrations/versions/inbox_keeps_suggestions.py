"""What was probably meant by a name that is not known stands beside the sentence that says so"""

import sqlalchemy as sa
from alembic import op

revision = "0003_inbox_keeps_suggestions"
down_revision = "0002_turns_keep_words"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("suggestions", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_column("suggestions")
