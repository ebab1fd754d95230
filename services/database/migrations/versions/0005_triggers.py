"""Risks, alerts and reports that were seen, and how far the looking is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "triggers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("subject", sa.JSON(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("signs", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("show_at", sa.String(length=27), nullable=False),
        sa.Column("shown_at", sa.String(length=27), nullable=True),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("rule_state", sa.String(length=16), nullable=False),
        sa.Column("rule_note", sa.Text(), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("decided_by", sa.JSON(), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        sa.UniqueConstraint("key", name=op.f("uq_triggers_key")),
    )
    op.create_index("ix_triggers_state", "triggers", ["state"])
    waits = sa.text("state = 'open' AND source = 'microsoft'")
    op.create_index(
        "uq_triggers_open_account",
        "triggers",
        ["account_id"],
        unique=True,
        sqlite_where=waits,
        postgresql_where=waits,
    )
    op.create_table(
        "trigger_signs",
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("sign_id", sa.String(length=128), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("trigger_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["trigger_id"], ["triggers.id"]),
        sa.PrimaryKeyConstraint("source", "sign_id", "account_id", name=op.f("pk_trigger_signs")),
    )
    op.create_index("ix_trigger_signs_trigger_id", "trigger_signs", ["trigger_id"])
    op.create_table(
        "trigger_polls",
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("watermark", sa.String(length=27), nullable=True),
        sa.Column("next_at", sa.String(length=27), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.String(length=27), nullable=True),
        sa.Column("looked_at", sa.String(length=27), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_trigger_polls")),
    )
    op.create_table(
        "trigger_places",
        sa.Column("channel_id", sa.String(length=255), nullable=False),
        sa.Column("conversation", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_trigger_places")),
    )
