from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.blasts.mail_lane import MailLane
from services.blasts.model import BlastState, Recipient, SendingPlan, Via
from services.database import Database
from services.errors import Conflict
from services.mailing import Mail, MailState, Sent
from tests.services.blasts.desk import CAROL, people
from tests.services.blasts.post_office import PostOffice
from tests.services.fakes import CHANNEL, NOW


@dataclass
class FakeMailing:
    """Keeps what is queued; a test says how it ends."""

    mails: dict[str, Mail] = field(default_factory=dict)
    ends: dict[str, MailState] = field(default_factory=dict)

    turned_up: set[str] = field(default_factory=set)  # what Sent Items holds by now
    may_turn_up: set[str] = field(default_factory=set)
    mailbox: bool = True

    async def sender(self) -> None:
        if not self.mailbox:
            raise Conflict(reason="mail-sender-not-set")

    async def queue(
        self, connection: AsyncConnection, mails: list[Mail], *, cause: str, incident_id: str | None
    ) -> int:
        for mail in mails:
            self.mails.setdefault(mail.key, mail)
            self.ends.setdefault(mail.key, MailState.WANTED)
        return len(mails)

    async def states(
        self, connection: AsyncConnection, cause: str, keys: Collection[str] | None = None
    ) -> tuple[Sent, ...]:
        return tuple(
            Sent(key, self.mails[key].recipient, state, "", NOW)
            for key, state in self.ends.items()
            if key.startswith(cause) and (keys is None or key in keys)
        )

    async def cancel(self, connection: AsyncConnection, cause: str) -> int:
        waiting = [key for key, state in self.ends.items() if state is MailState.WANTED]
        self.ends.update(dict.fromkeys(waiting, MailState.CANCELLED))
        return len(waiting)

    async def send_again(self, key: str) -> MailState:
        if key in self.may_turn_up:
            raise Conflict(reason="mail-may-still-turn-up")
        self.ends[key] = MailState.SENT if key in self.turned_up else MailState.WANTED
        return self.ends[key]

    def key_of(self, recipient: str) -> str:
        """The key of the mail to this address."""
        return next(key for key, mail in self.mails.items() if mail.recipient == recipient)

    def end(self, recipient: str, state: MailState) -> None:
        """What became of the mail to this address."""
        [key] = [key for key, mail in self.mails.items() if mail.recipient == recipient]
        self.ends[key] = state

    def end_all(self, state: MailState) -> None:
        """What became of all that wait."""
        self.ends = {key: state if now is MailState.WANTED else now for key, now in self.ends.items()}


@pytest.fixture
async def mailing() -> FakeMailing:
    return FakeMailing()


@pytest.fixture
async def office(database: Database, mailing: FakeMailing) -> PostOffice:
    return PostOffice(database, mail=MailLane(database, cast("Any", mailing)))


def outside(count: int) -> list[Recipient]:
    return [Recipient(f"person{number}@fabrikam.com", Via.MAIL) for number in range(count)]


