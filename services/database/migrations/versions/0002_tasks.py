"""Human tasks, the gate before an account is given back, and the watch for the intruder's return."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("step_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("instructions", sa.JSON(), nullable=False),
        sa.Column("assignee", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=True),
        sa.Column("reminded_for", sa.String(length=27), nullable=True),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("done_by", sa.JSON(), nullable=True),
        sa.Column("done_at", sa.String(length=27), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("key", name=op.f("uq_tasks_key")),
    )
    op.create_index("ix_tasks_incident_id", "tasks", ["incident_id"])
    op.create_index("ix_tasks_state", "tasks", ["state"])
    op.create_table(
        "step_plans",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("step_id", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("actor", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("incident_id", "step_id", name=op.f("pk_step_plans")),
    )
    op.create_index("ix_step_plans_state", "step_plans", ["state"])
