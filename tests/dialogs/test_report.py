"""`report`: what there is to take of an incident, for whoever may take it."""

from __future__ import annotations

import pytest

from dialogs import report
from dialogs.commands import Report
from dialogs.turn import Message
from services.channel import Actor, Conversation
from services.errors import NotAllowed, NotFound
from services.incidents.report.delivery import ReportKind
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, GROUP, PERSONAL, actor


async def _asked(desk: DialogDesk, incident: str | None, where: Conversation = PERSONAL, by: str = "alex") -> str:
    person: Actor = actor(by)
    return str(await report.offer(desk.parts, Message(person, where, "activity", "report"), Report(incident)))


@pytest.mark.parametrize("where", [CHANNEL, GROUP, PERSONAL], ids=lambda place: place.kind.value)
async def test_the_answer_says_what_there_is_to_take(desk: DialogDesk, where: Conversation) -> None:
    said = await _asked(desk, "IR-0001", where)
    assert "Report of IR-0001" in said
    for kind in (ReportKind.PLAIN, ReportKind.TECHNICAL, ReportKind.BUNDLE):
        assert f"/{kind}'" in said


async def test_in_the_thread_no_number_is_needed(desk: DialogDesk) -> None:
    assert "Report of IR-0001" in await _asked(desk, None, CHANNEL)


async def test_elsewhere_the_incidents_are_listed(desk: DialogDesk) -> None:
    said = await _asked(desk, None, PERSONAL)
    assert "IR-0001" in said
    assert "Report of" not in said


async def test_a_number_that_nobody_gave_is_not_found(desk: DialogDesk) -> None:
    with pytest.raises(NotFound):
        await _asked(desk, "IR-0099")


@pytest.mark.parametrize(("by", "reason"), [("zoe", "no-role"), ("megan", "subject-of-incident")])
async def test_only_who_may_take_reports_is_answered(desk: DialogDesk, by: str, reason: str) -> None:
    for incident in ("IR-0001", "IR-0099", None):
        with pytest.raises(NotAllowed) as refused:
            await _asked(desk, incident, by=by)
        assert refused.value.data["reason"] == reason
