"""The bank's clock: when it starts, how long is left, and what to tell the bank."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from services.database import Database
from services.incidents import store
from services.partners import recall
from services.partners.contacts import Contact, Kind
from services.playbook.ledger import Found
from services.playbook.step import Finding, Severity
from tests.services.fakes import CHANNEL, NOW, actor, subject

BANK = Contact("woodgrove", Kind.BANK, "Woodgrove Bank", phone="+1 425 555 0177")


def found(subject_line: str, severity: Severity, hours: int, step_id: str = "trace-sent-mail") -> Found:
    data = {"subject": subject_line}
    return Found(step_id, Finding("k", severity, "t", at=NOW - timedelta(hours=hours), data=data), None)


def test_the_clock_starts_with_the_first_suspicious_mail_about_money() -> None:
    every = [
        found("Your invoice", Severity.ALARM, 5),
        found("Payment details changed", Severity.WARNING, 9),
        found("Invoice", Severity.NOTE, 50),
        found("Lunch", Severity.ALARM, 60),
        found("Invoice", Severity.ALARM, 70, "check-inbox-rules"),
    ]
    assert recall.may_have_moved(every) == NOW - timedelta(hours=9)
    assert recall.may_have_moved(every[2:]) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (11, "61 hours left"),
        (71, "1 hour left"),
        (71.5, "Less than one hour left"),
        (73, "The first 72 hours are over. Call all the same."),
    ],
)
async def test_the_task_says_whom_to_call_and_until_when(database: Database, hours: float, words: str) -> None:
    incident, _ = await store.open_incident(database, subject(str(uuid.uuid4())), actor("alex"), CHANNEL, NOW)
    async with database.write() as connection:
        task = await recall.want(connection, incident, [BANK], NOW - timedelta(hours=hours), NOW)
        again = await recall.want(connection, incident, [], NOW, NOW)
    assert again == task
    assert "Woodgrove Bank, +1 425 555 0177" in task.instructions[0]
    assert any("IBAN" in each for each in task.instructions)
    assert recall.time_left(task, NOW) == words
