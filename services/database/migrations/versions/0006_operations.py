"""Reports that people asked for, and what administrators set and stop from Teams."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SQLITE_APPEND_ONLY = """
CREATE TRIGGER organisation_log_no_{verb} BEFORE {verb} ON organisation_log
BEGIN SELECT RAISE(ABORT, 'the log of the organisation is append-only'); END
"""
# SQLite's REPLACE deletes a row without asking the trigger for deletions.
_SQLITE_NO_REPLACE = """
CREATE TRIGGER organisation_log_no_replace BEFORE INSERT ON organisation_log
WHEN EXISTS (SELECT 1 FROM organisation_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the log of the organisation is append-only'); END
"""
_POSTGRES_FUNCTION = """
CREATE FUNCTION organisation_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log of the organisation is append-only'; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER organisation_log_append_only BEFORE UPDATE OR DELETE ON organisation_log
FOR EACH ROW EXECUTE FUNCTION organisation_log_is_append_only()
"""
_POSTGRES_NO_TRUNCATE = """
CREATE TRIGGER organisation_log_no_truncate BEFORE TRUNCATE ON organisation_log
FOR EACH STATEMENT EXECUTE FUNCTION organisation_log_is_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "report_offers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("blast_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person", sa.JSON(), nullable=False),
        sa.Column("conversation", sa.JSON(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("upload", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_report_offers_incident_id_incidents")),
        sa.ForeignKeyConstraint(["blast_id"], ["blasts.id"], name=op.f("fk_report_offers_blast_id_blasts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_offers")),
    )
    op.create_index("ix_report_offers_state", "report_offers", ["state"])
    op.create_table(
        "stops",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("by", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.JSON(), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
    )
    op.create_index("ix_stops_ended_at", "stops", ["ended_at"])
    _organisation()


def _organisation() -> None:
    op.create_table(
        "organisation_entries",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("by", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_organisation_entries")),
    )
    op.create_table(
        "organisation_removals",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("decided_by", sa.JSON(), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_removals")),
    )
    op.create_index("ix_organisation_removals_state", "organisation_removals", ["state"])
    op.create_table(
        "organisation_log",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("by", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("removal_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["removal_id"],
            ["organisation_removals.id"],
            name=op.f("fk_organisation_log_removal_id_organisation_removals"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_log")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE_APPEND_ONLY.format(verb=verb))
        op.execute(_SQLITE_NO_REPLACE)
    else:
        for statement in (_POSTGRES_FUNCTION, _POSTGRES_TRIGGER, _POSTGRES_NO_TRUNCATE):
            op.execute(statement)
