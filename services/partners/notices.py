"""Notices to partners as rows: prepared, confirmed, on their way, answered. What is sent is what was previewed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor
from services.database import mail_tables, tables, task_tables
from services.errors import BadInput
from services.incidents import timeline
from services.incidents.model import Incident, actor_from_json
from services.incidents.timeline import AuditTag
from services.mailing import Mail, MailState, Sent
from services.mailing.mailing import Mailing
from services.partners.contacts import Contact, Kind
from services.partners.summary import Summary
from services.posts import PostKind
from services.tasks import TaskState

_NOTICES = mail_tables.notices
_TASKS = task_tables.tasks


class NoticeState(StrEnum):
    """Whether a notice is still a draft, was confirmed by a person, or made room for a newer one."""

    CONFIRMED = "confirmed"
    DRAFT = "draft"
    DROPPED = "dropped"


class WebhookState(StrEnum):
    """How far the call of a webhook is. `UNKNOWN` was sent, and no answer came: it is never sent again."""

    FAILED = "failed"
    NONE = "none"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    WANTED = "wanted"


@dataclass(frozen=True)
class Answered:
    """Who of the partner answered, and who noted it."""

    name: str
    at: datetime
    noted_by: str


@dataclass(frozen=True)
class Notice:
    """One row of `notices`: what one partner is told in one draft. `contact` is as it was when it was prepared."""

    id: str
    incident_id: str
    draft: str
    contact: Contact
    subject: str
    text: str
    payload: str
    state: NoticeState
    webhook: WebhookState
    webhook_reason: str
    webhook_at: datetime | None
    attempts: int
    prepared_by: Actor
    prepared_at: datetime
    sent_by: Actor | None
    sent_at: datetime | None
    answered: Answered | None


def cause_of(incident_id: str) -> str:
    """What groups the mails of an incident's notices."""
    return f"notices:{incident_id}"


async def prepare(
    connection: AsyncConnection,
    incident: Incident,
    contacts: Sequence[Contact],
    summary: Summary,
    by: Actor,
    now: datetime,
) -> str:
    """Freezes what would be sent, in place of any draft that nobody confirmed. Returns the draft's id."""
    mine = (_NOTICES.c.incident_id == incident.id) & (_NOTICES.c.state == NoticeState.DRAFT.value)
    await connection.execute(sa.update(_NOTICES).where(mine).values(state=NoticeState.DROPPED.value))
    draft = str(uuid.uuid4())
    for contact in contacts:
        kept = {key: getattr(contact, key) for key in ("id", "kind", "name", "phone", "mail", "webhook")}
        await connection.execute(
            sa.insert(_NOTICES).values(
                id=str(uuid.uuid4()),
                incident_id=incident.id,
                contact_id=contact.id,
                draft=draft,
                contact=kept,
                subject=summary.subject,
                text=summary.text,
                payload=summary.payload,
                state=NoticeState.DRAFT.value,
                webhook=WebhookState.NONE.value,
                webhook_reason="",
                attempts=0,
                not_before=now,
                prepared_by=asdict(by),
                prepared_at=now,
            )
        )
    return draft


async def confirm(
    connection: AsyncConnection,
    mailing: Mailing,
    incident_id: str,
    draft: str,
    chosen: Sequence[str],
    by: Actor,
    now: datetime,
) -> tuple[Notice, ...]:
    """Has the chosen notices of a draft sent, each once. Raises BadInput for an old draft, or with nobody chosen."""
    of_draft = [each for each in await notices_of(connection, incident_id, lock=True) if each.draft == draft]
    if not of_draft or any(each.state is NoticeState.DROPPED for each in of_draft):
        raise BadInput(reason="stale-card")
    picked = [each for each in of_draft if each.contact.id in set(chosen) and each.state is NoticeState.DRAFT]
    picked = [each for each in picked if each.contact.can_be_sent_to]
    if not picked:
        raise BadInput(reason="nothing-ticked")
    for notice in picked:
        webhook = WebhookState.WANTED if notice.contact.webhook else WebhookState.NONE
        values = {"state": NoticeState.CONFIRMED.value, "sent_by": asdict(by), "sent_at": now, "not_before": now}
        mine = _NOTICES.c.id == notice.id
        await connection.execute(sa.update(_NOTICES).where(mine).values(webhook=webhook.value, **values))
        if notice.contact.mail:
            mail = Mail(f"notice:{notice.id}", notice.contact.mail, notice.subject, notice.text, urgent=True)
            await mailing.queue(connection, [mail], cause=cause_of(incident_id), incident_id=incident_id)
        await timeline.append(
            connection,
            incident_id,
            AuditTag.PARTNER_TOLD,
            at=now,
            actor_id=by.object_id,
            data={"notice": notice.id, "contact": notice.contact.id, "name": notice.contact.name, "draft": draft},
        )
    return tuple(picked)


