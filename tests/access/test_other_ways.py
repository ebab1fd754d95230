"""The ways in that are neither command nor button: reporting a message, searching, taking a file, the command line."""

from __future__ import annotations

import pytest

import app
from dialogs.turn import FileAnswer, FoundAnswer, MessageSeen, ReportAsked, ReportSent, Search, TextAnswer
from services.access import Role
from services.channel import Actor, Conversation, Upload
from services.incidents.report.delivery import OfferState, ReportKind
from tests.access.stage import OUTSIDE, STAFF, Stage
from tests.counting import BadRequests
from tests.services.fakes import CHANNEL, PERSONAL, actor

pytestmark = pytest.mark.asyncio(loop_scope="module")

_SEEN = MessageSeen("1", "megan", "Megan", "2026-11-25T12:00:00Z", "Please pay this today.")
_UPLOAD = Upload("https://contoso.sharepoint.com/upload", "https://contoso.sharepoint.com/file", "f.pdf", "1", "pdf")
_STAFF = list(STAFF.values())
# What a report writes: the card that asks, and the signs behind it.
_OF_REPORTS = frozenset({"trigger_signs", "triggers"})
# Whoever types a command on the host is trusted as the host is: none of them asks for a role.
COMMAND_LINE = {"bench", "data", "demo", "doctor", "drill", "grant", "pack", "report", "run", "score"}


async def test_only_who_may_read_incidents_finds_one(stage: Stage, bad_requests: BadRequests) -> None:
    for name in OUTSIDE:
        answer = await stage.turns.on_compose(Search(actor(name), "IR-0001"))
        assert isinstance(answer, FoundAnswer)
        bad_requests.refused(not answer.found and "Megan" not in answer.hint, (name, answer))
    for person in _STAFF:
        answer = await stage.turns.on_compose(Search(person, "IR-0001"))
        assert isinstance(answer, FoundAnswer)
        assert answer.found


async def test_a_report_is_a_report_and_no_more(stage: Stage, bad_requests: BadRequests) -> None:
    before = await stage.state()
    for name, reason in OUTSIDE.items():
        form = await stage.turns.on_compose(ReportAsked(actor(name), _SEEN))
        sent = await stage.turns.on_compose(ReportSent(actor(name), _SEEN, "19:a-chat", "phishing", ""))
        assert isinstance(sent, TextAnswer)
        thanked = sent.text.startswith("Thank you")
        if reason in {"account-gone", "role-check-failed"}:
            bad_requests.refused(isinstance(form, TextAnswer) and not thanked, (name, sent))
        else:
            assert thanked, (name, sent)
    after = await stage.state()
    changed = {table for table, kept in after.items() if kept != before[table]}
    bad_requests.refused("triggers" in changed and changed <= _MAY_CHANGE, changed)
    assert stage.writes() == []


_MAY_CHANGE = _OF_REPORTS | {"incidents", "posts", "timeline"}  # a line in the incident of the account, and its card


async def test_nobody_floods_the_channel_with_reports(stage: Stage, bad_requests: BadRequests) -> None:
    answers = []
    for number in range(60):
        seen = MessageSeen(f"flood-{number}", None, "Somebody", "", "Hello")
        sent = await stage.turns.on_compose(ReportSent(actor("nobody"), seen, "19:a-chat", "phishing", ""))
        assert isinstance(sent, TextAnswer)
        answers.append(sent.text.startswith("Thank you"))
    assert answers[0]
    for thanked in answers[30:]:
        bad_requests.refused(not thanked, "one report too many")


async def _offered(stage: Stage, person: Actor) -> FileAnswer:
    """A yes to a file that this person asked for, and that waits in their chat."""
    deliveries = stage.parts.deliveries
    offer = await deliveries.ask(stage.desk.bench.incident_id, ReportKind.PLAIN, person, CHANNEL)
    assert await deliveries._move(offer, OfferState.WANTED, OfferState.OFFERED)
    return FileAnswer(person, PERSONAL, offer.id, offer.nonce, _UPLOAD)


async def test_a_file_goes_to_nobody_but_who_asked_for_it(stage: Stage, bad_requests: BadRequests) -> None:
    mine = await _offered(stage, STAFF[Role.RESPONDER])
    before = await stage.state()
    for person in [*map(actor, OUTSIDE), *_STAFF]:
        if person == mine.actor:
            continue
        await stage.turns.on_file_answer(FileAnswer(person, PERSONAL, mine.offer, mine.nonce, _UPLOAD))
        offer = await stage.parts.deliveries.get(mine.offer)
        bad_requests.refused(offer.state is OfferState.OFFERED, person)
    await stage.turns.on_file_answer(FileAnswer(mine.actor, PERSONAL, mine.offer, "another", _UPLOAD))
    bad_requests.refused(await stage.state() == before, "a forged nonce")


async def test_a_file_is_not_delivered_to_who_has_lost_the_role(
    stage: Stage, bad_requests: BadRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def tell(_where: Conversation, text: str) -> str:
        told.append(text)
        return "1"

    monkeypatch.setattr(stage.desk.channel, "post_text", tell)
    person = actor("leaver")
    stage.give(person, Role.RESPONDER)
    mine = await _offered(stage, person)
    await stage.turns.on_file_answer(mine)
    stage.take(person)
    await stage.parts.deliveries.deliver(mine.offer)
    offer = await stage.parts.deliveries.get(mine.offer)
    bad_requests.refused(offer.state is OfferState.FAILED, offer)
    assert "role" in told[0]


async def test_every_command_of_the_command_line_is_known() -> None:
    assert set(app.COMMANDS) == COMMAND_LINE
