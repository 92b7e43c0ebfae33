"""A process tells the others what it does, where it is reached and how many sessions it runs"""

import sqlalchemy as sa
from alembic import op

revision = "0009_workers_tell_what_they_are"
down_revision = "0008_shared_by_processes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("roles", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("rooms", sa.Integer(), server_default="1000", nullable=False))
        batch_op.alter_column("capacity", existing_type=sa.Integer(), server_default="0")
    op.create_index("session_by_worker", "sessions", ["worker_id"])


def downgrade() -> None:
    op.drop_index("session_by_worker", table_name="sessions")
    with op.batch_alter_table("workers", schema=None) as batch_op:
        batch_op.alter_column("capacity", existing_type=sa.Integer(), server_default=None)
        batch_op.drop_column("rooms")
        batch_op.drop_column("version")
        batch_op.drop_column("roles")
