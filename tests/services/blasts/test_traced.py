"""What the trace and Sent Items say together, and what could not be looked at."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.blasts.traced import Traced, key_of, traced
from services.database import Database
from services.errors import IRBotError, MissingPermission
from services.incidents import store
from services.incidents.model import Incident, Subject
from services.microsoft365.listing import Listing
from services.microsoft365.messages import Message
from services.playbook.ledger import Ledger, RunKind
from services.playbook.step import Finding, Outcome, Plan, Severity, State
from services.vault import Vault
from tests.services.blasts.desk import CAROL
from tests.services.fakes import CHANNEL, Clock

VAULT = Vault(("q" * 43 + "=",))


class Mail:
    """Sent Items of one mailbox."""

    def __init__(self, *found: Message, complete: bool = True, error: IRBotError | None = None) -> None:
        self._found, self._complete, self._error = found, complete, error

    @property
    def messages(self) -> Mail:
        return self

    async def in_folder(self, object_id: str, folder: str, since: datetime, limit: int) -> Listing[Message]:
        assert (object_id, folder) == ("megan", "sentitems")
        if self._error is not None:
            raise self._error
        return Listing(self._found, self._complete)


def line(clock: Clock, recipient: str, subject: str, minutes_ago: int = 10, **more: Any) -> dict[str, Any]:
    at = clock() - timedelta(minutes=minutes_ago)
    shown = {"trace_id": "t", "message_id": f"<{subject}>", "status": "Delivered", "from_ip": "203.0.113.7"}
    return {**shown, "at": at.isoformat(), "recipient": recipient, "subject": subject, **more}


async def incident_of(database: Database, clock: Clock) -> Incident:
    subject = Subject("megan", "Megan Bowen", "megan@contoso.com")
    return (await store.open_incident(database, subject, CAROL, CHANNEL, clock()))[0]


async def keep(
    database: Database,
    incident: Incident,
    clock: Clock,
    *lines: dict[str, Any],
    outcome: Outcome = Outcome(State.DONE, ""),  # noqa: B008  # frozen
    suspicious: str = "",
) -> None:
    """A trace as the step leaves it."""
    ledger = Ledger(database, VAULT)
    run, _ = await ledger.begin(
        incident.id, "trace-sent-mail", RunKind.READ, clock().isoformat(), Plan(), CAROL, clock()
    )
    finding = Finding(f"subject:{suspicious}", Severity.ALARM, suspicious, data={"subject": suspicious})
    evidence = json.loads(json.dumps({"message trace": list(lines)}))
    await ledger.end(run, outcome, clock(), evidence, (finding,) if suspicious else ())
    clock.pass_by(seconds=1)


async def look(database: Database, incident: Incident, clock: Clock, mail: Mail) -> Traced:
    return await traced(database, VAULT, mail, incident, clock() - timedelta(days=10))  # type: ignore[arg-type]


async def test_both_sources_are_one_list_by_subject_suspicious_first(database: Database) -> None:
    clock = Clock()
    incident = await incident_of(database, clock)
    await keep(
        *(database, incident, clock, line(clock, "a@x.example", "Lunch"), line(clock, "b@x.example", "Lunch")),
        *(line(clock, "C@x.example", "Invoice"), line(clock, "d@x.example", "Refused", status="Failed")),
        suspicious="Invoice",
    )
    own = Message("1", "RE: invoice", "megan@contoso.com", ("c@x.example", "e@x.example"), clock(), "<Invoice>", False)
    found = await look(database, incident, clock, Mail(own))
    assert [(each.subject, each.suspicious, each.recipients) for each in found.messages] == [
        ("Invoice", True, ("c@x.example", "e@x.example")),
        ("Lunch", False, ("a@x.example", "b@x.example")),
    ]
    assert found.gaps == ()
    assert found.chosen([key_of("AW: INVOICE"), "nonsense"]) == found.messages[:1]


async def test_the_newest_trace_counts(database: Database) -> None:
    clock = Clock()
    incident = await incident_of(database, clock)
    await keep(database, incident, clock, line(clock, "a@x.example", "Old"))
    await keep(database, incident, clock, line(clock, "b@x.example", "New"))
    assert [each.subject for each in (await look(database, incident, clock, Mail())).messages] == ["New"]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (
            Outcome(State.NOT_EVALUATED, "The trace is incomplete."),
            "not evaluated completely: The trace is incomplete.",
        ),
        (Outcome(State.FAILED, "No answer."), "not evaluated completely: No answer."),
    ],
)
async def test_a_trace_that_is_not_whole_is_said(database: Database, outcome: Outcome, words: str) -> None:
    clock = Clock()
    incident = await incident_of(database, clock)
    await keep(database, incident, clock, line(clock, "a@x.example", "Lunch"), outcome=outcome)
    found = await look(database, incident, clock, Mail())
    assert words in found.gaps[0]
    assert [each.subject for each in found.messages] == ["Lunch"]


async def test_what_cannot_be_read_is_a_gap_and_not_an_empty_list(database: Database) -> None:
    clock = Clock()
    incident = await incident_of(database, clock)
    unreadable = Mail(error=MissingPermission(permissions=["Mail.ReadBasic.All"]))
    found = await look(database, incident, clock, unreadable)
    assert found.messages == ()
    assert found.gaps[0] == "The message trace is not there yet."
    assert "Mail.ReadBasic.All" in found.gaps[1]
    assert (await look(database, incident, clock, Mail(complete=False))).gaps[1] == (
        "Sent Items hold more than was looked at."
    )


async def test_the_window_begins_when_somebody_else_got_in(database: Database) -> None:
    clock = Clock()
    incident = await incident_of(database, clock)
    await keep(
        *(database, incident, clock, line(clock, "a@x.example", "Lunch", 90), line(clock, "a@x.example", "Both", 90)),
        *(line(clock, "b@x.example", "Both", 5), line(clock, "c@x.example", "Undated", at=None)),
    )
    ledger = Ledger(database, VAULT)
    run, _ = await ledger.begin(incident.id, "review-sign-ins", RunKind.READ, "x", Plan(), CAROL, clock())
    data = {"got_in": True, "by_hand": True}
    at = clock() - timedelta(minutes=30)
    finding = Finding("address:203.0.113.7", Severity.ALARM, "Signed in from Lagos", at=at, data=data)
    await ledger.end(run, Outcome(State.DONE, ""), clock(), {}, (finding,))
    found = await look(database, incident, clock, Mail())
    assert {each.subject: each.recipients for each in found.in_window()} == {
        "Both": ("b@x.example",),
        "Undated": ("c@x.example",),
    }
    assert len(found.messages) == 3