async def test_inside_and_outside_go_out_together_and_every_mail_once(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved([*people(3), *outside(2)])
    waiting = await office.carry_out(blast)
    assert (waiting.state, len(office.teams.posts), len(mailing.mails)) == (BlastState.RUNNING, 3, 2)
    assert waiting.next_at is not None
    assert waiting.next_at > office.clock()
    mailing.end_all(MailState.SENT)
    assert (await office.carry_out(blast)).state is BlastState.DONE
    assert (await office.counts(blast)).sent == 5
    assert {mail.subject for mail in mailing.mails.values()} == {"Watch out"}


async def test_few_mails_are_under_way_at_once(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved(outside(70))
    for expected in (30, 60, 70):
        await office.carry_out(blast)
        assert len(mailing.mails) == expected
        mailing.end_all(MailState.SENT)
    assert (await office.carry_out(blast)).state is BlastState.DONE


async def test_how_a_mail_ended_is_told_by_its_own_words(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved(outside(4))
    await office.carry_out(blast)
    for number, end in enumerate((MailState.SENT, MailState.FAILED, MailState.UNKNOWN, MailState.BOUNCED)):
        mailing.end(f"person{number}@fabrikam.com", end)
    done = await office.carry_out(blast)
    assert done.state is BlastState.DONE
    assert list((await office.reasons(blast)).values()) == [None, "mail-refused", "no-answer", "bounced"]


async def test_unknown_mails_are_sent_again_unless_they_turned_up_or_still_may(
    office: PostOffice, mailing: FakeMailing
) -> None:
    blast = await office.approved(outside(3))
    await office.carry_out(blast)
    mailing.end_all(MailState.UNKNOWN)
    assert (await office.carry_out(blast)).state is BlastState.DONE
    assert (await office.counts(blast)).unknown == 3

    mailing.turned_up = {mailing.key_of("person1@fabrikam.com")}
    mailing.may_turn_up = {mailing.key_of("person2@fabrikam.com")}
    await office.blasts.send_again(blast.id, CAROL, CHANNEL)
    assert (await office.carry_out(blast)).state is BlastState.RUNNING
    mailing.end_all(MailState.SENT)
    assert (await office.carry_out(blast)).state is BlastState.DONE
    counts = await office.counts(blast)
    assert (counts.sent, counts.unknown) == (2, 1)
    assert (await office.reasons(blast))["person2@fabrikam.com"] == "no-answer"

    mailing.may_turn_up.clear()
    await office.blasts.send_again(blast.id, CAROL, CHANNEL)
    await office.carry_out(blast)
    mailing.end_all(MailState.SENT)
    await office.carry_out(blast)
    assert (await office.counts(blast)).sent == 3


async def test_a_mail_that_comes_back_later_is_noticed(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved(outside(2))
    await office.carry_out(blast)
    mailing.end_all(MailState.SENT)
    await office.carry_out(blast)
    mailing.end("person1@fabrikam.com", MailState.BOUNCED)
    office.clock.pass_by(hours=20)
    assert office.mail is not None
    await office.mail.look_around(office.clock())
    counts = await office.counts(blast)
    assert (counts.sent, counts.failed) == (1, 1)


async def test_a_cancel_takes_back_mails_that_have_not_left(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved(outside(3))
    await office.carry_out(blast)
    mailing.end("person0@fabrikam.com", MailState.SENT)
    await office.blasts.cancel(blast.id, CAROL, CHANNEL)
    assert office.mail is not None
    await office.mail.look_around(office.clock())
    counts = await office.counts(blast)
    assert (counts.sent, counts.cancelled) == (1, 2)


async def test_without_a_mailbox_to_send_from_mails_fail_and_chats_do_not(
    office: PostOffice, mailing: FakeMailing
) -> None:
    mailing.mailbox = False
    blast = await office.approved([*people(1), *outside(1)])
    assert (await office.carry_out(blast)).state is BlastState.DONE
    assert await office.reasons(blast) == {"person-00000": None, "person0@fabrikam.com": "mail-sender-missing"}


async def test_the_canary_holds_for_mails_too(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved(outside(5), plan=SendingPlan(canary=2))
    await office.carry_out(blast)
    assert len(mailing.mails) == 2
    mailing.end_all(MailState.SENT)
    paused = await office.carry_out(blast)
    assert (paused.state, paused.reason) == (BlastState.PAUSED, "canary")


async def test_an_address_that_is_none_fails_alone(office: PostOffice, mailing: FakeMailing) -> None:
    blast = await office.approved([Recipient("not an address", Via.MAIL), *outside(1)])
    await office.carry_out(blast)
    mailing.end_all(MailState.SENT)
    await office.carry_out(blast)
    assert (await office.reasons(blast))["not an address"] == "mail-refused"
    assert (await office.counts(blast)).sent == 1
