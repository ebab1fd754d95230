"""Risks, alerts and reports that were seen, what became of each, and how far we looked. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.sealed import SealedJson
from services.database.tables import UtcTime, metadata

# One row for each card. Microsoft's signs about one account share one card until somebody decides.
triggers = sa.Table(
    "triggers",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("key", sa.String(80), nullable=False, unique=True),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("account_id", sa.String(36)),
    sa.Column("subject", sa.JSON, nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("signs", sa.JSON, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("show_at", UtcTime, nullable=False),
    sa.Column("shown_at", UtcTime),
    sa.Column("rule", sa.String(32), nullable=False),
    sa.Column("rule_state", sa.String(16), nullable=False),
    sa.Column("rule_note", sa.Text, nullable=False),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("decided_by", sa.JSON),
    sa.Column("decided_at", UtcTime),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_triggers_state", "state"),
    sa.Index(
        "uq_triggers_open_account",
        "account_id",
        unique=True,
        sqlite_where=sa.text("state = 'open' AND source = 'microsoft'"),
        postgresql_where=sa.text("state = 'open' AND source = 'microsoft'"),
    ),
)

# Each sign counts once for an account, however often it is read.
trigger_signs = sa.Table(
    "trigger_signs",
    metadata,
    sa.Column("source", sa.String(16), primary_key=True),
    sa.Column("sign_id", sa.String(128), primary_key=True),
    sa.Column("account_id", sa.String(36), primary_key=True),
    sa.Column("trigger_id", sa.String(36), sa.ForeignKey("triggers.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Index("ix_trigger_signs_trigger_id", "trigger_id"),
)

trigger_polls = sa.Table(
    "trigger_polls",
    metadata,
    sa.Column("source", sa.String(16), primary_key=True),
    sa.Column("watermark", UtcTime),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("lease_until", UtcTime),
    sa.Column("looked_at", UtcTime),
    sa.Column("problem", sa.Text, nullable=False),
)

# Where a channel answers, as its own activities say.
trigger_places = sa.Table(
    "trigger_places",
    metadata,
    sa.Column("channel_id", sa.String(255), primary_key=True),
    sa.Column("conversation", SealedJson, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
)
