"""Message blasts: the frozen audience, one row per recipient, receipts and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE_APPEND_ONLY = """
CREATE TRIGGER blast_events_no_{verb} BEFORE {verb} ON blast_events
BEGIN SELECT RAISE(ABORT, 'the events of a blast are append-only'); END
"""
# SQLite's REPLACE deletes a row without asking the trigger for deletions.
_SQLITE_NO_REPLACE = """
CREATE TRIGGER blast_events_no_replace BEFORE INSERT ON blast_events
WHEN EXISTS (SELECT 1 FROM blast_events WHERE blast_id = NEW.blast_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the events of a blast are append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION blast_events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the events of a blast are append-only'; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER blast_events_append_only BEFORE UPDATE OR DELETE ON blast_events
FOR EACH ROW EXECUTE FUNCTION blast_events_are_append_only()
"""
_POSTGRES_NO_TRUNCATE = """
CREATE TRIGGER blast_events_no_truncate BEFORE TRUNCATE ON blast_events
FOR EACH STATEMENT EXECUTE FUNCTION blast_events_are_append_only()
"""


def upgrade() -> None:
    _mails()
    _notices()
    op.create_table(
        "blasts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("decision_nonce", sa.String(length=32), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("audience_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("conversation", sa.JSON(), nullable=True),
        sa.Column("requester", sa.JSON(), nullable=False),
        sa.Column("requester_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("asked_at", sa.String(length=27), nullable=True),
        sa.Column("expires_at", sa.String(length=27), nullable=True),
        sa.Column("decided_by", sa.JSON(), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.Column("scheduled_at", sa.String(length=27), nullable=True),
        sa.Column("started_at", sa.String(length=27), nullable=True),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.Column("canary_passed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(length=27), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("owner_until", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.ForeignKeyConstraint(["parent_id"], ["blasts.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blasts")),
    )
    op.create_index("ix_blasts_state", "blasts", ["state"])
    op.create_index("ix_blasts_incident_id", "blasts", ["incident_id"])
    op.create_table(
        "blast_recipients",
        sa.Column("blast_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("department", sa.String(length=255), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("service_url", sa.Text(), nullable=True),
        sa.Column("activity_id", sa.String(length=255), nullable=True),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.Column("read_at", sa.String(length=27), nullable=True),
        sa.Column("acknowledged_at", sa.String(length=27), nullable=True),
        sa.Column("answer", sa.String(length=16), nullable=True),
        sa.Column("answered_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"]),
        sa.PrimaryKeyConstraint("blast_id", "number", name=op.f("pk_blast_recipients")),
        sa.UniqueConstraint("blast_id", "address", name=op.f("uq_blast_recipients_blast_id_address")),
    )
    op.create_index("ix_blast_recipients_claim", "blast_recipients", ["blast_id", "state", "channel", "zone", "number"])
    op.create_index("ix_blast_recipients_address", "blast_recipients", ["address"])
    op.create_table(
        "blast_events",
        sa.Column("blast_id", sa.String(length=36), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"]),
        sa.PrimaryKeyConstraint("blast_id", "seq", name=op.f("pk_blast_events")),
    )
    op.create_table(
        "blast_budgets",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("next_slot", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_blast_budgets")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_SQLITE_APPEND_ONLY.format(verb=verb))
        op.execute(_SQLITE_NO_REPLACE)
    else:
        for statement in (_POSTGRES_FUNCTION, _POSTGRES_TRIGGER, _POSTGRES_NO_TRUNCATE):
            op.execute(statement)


def _mails() -> None:
    """What is sent from the organisation's mailbox, and the pace of that mailbox."""
    op.create_table(
        "mails",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mark", sa.String(length=36), nullable=False),
        sa.Column("sender_id", sa.String(length=36), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("intent_at", sa.String(length=27), nullable=True),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mails")),
        sa.UniqueConstraint("mark", name=op.f("uq_mails_mark")),
    )
    op.create_index("ix_mails_cause", "mails", ["cause"], unique=False)
    op.create_index("ix_mails_state_not_before", "mails", ["state", "not_before"], unique=False)
    op.create_index("ix_mails_sender_id_intent_at", "mails", ["sender_id", "intent_at"], unique=False)
    op.create_table(
        "mail_senders",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("reports_read_to", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_senders")),
    )


def _notices() -> None:
    """What the organisation's partners are told."""
    op.create_table(
        "notices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("contact_id", sa.String(length=64), nullable=False),
        sa.Column("draft", sa.String(length=36), nullable=False),
        sa.Column("contact", sa.JSON(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("webhook", sa.String(length=16), nullable=False),
        sa.Column("webhook_reason", sa.Text(), nullable=False),
        sa.Column("webhook_at", sa.String(length=27), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("prepared_by", sa.JSON(), nullable=False),
        sa.Column("prepared_at", sa.String(length=27), nullable=False),
        sa.Column("sent_by", sa.JSON(), nullable=True),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("draft", "contact_id", name=op.f("uq_notices_draft_contact_id")),
    )
    op.create_index("ix_notices_incident_id", "notices", ["incident_id"], unique=False)
    op.create_index("ix_notices_webhook", "notices", ["webhook"], unique=False)
