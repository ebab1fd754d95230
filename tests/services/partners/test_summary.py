"""What partners are told says what happened, and nothing that is nobody else's business."""

from __future__ import annotations

import json
import uuid

import pytest

from services.database import Database
from services.incidents import store
from services.incidents.model import Incident
from services.incidents.verdict import verdict_of
from services.partners.summary import mask, summary_of
from services.playbook import STEPS
from services.playbook.ledger import Found
from services.playbook.step import Finding, Severity
from tests.services.fakes import CHANNEL, NOW, actor, subject

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def incident(database: Database) -> Incident:
    opened, _ = await store.open_incident(database, subject(str(uuid.uuid4())), actor("alex"), CHANNEL, NOW)
    return opened


@pytest.mark.parametrize(
    ("words", "masked"),
    [
        ("“Invoice 17 of Fabrikam” went to 220 recipients", "“…” went to 220 recipients"),
        ("Forwarded to thief@evil.example", "Forwarded to t…@evil.example"),
        ("See https://evil.example/login?x=1 now", "See … now"),
        ("Sent from Lagos (203.0.113.7)", "Sent from Lagos (203.0.113.7)"),
    ],
)
def test_subjects_links_and_addresses_are_masked(incident: Incident, words: str, masked: str) -> None:
    assert mask(words, incident) == masked


def test_the_owner_is_not_named(incident: Incident) -> None:
    name = incident.subject.name
    assert name not in mask(f"{name} signed in; {name.upper()} sent mail", incident)


def test_the_mail_and_the_webhook_say_the_same_and_name_nobody(incident: Incident) -> None:
    data = {
        "subject": "Invoice",
        "recipients": ["cfo@client.example"],
        "message_ids": ["<1@x>"],
        "inside": 1,
        "outside": 9,
    }
    finding = Finding("k", Severity.ALARM, "“Invoice 17” went to 10 recipients", at=NOW, data=data)
    verdict = verdict_of(incident, STEPS, (), (Found("trace-sent-mail", finding, None),), {})
    made = summary_of(incident, verdict, "Alex Wilber", NOW, "soc@contoso.com")
    body = json.loads(made.payload)
    assert body["summary"] in made.text
    assert all(fact in made.text for fact in body["facts"])
    assert "Answer to soc@contoso.com" in made.text
    for secret in ("Invoice 17", "cfo@client.example", "<1@x>", incident.subject.upn, incident.subject.object_id):
        assert secret not in made.text + made.payload
