"""Message blasts: the frozen audience, one row per recipient, receipts and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _mails()
    _notices()


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
