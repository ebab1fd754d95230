"""What IRBot takes for true about itself, and what differed from it. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.tables import UtcTime, metadata

# One row for each part that is watched: our app, the app registration, each group that gives a role or protects.
guard_truths = sa.Table(
    "guard_truths",
    metadata,
    sa.Column("area", sa.String(64), primary_key=True),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("accepted_at", UtcTime, nullable=False),
)

guard_alarms = sa.Table(
    "guard_alarms",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("changes", sa.JSON, nullable=False),
    sa.Column("found_at", UtcTime, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("decided_by", sa.JSON),
    sa.Column("decided_at", UtcTime),
    sa.Index("ix_guard_alarms_state", "state"),
)