async def answered(
    connection: AsyncConnection, incident_id: str, contact_id: str, name: str, by: Actor, now: datetime
) -> Notice:
    """Notes who of a partner answered, in the newest notice to them; the first answer stays. Raises BadInput."""
    of_contact = [
        each for each in await notices_of(connection, incident_id, lock=True) if each.contact.id == contact_id
    ]
    if not of_contact:
        raise BadInput(reason="unknown-choice")
    if not name.strip():
        raise BadInput(reason="empty-text")
    told = [each for each in of_contact if each.state is NoticeState.CONFIRMED]
    notice = (told or of_contact)[-1]
    value = {"name": " ".join(name.split()), "at": now.isoformat(), "noted_by": by.name}
    mine = (_NOTICES.c.id == notice.id) & _NOTICES.c.answer.is_(None)
    if (await connection.execute(sa.update(_NOTICES).where(mine).values(answer=value))).rowcount == 1:
        data = {"notice": notice.id, "contact": contact_id, "partner": notice.contact.name, "name": value["name"]}
        await timeline.append(
            connection, incident_id, AuditTag.PARTNER_ANSWERED, at=now, actor_id=by.object_id, data=data
        )
    return notice


async def notices_of(connection: AsyncConnection, incident_id: str, *, lock: bool = False) -> tuple[Notice, ...]:
    """All notices of an incident, oldest first."""
    query = sa.select(_NOTICES).where(_NOTICES.c.incident_id == incident_id)
    query = query.order_by(_NOTICES.c.prepared_at, _NOTICES.c.contact_id)
    return tuple(notice_from(row) for row in await connection.execute(query.with_for_update() if lock else query))


async def mails_of(connection: AsyncConnection, mailing: Mailing, incident_id: str) -> dict[str, Sent]:
    """What became of the mails of an incident's notices, by notice id."""
    sent = await mailing.states(connection, cause_of(incident_id))
    return {each.key.removeprefix("notice:"): each for each in sent}


async def refresh_cards(connection: AsyncConnection, sent_after: datetime, *, clocks: bool) -> int:
    """Asks for a redraw of the cards of incidents whose partners were told since then; an equal card is not sent.

    `clocks`: also of those on which the bank's clock runs.
    """
    wanted: sa.ColumnElement[bool] = tables.posts.c.incident_id.in_(
        sa.select(_NOTICES.c.incident_id).where(_NOTICES.c.sent_at > sent_after)
    )
    if clocks:
        waits = (_TASKS.c.step_id == "contact-partner") & (_TASKS.c.state == TaskState.OPEN.value)
        wanted |= tables.posts.c.incident_id.in_(sa.select(_TASKS.c.incident_id).where(waits))
    mine = (tables.posts.c.kind == PostKind.PARTNERS.value) & wanted
    values = {"wanted_revision": tables.posts.c.wanted_revision + 1}
    return (await connection.execute(sa.update(tables.posts).where(mine).values(**values))).rowcount


async def refresh_card(connection: AsyncConnection, incident_id: str) -> None:
    """Asks for a redraw of the card of one incident."""
    mine = (tables.posts.c.kind == PostKind.PARTNERS.value) & (tables.posts.c.incident_id == incident_id)
    values = {"wanted_revision": tables.posts.c.wanted_revision + 1}
    await connection.execute(sa.update(tables.posts).where(mine).values(**values))


def arrived(notice: Notice, mail: Sent | None) -> bool:
    """Whether at least one way has worked."""
    return notice.webhook is WebhookState.SENT or (mail is not None and mail.state is MailState.SENT)


def notice_from(row: sa.Row[Any]) -> Notice:
    """One row of `notices`."""
    answer = row.answer
    return Notice(
        id=row.id,
        incident_id=row.incident_id,
        draft=row.draft,
        contact=Contact(**{**row.contact, "kind": Kind(row.contact["kind"])}),
        subject=row.subject,
        text=row.text,
        payload=row.payload,
        state=NoticeState(row.state),
        webhook=WebhookState(row.webhook),
        webhook_reason=row.webhook_reason,
        webhook_at=row.webhook_at,
        attempts=row.attempts,
        prepared_by=actor_from_json(row.prepared_by),
        prepared_at=row.prepared_at,
        sent_by=None if row.sent_by is None else actor_from_json(row.sent_by),
        sent_at=row.sent_at,
        answered=None
        if answer is None
        else Answered(answer["name"], datetime.fromisoformat(answer["at"]), answer["noted_by"]),
    )
