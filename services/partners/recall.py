"""The bank recall: money that may have moved can often be called back within the first 72 hours, and seldom later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services import tasks
from services.incidents.model import Incident
from services.partners.contacts import Contact, Kind
from services.playbook.ledger import Found
from services.playbook.rule_score import telling_words
from services.playbook.step import Severity
from services.tasks import Task

STEP_ID = "contact-partner"
WINDOW = timedelta(hours=72)
_TITLE = "Have the bank recall the payment"
_FACTS = (
    "Tell them: this is fraud by e-mail, and you ask for a recall of the payment.",
    "Say: day and time, amount and currency, your account, and the reference of the payment.",
    "Say: name, bank and account number (IBAN) of who got the money.",
    "Ask for their case number and the name of who takes care of it, and note both here.",
    "Ask the accounting department to stop every payment to that account that is still waiting.",
    "Tell the police, and give the bank their number of the case.",
)


def may_have_moved(findings: Iterable[Found]) -> datetime | None:
    """Since when money may have moved, as far as what was found tells: suspicious mail about money went out."""
    times = [
        found.finding.at
        for found in findings
        if found.step_id == "trace-sent-mail"
        and found.finding.severity is not Severity.NOTE
        and telling_words(str(found.finding.data.get("subject", ""))) == "money"
        and found.finding.at is not None
    ]
    return min(times, default=None)


def key_of(incident_id: str) -> str:
    """The key of the recall's task."""
    return f"bank-recall:{incident_id}"


async def want(
    connection: AsyncConnection, incident: Incident, contacts: Sequence[Contact], since: datetime, now: datetime
) -> Task:
    """The task of an incident, once: whom to call, what to say, and until when it is most likely to help."""
    banks = [f"{each.name}{f', {each.phone}' if each.phone else ''}" for each in contacts if each.kind is Kind.BANK]
    whom = f"Call the bank at once: {'; '.join(banks)}." if banks else "Call the bank from which was paid, at once."
    return await tasks.want(
        connection,
        key_of(incident.id),
        incident_id=incident.id,
        step_id=STEP_ID,
        title=_TITLE,
        instructions=(whom, *_FACTS),
        now=now,
        due_at=since + WINDOW,
    )


async def task_of(connection: AsyncConnection, incident_id: str) -> Task | None:
    """The recall of an incident, if there is one."""
    return await tasks.by_key(connection, key_of(incident_id))


def time_left(task: Task, now: datetime) -> str:
    """How long the bank's help is likely, in words."""
    if task.due_at is None or task.due_at <= now:
        return "The first 72 hours are over. Call all the same."
    hours = int((task.due_at - now).total_seconds() // 3600)
    return "Less than one hour left" if hours < 1 else "1 hour left" if hours == 1 else f"{hours} hours left"
