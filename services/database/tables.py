"""IRBot's own tables: the truth about incidents, approvals and effects. The durable engine only carries ids.

Times are stored as ISO-8601 text in UTC, so that a file is readable and two databases agree.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from services.database.sealed import Packed, SealedJson, SealedText

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as `2026-11-25T15:20:00.123456Z`: it sorts as text as it sorts in time."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not be stored")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.String(36), primary_key=True)


incidents = sa.Table(
    "incidents",
    metadata,
    _id(),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("subject_id", sa.String(36), nullable=False),
    sa.Column("subject", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("opened_by", sa.JSON, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("conversation", SealedJson, nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("investigation", sa.JSON, nullable=False),
    sa.Column("eviction", sa.JSON, nullable=False),
    sa.Column("place_mark", sa.String(64)),  # stands for the id of the conversation
    sa.Index("ix_incidents_place_mark", "place_mark"),
    sa.Index(
        "uq_incidents_open_subject",
        "subject_id",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
)

timeline = sa.Table(
    "timeline",
    metadata,
    _id(),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("actor_id", sa.String(64), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("incident_id", "seq"),
)

evidence = sa.Table(
    "evidence",
    metadata,
    _id(),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("step_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("body", Packed, nullable=False),
    sa.Index("ix_evidence_incident_id", "incident_id"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    _id(),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("target_id", sa.String(36), nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("rule", sa.String(16), nullable=False),
    sa.Column("requester", sa.JSON, nullable=False),
    sa.Column("requester_id", sa.String(36), nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("decided_by", sa.JSON),
    sa.Column("decided_at", UtcTime),
    sa.Column("used_at", UtcTime),
    sa.Column("reason", sa.Text),
    sa.Column("ask", sa.JSON, nullable=False),
    sa.Index(
        "uq_approvals_waiting",
        "incident_id",
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    ),
)

step_runs = sa.Table(
    "step_runs",
    metadata,
    _id(),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), nullable=False),
    sa.Column("step_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("cause", sa.String(36), nullable=False),
    sa.Column("state", sa.String(24), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("actor", sa.JSON, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.UniqueConstraint("cause", "step_id"),
    sa.Index("ix_step_runs_incident_id", "incident_id"),
)

findings = sa.Table(
    "findings",
    metadata,
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("step_id", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("reasons", sa.JSON, nullable=False),
    sa.Column("at", UtcTime),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("found_at", UtcTime, nullable=False),
    sa.Column("resolved_at", UtcTime),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("run_id", sa.String(36), sa.ForeignKey("step_runs.id"), primary_key=True),
    sa.Column("item", sa.String(255), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("intent_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("body", SealedJson, nullable=False),
    sa.Column("actor_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("answer", sa.JSON),
    sa.Column("correlation_id", sa.String(36), nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
)

posts = sa.Table(
    "posts",
    metadata,
    _id(),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject_key", sa.String(255), nullable=False, unique=True),
    sa.Column("incident_id", sa.String(36), sa.ForeignKey("incidents.id")),
    sa.Column("approval_id", sa.String(36), sa.ForeignKey("approvals.id")),
    sa.Column("person", SealedJson),
    sa.Column("conversation", SealedJson),
    sa.Column("card", sa.JSON),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("activity_id", sa.String(255)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("wanted_revision", sa.Integer, nullable=False),
    sa.Column("published_revision", sa.Integer, nullable=False),
    sa.Column("published_digest", sa.String(64), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Index("ix_posts_incident_id", "incident_id"),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("object_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("teams_id", SealedText(255), nullable=False),
    sa.Column("service_url", SealedText, nullable=False),
    sa.Column("personal", SealedJson),
    sa.Column("last_seen", UtcTime, nullable=False),
    sa.Column("teams_mark", sa.String(64)),  # stands for `teams_id` in a look-up
    sa.Index("ix_people_teams_mark", "teams_mark"),
    sa.Index("ix_people_teams_id", "teams_id"),
)

executors = sa.Table(
    "executors",
    metadata,
    _id(),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("heartbeat_at", UtcTime, nullable=False),
)
