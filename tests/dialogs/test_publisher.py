from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from dialogs.publisher import Publisher
from services.approvals import PlanKind
from services.channel import Card, Conversation
from services.database import tables
from services.errors import BadInput, IRBotError, NotAllowed, NotFound, Throttled, UnknownOutcome, UpstreamDown
from services.microsoft365.accounts import DirectoryRole, Roles
from services.posts import LONGEST_CALL_SECONDS
from tests.dialogs.desk import DialogDesk
from tests.services.playbook.bench import Killed

GLOBAL_ADMINISTRATOR = Roles((DirectoryRole("62e90394", "Global Administrator", "/", None),), (), None, False)


async def _round(desk: DialogDesk) -> int:
    """Sends what is due, once; says how much that was."""
    publisher = Publisher(desk.parts)
    due = await desk.parts.posts.due(desk.parts.now())
    for post in due:
        await publisher._send(post)
    return len(due)


async def _states(desk: DialogDesk) -> dict[str, str]:
    async with desk.parts.database.read() as connection:
        rows = await connection.execute(sa.select(tables.posts.c.kind, tables.posts.c.state))
        return {row.kind: row.state for row in rows}


async def test_a_headline_is_posted_once_and_then_edited_in_place(desk: DialogDesk) -> None:
    await desk.want_headline()
    await _round(desk)
    await desk.bench.propose()
    await _round(desk)
    assert [what for what, _ in desk.channel.log] == ["post", "edit"]
    assert await _round(desk) == 0


async def test_nothing_is_edited_when_nothing_changed_on_the_card(desk: DialogDesk) -> None:
    await desk.want_headline()
    await _round(desk)
    await desk.parts.posts.refresh_headlines(desk.parts.now().replace(year=2025))
    assert await _round(desk) == 1
    assert [what for what, _ in desk.channel.log] == ["post"]
    assert await _round(desk) == 0
    desk.bench.clock.pass_by(minutes=5)
    await desk.parts.posts.refresh_headlines(desk.parts.now().replace(year=2025))
    await _round(desk)
    assert [what for what, _ in desk.channel.log] == ["post", "edit"]


@pytest.mark.parametrize("sent", [True, False], ids=["sent", "not sent"])
async def test_a_reply_is_never_sent_twice_after_a_kill(desk: DialogDesk, sent: bool) -> None:
    await desk.want_reply()
    desk.channel.fail, desk.channel.sends_anyway = [Killed()], sent
    with pytest.raises(Killed):
        await _round(desk)
    await desk.parts.posts.recover(desk.parts.now(), everything=True)
    assert await _round(desk) == 0
    assert len(desk.channel.log) == sent
    assert await _states(desk) == {"reply": "unknown"}


async def test_a_headline_is_sent_again_after_a_kill(desk: DialogDesk) -> None:
    await desk.want_headline()
    desk.channel.fail = [Killed()]
    with pytest.raises(Killed):
        await _round(desk)
    await desk.parts.posts.recover(desk.parts.now(), everything=True)
    await _round(desk)
    assert [what for what, _ in desk.channel.log] == ["post"]
    assert await _states(desk) == {"headline": "posted"}


async def test_a_reply_without_an_answer_waits_for_a_person(desk: DialogDesk) -> None:
    await desk.want_reply()
    desk.channel.fail = [UnknownOutcome()]
    await _round(desk)
    desk.bench.clock.pass_by(hours=1)
    assert (await _round(desk), await _states(desk)) == (0, {"reply": "unknown"})


@pytest.mark.parametrize(
    ("error", "wait"), [(Throttled(7.0), 7), (Throttled(), 1), (UpstreamDown(), 1), (Throttled(9000.0), 300)], ids=str
)
async def test_what_was_surely_not_sent_is_sent_later(desk: DialogDesk, error: IRBotError, wait: float) -> None:
    await desk.want_reply()
    desk.channel.fail = [error]
    await _round(desk)
    desk.bench.clock.pass_by(seconds=wait - 0.1)
    assert await _round(desk) == 0
    desk.bench.clock.pass_by(seconds=0.2)
    assert await _round(desk) == 1
    assert await _states(desk) == {"reply": "posted"}


async def test_a_service_that_stays_away_is_asked_ever_more_rarely_but_never_given_up(desk: DialogDesk) -> None:
    await desk.want_reply()
    async with desk.parts.database.write() as connection:
        await connection.execute(sa.update(tables.posts).values(attempts=5000))
    desk.channel.fail = [UpstreamDown()]
    await _round(desk)
    desk.bench.clock.pass_by(seconds=301)
    assert await _round(desk) == 1
    assert await _states(desk) == {"reply": "posted"}


async def test_a_headline_that_was_refused_is_sent_later(desk: DialogDesk) -> None:
    await desk.want_headline()
    desk.channel.fail = [BadInput(reason="x")]
    await _round(desk)
    desk.bench.clock.pass_by(seconds=2)
    assert (await _round(desk), await _states(desk)) == (1, {"headline": "posted"})


@pytest.mark.parametrize("error", [NotFound(what="conversation"), NotAllowed(reason="x")], ids=str)
async def test_a_place_that_cannot_be_reached_is_left_alone(desk: DialogDesk, error: IRBotError) -> None:
    await desk.want_headline()
    desk.channel.fail = [error]
    await _round(desk)
    desk.bench.clock.pass_by(hours=1)
    assert (await _round(desk), await _states(desk)) == (0, {"headline": "unreachable"})


