"""Keyed marks beside what is kept closed: a person's Teams id, and the conversation of an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("teams_mark", sa.String(length=64), nullable=True))
    op.create_index("ix_people_teams_mark", "people", ["teams_mark"])
    op.add_column("incidents", sa.Column("place_mark", sa.String(length=64), nullable=True))
    op.create_index("ix_incidents_place_mark", "incidents", ["place_mark"])
