"""Human tasks, the gate before an account is given back, the watch for a return. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.tables import UtcTime, metadata

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("key", sa.String(255), nullable=False, unique=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("step_id", sa.String(64), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("instructions", sa.JSON, nullable=False),
    sa.Column("assignee", sa.JSON),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("due_at", UtcTime),
    sa.Column("reminded_for", UtcTime),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("done_by", sa.JSON),
    sa.Column("done_at", UtcTime),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index("ix_tasks_incident_id", "incident_id"),
    sa.Index("ix_tasks_state", "state"),
)

step_plans = sa.Table(
    "step_plans",
    metadata,
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("step_id", sa.String(64), primary_key=True),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("actor", sa.JSON, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Index("ix_step_plans_state", "state"),
)
