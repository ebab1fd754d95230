"""Mail is sent once, within the mailbox's limits, and what became of it is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.database import Database
from services.errors import BadInput, Conflict, NotFound
from services.incidents import store
from services.mailing import Mail, MailState
from simulator.faults import Fault, Kind, When
from simulator.server import Simulator
from tests.services.fakes import CHANNEL, actor, subject
from tests.services.mailing.post_office import CAUSE, PostOffice

OUTSIDE = "cfo@client.example"
# What does not depend on how rows are locked is tested on one database.
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def office(database: Database, sim: Simulator) -> AsyncIterator[PostOffice]:
    opened = PostOffice.open(sim, database)
    yield opened
    await opened.m365.close()


@ONE_DATABASE
async def test_every_recipient_gets_a_mail_of_their_own_that_names_nobody_else(office: PostOffice) -> None:
    await office.queue(OUTSIDE, "ceo@client.example")
    await office.mailing().round()
    assert {each.state for each in (await office.sent()).values()} == {MailState.SENT}
    assert sorted(len(row["toRecipients"]) for row in office.delivered()) == [1, 1]
    assert {row["ccRecipients"] == [] and row["bccRecipients"] == [] for row in office.delivered()} == {True}


async def test_a_key_is_sent_once_however_often_it_is_queued(office: PostOffice) -> None:
    await office.queue(OUTSIDE, OUTSIDE)
    await office.mailing().round()
    await office.queue(OUTSIDE)
    await office.mailing().round()
    assert len(office.delivered()) == 1


async def test_two_replicas_at_once_send_nothing_twice_and_keep_one_pace(office: PostOffice) -> None:
    addresses = [f"p{number}@client.example" for number in range(40)]
    await office.queue(*addresses)
    await asyncio.gather(office.mailing().round(), office.mailing().round())
    assert len(office.delivered()) == 30
    await asyncio.gather(office.mailing().round(), office.mailing().round())
    assert len(office.delivered()) == 30
    office.sim.world.clock.advance(61)
    await asyncio.gather(office.mailing().round(), office.mailing().round())
    assert len(office.delivered()) == 40
    statuses = [
        entry.status for entry in office.sim.world.journal.entries(service="graph") if "/sendMail" in entry.path
    ]
    assert set(statuses) == {202}


@ONE_DATABASE
async def test_the_day_has_a_limit_too(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.mailing.outbox.DAY_LIMIT", 2)
    await office.queue(*(f"p{number}@client.example" for number in range(3)))
    await office.mailing().round()
    office.sim.world.clock.advance(3600)
    await office.mailing().round()
    assert len(office.delivered()) == 2
    office.sim.world.clock.advance(24 * 3600)
    await office.mailing().round()
    assert len(office.delivered()) == 3


@ONE_DATABASE
async def test_what_is_urgent_goes_first(office: PostOffice) -> None:
    await office.queue(*(f"p{number}@client.example" for number in range(31)))
    await office.queue(OUTSIDE, cause="notice", urgent=True)
    await office.mailing().round()
    assert (await office.sent("notice"))[OUTSIDE].state is MailState.SENT


async def test_exchange_may_slow_us_down_and_all_replicas_wait(office: PostOffice) -> None:
    office.fault(kind=Kind.STATUS, status=429, code="ApplicationThrottled", retry_after=400, times=None)
    await office.queue(OUTSIDE)
    await office.mailing().round()
    assert (await office.sent())[OUTSIDE].state is MailState.WANTED
    office.sim.world.faults.clear()
    await office.mailing().round()
    assert office.delivered() == []
    office.sim.world.clock.advance(301)
    await office.mailing().round()
    assert await office.state(OUTSIDE) is MailState.SENT


async def test_without_an_answer_a_mail_is_looked_for_and_never_sent_again_blindly(office: PostOffice) -> None:
    office.fault(kind=Kind.DROP, when=When.AFTER)
    await office.queue(OUTSIDE)
    await office.mailing().round()
    assert await office.state(OUTSIDE) is MailState.SENT
    assert len(office.delivered()) == 1


async def test_a_mail_that_is_not_in_sent_items_stays_unknown_until_a_person_decides(office: PostOffice) -> None:
    office.fault(kind=Kind.STATUS, status=503, times=1)
    await office.queue(OUTSIDE)
    mailing = office.mailing()
    for _ in range(8):
        await mailing.round()
        office.sim.world.clock.advance(1801)
    found = (await office.sent())[OUTSIDE]
    assert found.state is MailState.UNKNOWN
    assert found.reason.endswith("Sent Items does not hold it.")
    assert office.delivered() == []
    assert await mailing.send_again(f"{CAUSE}:{OUTSIDE}") is MailState.WANTED
    await mailing.round()
    assert await office.state(OUTSIDE) is MailState.SENT
    with pytest.raises(Conflict):
        await mailing.send_again(f"{CAUSE}:{OUTSIDE}")
    assert len(office.delivered()) == 1


@ONE_DATABASE
async def test_an_unknown_mail_that_turned_up_late_is_not_sent_again(office: PostOffice) -> None:
    office.fault(kind=Kind.DROP, when=When.AFTER)
    office.sim.world.faults.add(_no_sent_items())
    await office.queue(OUTSIDE)
    mailing = office.mailing()
    await mailing.round()
    assert await office.state(OUTSIDE) is MailState.UNKNOWN
    with pytest.raises(Conflict) as refused:
        await mailing.send_again(f"{CAUSE}:{OUTSIDE}")
    assert refused.value.data["reason"] == "mail-may-still-turn-up"
    office.sim.world.clock.advance(121)
    assert await mailing.send_again(f"{CAUSE}:{OUTSIDE}") is MailState.SENT
    assert len(office.delivered()) == 1
    with pytest.raises(NotFound):
        await mailing.send_again("nothing")


async def test_a_mail_whose_sender_was_stopped_is_unknown_and_looked_for(office: PostOffice) -> None:
    """The process goes away after Exchange took the mail and before that was written down."""
    office.fault(kind=Kind.DELAY, when=When.AFTER, delay_seconds=30)
    await office.queue(OUTSIDE)
    first = asyncio.create_task(office.mailing().round())
    await office.until_delivered()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await office.state(OUTSIDE) is MailState.SENDING
    office.sim.world.clock.advance(200)
    await office.mailing().round()
    assert await office.state(OUTSIDE) is MailState.SENT
    assert len(office.delivered()) == 1


@ONE_DATABASE
async def test_who_lost_the_lease_sends_nothing(office: PostOffice) -> None:
    office.durable.lease = False
    await office.queue(OUTSIDE)
    await office.mailing().round()
    assert (await office.state(OUTSIDE), office.delivered()) == (MailState.WANTED, [])


@ONE_DATABASE
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(403, "ErrorAccessDenied", "does not let IRBot into this mailbox"), (404, "ErrorInvalidUser", "no mailbox")],
)
async def test_a_refusal_is_final_and_says_why(office: PostOffice, status: int, code: str, words: str) -> None:
    office.fault(kind=Kind.STATUS, status=status, code=code)
    await office.queue(OUTSIDE)
    await office.mailing().round()
    failed = (await office.sent())[OUTSIDE]
    assert failed.state is MailState.FAILED
    assert words in failed.reason


@ONE_DATABASE
async def test_nothing_is_sent_from_an_account_under_investigation(office: PostOffice) -> None:
    suspect = subject(office.sim.world.tenant.user("reception").id)
    await store.open_incident(office.database, suspect, actor("alex"), CHANNEL, office.now())
    with pytest.raises(Conflict) as refused:
        await office.mailing().sender()
    assert refused.value.data["reason"] == "mail-sender-is-subject"
    await office.queue(OUTSIDE)
    await office.mailing().round()
    failed = (await office.sent())[OUTSIDE]
    assert failed.state is MailState.FAILED
    assert "open incident" in failed.reason


@ONE_DATABASE
@pytest.mark.parametrize(
    ("address", "reason"), [("", "mail-sender-not-set"), ("nobody@contoso.com", "mail-sender-not-found")]
)
async def test_a_sender_that_is_not_there_is_said_before_anything_is_queued(
    database: Database, sim: Simulator, address: str, reason: str
) -> None:
    office = PostOffice.open(sim, database, mail_from=address)
    with pytest.raises(Conflict) as refused:
        await office.mailing().sender()
    assert refused.value.data["reason"] == reason
    await office.m365.close()


async def test_what_was_not_handed_over_can_be_taken_back(office: PostOffice) -> None:
    await office.queue(OUTSIDE)
    async with office.database.write() as connection:
        assert await office.mailing().cancel(connection, CAUSE) == 1
    await office.mailing().round()
    assert (await office.state(OUTSIDE), office.delivered()) == (MailState.CANCELLED, [])


@ONE_DATABASE
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("old@client.example", "There is no such address (5.1.1)."),
        ("somebody@nowhere.invalid", "There is no such mail domain (5.4.310)."),
        ("nobody@contoso.com", "There is no such address (5.1.10)."),
    ],
)
async def test_what_comes_back_is_reported_with_its_reason(office: PostOffice, address: str, reason: str) -> None:
    office.sim.world.tenant.records.undeliverable["old@client.example"] = "550 5.1.1 User unknown"
    await office.queue(address, OUTSIDE)
    await office.mailing().round()
    office.sim.world.clock.advance(61)
    await office.mailing().round()
    bounced = (await office.sent())[address]
    assert (bounced.state, bounced.reason) == (MailState.BOUNCED, reason)
    assert await office.state(OUTSIDE) is MailState.SENT


@ONE_DATABASE
async def test_reports_that_could_not_be_read_are_read_later(office: PostOffice) -> None:
    await office.queue("somebody@nowhere.invalid")
    office.sim.world.faults.add(_no_sent_items())
    await office.mailing().round()
    assert await office.state("somebody@nowhere.invalid") is MailState.SENT
    office.sim.world.clock.advance(61)
    await office.mailing().round()
    assert await office.state("somebody@nowhere.invalid") is MailState.BOUNCED


@ONE_DATABASE
async def test_the_loop_sends_what_is_queued_and_ends_when_told(office: PostOffice) -> None:
    mailing = office.mailing()
    await mailing.start()
    async with office.database.write() as connection:
        await mailing.queue(connection, [Mail("k", OUTSIDE, "Warning", "Beware.")], cause=CAUSE)
    await office.until_delivered()
    await mailing.close()
    assert await office.state(OUTSIDE) is MailState.SENT


@pytest.mark.parametrize(
    ("recipient", "subject_line", "text"),
    [
        ("two@x.example, three@x.example", "S", "T"),
        ("Megan <megan@contoso.com>", "S", "T"),
        ("nobody", "S", "T"),
        ("a@b.example", " ", "T"),
        ("a@b.example", "S", "\n"),
        ("a@b.example", "S" * 256, "T"),
        ("a@b.example\r\nBcc: c@d.example", "S", "T"),
    ],
)
def test_a_mail_is_for_one_address_and_says_something(recipient: str, subject_line: str, text: str) -> None:
    with pytest.raises(BadInput):
        Mail("k", recipient, subject_line, text)


def _no_sent_items() -> Fault:
    return Fault(service="graph", method="GET", path="/sentitems/messages", kind=Kind.STATUS, status=403, code="x")
