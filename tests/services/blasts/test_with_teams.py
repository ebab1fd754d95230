"""Blasts by the whole bot to people of the simulated Teams, with all that Teams puts in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app import APPLICATION, Application
from dialogs.parts import Parts
from services.blasts import receipts, rows
from services.blasts.model import Blast, BlastKind, BlastState, Content, Draft, Recipient, TeamsText, Via
from services.channel import Actor, Conversation, ConversationKind
from simulator.bench import Bench
from simulator.faults import Fault, Kind
from tests.conftest import AT_ONCE

FAST = {"blast_messages_per_second": "480", "teams_calls_per_second": "500", "call_timeout_seconds": "2"}
CARD = {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "Watch out"}]}
WORDS = Content(teams={"en": TeamsText(CARD, "Watch out")})


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench.start(replace(AT_ONCE, teams_calls_per_second=500), settings=FAST) as started:
        yield started


def _parts(bench: Bench) -> Parts:
    app: Any = getattr(bench.bot, "app", None)
    application: Application = app[APPLICATION]
    assert application.parts is not None
    return application.parts


def _actor(bench: Bench, who: str) -> Actor:
    user = bench.user(who)
    return Actor(user.id, user.display_name, bench.teams.teams_id(user.id))


def _channel(bench: Bench) -> Conversation:
    teams = bench.teams
    return Conversation(teams.channel_id, ConversationKind.CHANNEL, teams.service_url, teams.tenant.id, teams.team.id)


def _everybody(bench: Bench) -> list[str]:
    users = bench.teams.tenant.users.values()
    return [user.id for user in users if not user.guest and user.mailbox == "user"]


async def _begun(bench: Bench, people: list[str]) -> Blast:
    """A blast to these people that has been approved."""
    parts, where = _parts(bench), _channel(bench)
    draft = Draft(BlastKind.EDUCATE, "Phishing links", _actor(bench, "grady"), WORDS)
    made = await parts.blasts.create(draft, [Recipient(person, Via.TEAMS) for person in people], where)
    asked = await parts.blasts.ask(made.id, _actor(bench, "grady"), where)
    return await parts.blasts.approve(asked.id, asked.decision_nonce, _actor(bench, "adele"), where)


async def _sent(bench: Bench, people: list[str]) -> Blast:
    """Sends a blast to these people; how it ended."""
    return await _ended(bench, await _begun(bench, people))


async def _ended(bench: Bench, begun: Blast) -> Blast:
    parts = _parts(bench)

    async def ended() -> Blast | None:
        async with parts.database.read() as connection:
            blast = await rows.get(connection, begun.id)
        return blast if blast.state not in {BlastState.SCHEDULED, BlastState.RUNNING} else None

    return await bench.until(ended, 20, "the end of the blast")


def _received(bench: Bench, person: str) -> int:
    """How often the blast stands in somebody's chat."""
    return sum(post.summary == "Watch out" for post in bench.teams.conversations.inbox(person))


async def test_whatever_teams_puts_in_the_way_everybody_is_accounted_for(bench: Bench) -> None:
    teams, faults = bench.teams, bench.sim.world.faults
    people = _everybody(bench)
    blocked, lacking, gone, silent, *others = people
    chats = {person: teams.personal(person).id for person in people}
    for person in (gone, silent, others[0]):
        await teams.say("hello", by=person, in_conversation=chats[person])  # so that the bot knows the chat
    await bench.settled()
    teams.conversations.forget(chats[gone])
    teams.blocked_by.add(blocked)
    teams.without_app.add(lacking)
    sends = r"/conversations/[^/]+/activities$"
    faults.add(Fault(service="connector", method="POST", path=f"{silent}|{chats[silent]}/activities", kind=Kind.HANG))
    faults.add(Fault(service="connector", method="POST", path=sends, kind=Kind.HTML502, skip=3))
    faults.add(Fault(service="connector", method="POST", path=sends, status=429, retry_after=1, skip=9))
    faults.add(Fault(service="connector", method="POST", path=sends, status=503, skip=11))
    blast = await _sent(bench, people)
    assert blast.state is BlastState.DONE
    async with _parts(bench).database.read() as connection:
        counts = await receipts.counts_of(connection, blast.id)
        ends = [each async for page in rows.deliveries(connection, blast.id) for each in page]
    reasons = {each.recipient.address: each.reason for each in ends if each.reason}
    assert reasons == {blocked: "blocked-by-user", silent: "no-answer"}
    assert counts.sent == len(people) - 2
    assert (counts.failed, counts.unknown) == (1, 1)
    assert {person for person in people if _received(bench, person) != 1} == {blocked, silent}
    assert lacking not in teams.without_app


async def test_an_orderly_restart_in_the_middle_sends_nothing_twice() -> None:
    slow = FAST | {"blast_messages_per_second": "40"}
    async with Bench.start(replace(AT_ONCE, teams_calls_per_second=500), settings=slow) as bench:
        people = _everybody(bench)
        blast = await _begun(bench, people)
        await bench.until(lambda: any(_received(bench, person) for person in people), 10, "the first message")
        await bench.bot.restart()
        assert sum(_received(bench, person) for person in people) < len(people)
        assert (await _ended(bench, blast)).state is BlastState.DONE
        assert {_received(bench, person) for person in people} == {1}
        async with _parts(bench).database.read() as connection:
            assert (await receipts.counts_of(connection, blast.id)).sent == len(people)


async def test_read_receipts_are_counted(bench: Bench) -> None:
    people = _everybody(bench)[:3]
    blast = await _sent(bench, people)
    for _ in range(2):
        answer = await bench.teams.read(people[0])
        assert answer is not None
        assert answer.status == 200
    async with _parts(bench).database.read() as connection:
        counts = await receipts.counts_of(connection, blast.id)
    assert (counts.sent, counts.read) == (3, 1)


async def test_a_recall_takes_the_messages_out_of_the_chats(bench: Bench) -> None:
    people = _everybody(bench)[:5]
    blast = await _sent(bench, people)
    assert [_received(bench, person) for person in people] == [1] * 5
    await _parts(bench).blasts.recall(blast.id, _actor(bench, "grady"), _channel(bench))

    async def recalled() -> bool:
        async with _parts(bench).database.read() as connection:
            return (await rows.get(connection, blast.id)).state is BlastState.RECALLED

    await bench.until(recalled, 10, "the recall")
    assert [_received(bench, person) for person in people] == [0] * 5


async def test_within_the_budget_teams_never_has_to_say_no(bench: Bench) -> None:
    await _sent(bench, _everybody(bench))
    assert sum(bench.teams.limits.refused.values()) == 0
