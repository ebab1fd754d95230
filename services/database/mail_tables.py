"""Mail that IRBot sends, the pace of the mailbox that sends it, and notices to partners. Times as in `tables.py`."""

from __future__ import annotations

import sqlalchemy as sa

from services.database import tables

mails = sa.Table(
    "mails",
    tables.metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("cause", sa.String(64), nullable=False),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("recipient", sa.String(320), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("mark", sa.String(36), nullable=False, unique=True),
    sa.Column("sender_id", sa.String(36)),
    sa.Column("message_id", sa.Text),
    sa.Column("created_at", tables.UtcTime, nullable=False),
    sa.Column("not_before", tables.UtcTime, nullable=False),
    sa.Column("intent_at", tables.UtcTime),
    sa.Column("finished_at", tables.UtcTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Index("ix_mails_cause", "cause"),
    sa.Index("ix_mails_state_not_before", "state", "not_before"),
    sa.Index("ix_mails_sender_id_intent_at", "sender_id", "intent_at"),
)

mail_senders = sa.Table(
    "mail_senders",
    tables.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("not_before", tables.UtcTime, nullable=False),
    sa.Column("reports_read_to", tables.UtcTime),
)

notices = sa.Table(
    "notices",
    tables.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("contact_id", sa.String(64), nullable=False),
    sa.Column("draft", sa.String(36), nullable=False),
    sa.Column("contact", sa.JSON, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("webhook", sa.String(16), nullable=False),
    sa.Column("webhook_reason", sa.Text, nullable=False),
    sa.Column("webhook_at", tables.UtcTime),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", tables.UtcTime, nullable=False),
    sa.Column("prepared_by", sa.JSON, nullable=False),
    sa.Column("prepared_at", tables.UtcTime, nullable=False),
    sa.Column("sent_by", sa.JSON),
    sa.Column("sent_at", tables.UtcTime),
    sa.Column("answer", sa.JSON),
    sa.UniqueConstraint("draft", "contact_id"),
    sa.Index("ix_notices_incident_id", "incident_id"),
    sa.Index("ix_notices_webhook", "webhook"),
)
