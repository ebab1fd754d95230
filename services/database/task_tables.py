"""Human tasks, the gate before an account is given back, the watch for a return. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.sealed import SealedJson
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

gates = sa.Table(
    "gates",
    metadata,
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("looked", sa.JSON, nullable=False),
    sa.Column("plans", sa.JSON, nullable=False),
    sa.Column("asked_by", sa.JSON, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("looked_at", UtcTime),
)

gate_waivers = sa.Table(
    "gate_waivers",
    metadata,
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("line", sa.String(32), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("waived_by", sa.JSON, nullable=False),
    sa.Column("waived_at", UtcTime, nullable=False),
)

access_passes = sa.Table(
    "access_passes",
    metadata,
    sa.Column("cause", sa.String(36), primary_key=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("account_id", sa.String(36), nullable=False),
    sa.Column("method_id", sa.String(64)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("shown_to", sa.JSON, nullable=False),
    sa.Column("conversation", SealedJson),
    sa.Column("activity_id", sa.String(255)),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("hide_at", UtcTime),
    sa.Index("ix_access_passes_state", "state"),
)

watches = sa.Table(
    "watches",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("cause", sa.String(36), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("looked_at", UtcTime),
    sa.UniqueConstraint("cause", "number"),
    sa.Index("ix_watches_incident_id", "incident_id"),
    sa.Index("ix_watches_state", "state"),
)
