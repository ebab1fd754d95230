"""The records of an incident or a blast that has had its time can be deleted whole, and only so."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A line of a record goes only where what it belongs to is marked as purged, which is done in the same transaction.
_RECORDS = [
    ("timeline", "incident_id", "incidents", "timeline_is_append_only", "the timeline is append-only"),
    ("blast_events", "blast_id", "blasts", "blast_events_are_append_only", "the events of a blast are append-only"),
]
_SQLITE = """
CREATE TRIGGER {table}_no_DELETE BEFORE DELETE ON {table}
WHEN NOT EXISTS (SELECT 1 FROM {owner} WHERE id = OLD.{key} AND state = 'purged')
BEGIN SELECT RAISE(ABORT, '{refusal}'); END
"""
_POSTGRES = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM {owner} WHERE id = OLD.{key} AND state = 'purged') THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '{refusal}';
END $$
"""


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, key, owner, function, refusal in _RECORDS:
        names = {"table": table, "key": key, "owner": owner, "function": function, "refusal": refusal}
        if is_sqlite:
            op.execute(f"DROP TRIGGER {table}_no_DELETE")
            op.execute(sa.text(_SQLITE.format(**names)))
        else:
            op.execute(sa.text(_POSTGRES.format(**names)))
