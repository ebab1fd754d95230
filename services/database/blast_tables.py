"""Message blasts: the frozen audience, one row per recipient, receipts and answers. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database.sealed import SealedJson, SealedText
from services.database.tables import UtcTime, metadata

blasts = sa.Table(
    "blasts",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("parent_id", sa.String(36), sa.ForeignKey("blasts.id")),  # a reminder's first blast
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),  # of the recipients' cards
    sa.Column("decision_nonce", sa.String(32), nullable=False),  # of the cards that ask for a decision
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("audience_digest", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("conversation", SealedJson),
    sa.Column("requester", sa.JSON, nullable=False),
    sa.Column("requester_id", sa.String(36), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("asked_at", UtcTime),
    sa.Column("expires_at", UtcTime),
    sa.Column("decided_by", sa.JSON),
    sa.Column("decided_at", UtcTime),
    sa.Column("scheduled_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("canary_passed", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("run", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime),
    sa.Column("owner", sa.String(64)),
    sa.Column("owner_until", sa.BigInteger, nullable=False),  # microseconds by the database's clock
    sa.Column("rate", sa.Double, nullable=False),
    sa.Index("ix_blasts_state", "state"),
    sa.Index("ix_blasts_incident_id", "incident_id"),
)

blast_recipients = sa.Table(
    "blast_recipients",
    metadata,
    sa.Column("blast_id", sa.String(36), sa.ForeignKey("blasts.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("address", sa.String(320), nullable=False),  # an object id, or a mail address in lower case
    sa.Column("channel", sa.String(8), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("department", sa.String(255), nullable=False),
    sa.Column("zone", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("token", sa.String(36)),  # of the run that claimed it
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(64)),
    sa.Column("conversation_id", SealedText),
    sa.Column("service_url", SealedText),
    sa.Column("activity_id", sa.String(255)),
    sa.Column("sent_at", UtcTime),
    sa.Column("read_at", UtcTime),
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("answer", sa.String(16)),
    sa.Column("answered_at", UtcTime),
    sa.UniqueConstraint("blast_id", "address"),
    # What a claim looks for: the next of a state, by channel and zone, in the order of the audience.
    sa.Index("ix_blast_recipients_claim", "blast_id", "state", "channel", "zone", "number"),
    sa.Index("ix_blast_recipients_address", "address"),
)

blast_events = sa.Table(
    "blast_events",
    metadata,
    sa.Column("blast_id", sa.String(36), sa.ForeignKey("blasts.id"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("actor_id", sa.String(64), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)

# Shared by all replicas: when the next call of a kind may go. Microseconds by the database's clock.
blast_budgets = sa.Table(
    "blast_budgets",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("next_slot", sa.BigInteger, nullable=False),
    sa.Column("rate", sa.Double, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("held_until", sa.BigInteger, nullable=False),
)