@pytest.mark.parametrize("error", [NotFound(what="conversation"), NotAllowed(reason="x")], ids=str)
async def test_a_card_that_did_not_get_through_is_put_up_when_it_is_called_up_again(
    desk: DialogDesk, error: IRBotError
) -> None:
    await desk.want_headline()
    await desk.want_reply()
    desk.channel.fail = [error, error]
    await _round(desk)
    assert await _states(desk) == {"headline": "unreachable", "reply": "unreachable"}
    for sent in (2, 0):
        await desk.want_headline()
        await desk.want_reply()
        assert (await _round(desk), await _states(desk)) == (sent, {"headline": "posted", "reply": "posted"})


async def test_a_deleted_headline_is_put_up_anew(desk: DialogDesk) -> None:
    await desk.want_headline()
    await _round(desk)
    await desk.bench.propose()
    desk.channel.fail = [NotFound(what="message")]
    await _round(desk)
    await _round(desk)
    assert [what for what, _ in desk.channel.log] == ["post", "post"]
    assert await _states(desk) == {"headline": "posted"}


async def _approval_wanted(desk: DialogDesk) -> None:
    desk.bench.m365.directory.groups["group-approvers"] = {"adele"}
    desk.bench.m365.directory.roles["megan"] = GLOBAL_ADMINISTRATOR
    await desk.bench.propose()
    incident = await desk.bench.incident()
    await desk.parts.approvals.ask(
        incident.id, incident.nonce, incident.opened_by, incident.conversation, kind=PlanKind.LOCK
    )


async def test_an_approver_is_asked_in_a_chat_that_is_opened_once(desk: DialogDesk) -> None:
    await _approval_wanted(desk)
    await _round(desk)
    assert desk.channel.opened == ["adele"]
    assert desk.channel.log == [("post", "personal-adele-1")]
    person = await desk.parts.people.get("adele")
    assert person is not None
    assert person.personal is not None
    assert person.personal.id == "personal-adele-1"


async def test_an_approvers_chat_that_is_gone_is_replaced(desk: DialogDesk) -> None:
    await _approval_wanted(desk)
    await desk.parts.people.opened("adele", "Adele", await desk.channel.open_personal("adele", "https://s/", "t"))
    desk.channel.fail = [NotFound(what="conversation")]
    await _round(desk)
    await _round(desk)
    assert desk.channel.opened == ["adele", "adele"]
    assert desk.channel.log == [("post", "personal-adele-2")]
    assert await _states(desk) == {"approval": "posted"}


async def test_an_approver_who_blocked_the_bot_is_not_asked_again(desk: DialogDesk) -> None:
    await _approval_wanted(desk)
    desk.channel.fail = [NotAllowed(reason="blocked")]
    await _round(desk)
    assert (await _round(desk), await _states(desk)) == (0, {"approval": "unreachable"})


async def test_an_approval_card_whose_message_is_gone_has_had_its_time(desk: DialogDesk) -> None:
    await _approval_wanted(desk)
    await _round(desk)
    desk.bench.clock.pass_by(minutes=31)
    await desk.parts.approvals.expire_due()
    desk.channel.fail = [NotFound(what="message")]
    await _round(desk)
    assert await _states(desk) == {"approval": "gone"}


async def test_a_fault_of_our_own_leaves_a_post_that_is_found_again(desk: DialogDesk) -> None:
    await desk.want_headline()
    desk.channel.fail = [RuntimeError("ours")]
    with pytest.raises(RuntimeError):
        await _round(desk)
    assert await _states(desk) == {"headline": "sending"}
    desk.bench.clock.pass_by(seconds=LONGEST_CALL_SECONDS + 11)
    await desk.parts.posts.recover(desk.parts.now())
    await _round(desk)
    assert await _states(desk) == {"headline": "posted"}


async def test_two_publishers_send_each_post_once(desk: DialogDesk) -> None:
    for number in range(6):
        await desk.want_reply(f"reply:{number}")
    publishers = [Publisher(desk.parts) for _ in range(2)]
    for publisher in publishers:
        await publisher.start()
    async with asyncio.timeout(30):
        while await desk.parts.posts.due(desk.parts.now()):  # noqa: ASYNC110  # the outbox has no such event
            await asyncio.sleep(0.05)
    for publisher in publishers:
        await publisher.close()
    assert len(desk.channel.log) == 6
    assert await _states(desk) == {"reply": "posted"}


async def test_the_publisher_goes_on_after_a_post_that_cannot_be_drawn(
    desk: DialogDesk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.want_reply("broken")
    async with desk.parts.database.write() as connection:
        await connection.execute(sa.update(tables.posts).values(card=sa.null()))
    await desk.want_reply("sound")
    publisher = Publisher(desk.parts)
    await publisher.start()
    async with asyncio.timeout(30):
        while not desk.channel.log:  # noqa: ASYNC110  # nor has the channel
            await asyncio.sleep(0.05)
    await publisher.close()
    assert desk.channel.cards == {"activity-0": {"reply": "sound"}}
    assert "could not be published" in caplog.text


async def test_what_is_being_sent_comes_to_its_end_at_an_orderly_stop(
    desk: DialogDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, post_card = asyncio.Event(), desk.channel.post_card

    async def slow(where: Conversation, card: Card, summary: str) -> str:
        begun.set()
        await asyncio.sleep(0.2)
        return await post_card(where, card, summary)

    monkeypatch.setattr(desk.channel, "post_card", slow)
    await desk.want_headline()
    publisher = Publisher(desk.parts)
    await publisher.start()
    async with asyncio.timeout(30):
        await begun.wait()
    await publisher.close()
    assert await _states(desk) == {"headline": "posted"}
