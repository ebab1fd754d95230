"""Changes to very many mailboxes: the frozen list, one row per item. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.tables import UtcTime, metadata

bulk_jobs = sa.Table(
    "bulk_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("census", sa.String(36), nullable=False),  # the look around that it came from
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("halt", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("began_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Index("ix_bulk_jobs_census", "census"),
)

bulk_items = sa.Table(
    "bulk_items",
    metadata,
    sa.Column("job_id", sa.String(36), sa.ForeignKey("bulk_jobs.id"), primary_key=True),
    sa.Column("key", sa.String(36), primary_key=True),  # the mailbox's GUID, never its name
    sa.Column("object_id", sa.String(36), nullable=False),
    sa.Column("label", sa.String(320), nullable=False),
    sa.Column("before", sa.JSON, nullable=False),
    sa.Column("after", sa.JSON, nullable=False),
    sa.Column("found", sa.JSON),  # what stood there right before the effect, where that is not `before`
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("changed", sa.Boolean, nullable=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_bulk_items_job_id_state", "job_id", "state"),
    sa.Index("ix_bulk_items_key", "key"),
)
