"""Reports that people asked for, and what administrators set and stop from Teams. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.sealed import Packed, SealedJson
from services.database.tables import UtcTime, metadata

report_offers = sa.Table(
    "report_offers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("blast_id", sa.String(36), sa.ForeignKey("blasts.id")),  # a table of recipients has this one instead
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("person", sa.JSON, nullable=False),
    sa.Column("conversation", SealedJson, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("upload", Packed),  # who holds the address may write to the person's files
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

# What administrators set from Teams, on top of the environment. A list has one row for each person.
organisation_entries = sa.Table(
    "organisation_entries",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("value", sa.String(256), primary_key=True),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("by", sa.JSON, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

organisation_removals = sa.Table(
    "organisation_removals",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String(256), nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_by", sa.JSON, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("decided_by", sa.JSON),
    sa.Column("decided_at", UtcTime),
    sa.Index("ix_organisation_removals_state", "state"),
)

# Append-only: the migration has triggers that refuse anything but an insert.
organisation_log = sa.Table(
    "organisation_log",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String(256), nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("by", sa.JSON, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("removal_id", sa.String(36), sa.ForeignKey("organisation_removals.id")),
)
