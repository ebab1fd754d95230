"""Reports that people asked for, and what administrators set and stop from Teams. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.tables import UtcTime, metadata

report_offers = sa.Table(
    "report_offers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("blast_id", sa.String(36), sa.ForeignKey("blasts.id")),  # a table of recipients has this one instead
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("person", sa.JSON, nullable=False),
    sa.Column("conversation", sa.JSON, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("upload", sa.LargeBinary),  # encrypted: who holds the address may write to the person's files
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Index("ix_report_offers_state", "state"),
)

stops = sa.Table(
    "stops",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("by", sa.JSON, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ended_by", sa.JSON),
    sa.Column("ended_at", UtcTime),
    sa.Index("ix_stops_ended_at", "ended_at"),
)
