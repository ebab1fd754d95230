from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cards import approval_card, incident_card
from cards.views import IncidentView, Tone
from dialogs.facts import Viewer
from dialogs.render import (
    RULES,
    age,
    approval_view,
    incident_line,
    incident_view,
    person_of_account,
    person_of_subject,
    subject_warnings,
)
from services.access import Permission
from services.approvals import Approval, ApprovalState, PlanKind
from services.channel import Actor
from services.database import Database, tables
from services.errors import MissingLicence, MissingRole, OnPremises, Throttled, UnknownOutcome
from services.incidents import store
from services.playbook import BY_ID
from services.playbook.step import Plan, Rule, State
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, NOW, PERSONAL, account, actor, subject
from tests.services.playbook.bench import THE_LOCK

ALEX, ADELE, DIEGO, ZOE = (actor(name) for name in ("alex", "adele", "diego", "zoe"))
CONTAIN, DECIDE = Permission.ACCOUNT_CONTAIN, Permission.APPROVAL_DECIDE


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DialogDesk]:
    """On one kind of database: how a card looks does not depend on it."""
    database = await Database.open(f"sqlite:///{tmp_path / 'irbot.sqlite'}")
    yield await DialogDesk.start(database)
    await database.close()


async def _view(desk: DialogDesk, by: Actor | None = None, *may: Permission) -> IncidentView:
    viewer = None if by is None else Viewer(by, frozenset(may))
    view = await incident_view(desk.parts, desk.bench.incident_id, viewer=viewer)
    incident_card(view)
    return view


def _titles(view: IncidentView) -> list[str]:
    return [button.title.rstrip("…") for button in view.buttons]


async def _ask(desk: DialogDesk, kind: PlanKind = PlanKind.LOCK, plans: dict[str, Plan] | None = None) -> Approval:
    incident = await desk.bench.incident()
    return await desk.parts.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=kind, plans=plans)


async def _make_vip(desk: DialogDesk) -> None:
    async with desk.parts.database.write() as connection:
        await store.update(connection, desk.bench.incident_id, subject=subject(vip=True).to_json())


# -- the headline card, from the first word to the last ----------------------------------------------------------------


ROLES_TITLE = BY_ID["strip-roles"].title


async def test_a_fresh_incident_promises_the_plan_and_has_no_lock_button(desk: DialogDesk) -> None:
    view = await _view(desk)
    assert (view.number, view.phase, view.subject.name, view.opened_by) == ("IR-0001", "Prepare", "Megan", "Alex")
    assert "The plan comes next" in view.next_step
    assert view.lock is None
    assert "Lock account" not in _titles(view)


async def test_a_planned_lock_shows_each_change_and_whether_it_can_be_undone(desk: DialogDesk) -> None:
    await desk.bench.propose()
    view = await _view(desk)
    assert view.lock == "Not locked"
    assert view.lock_tone is Tone.ATTENTION
    assert _titles(view)[0] == "Lock account"
    # An ordinary account holds no roles: what changes nothing is no change.
    assert {change.step_title for change in view.changes} == {step.title for step in THE_LOCK} - {ROLES_TITLE}
    assert all(change.undo.endswith(".") for change in view.changes)
    assert {line.state for line in view.steps} == {"planned", "already-so"}


async def test_a_locked_account_says_so_and_offers_the_undo(desk: DialogDesk) -> None:
    await desk.bench.locked()
    view = await _view(desk)
    assert (view.lock, view.lock_tone) == ("Locked", Tone.GOOD)
    states = {line.title: line.state for line in view.steps}
    assert states.pop(ROLES_TITLE) == "already-so"
    assert set(states.values()) == {"done"}
    assert all(line.who == "Alex" and line.at is not None for line in view.steps)
    assert "Undo" in _titles(view)
    assert "Lock account" not in _titles(view)
    assert "Try again" not in _titles(view)


@pytest.mark.parametrize("error", [MissingRole(), OnPremises(), Throttled(1.0), UnknownOutcome()], ids=str)
async def test_an_account_whose_block_failed_never_looks_locked(desk: DialogDesk, error: Exception) -> None:
    desk.bench.m365.directory.fail["block_sign_in"] = error
    await desk.bench.locked()
    view = await _view(desk)
    assert (view.lock, view.lock_tone) == ("Not locked", Tone.ATTENTION)
    assert "not locked" in view.next_step
    assert view.next_tone is Tone.ATTENTION


@pytest.mark.parametrize("method", ["revoke_sessions", "set_password"])
async def test_an_account_that_is_locked_in_part_says_so(desk: DialogDesk, method: str) -> None:
    desk.bench.m365.directory.fail[method] = MissingRole()
    await desk.bench.locked()
    view = await _view(desk)
    assert view.lock is not None
    assert view.lock.startswith("Partly locked")
    assert view.next_tone is Tone.WARNING
    assert "Try again" in _titles(view)


@pytest.mark.parametrize("by_hand", [False, True], ids=["by IRBot", "by hand before"])
async def test_an_account_that_was_opened_again_never_looks_locked(desk: DialogDesk, by_hand: bool) -> None:
    await desk.bench.locked()
    if by_hand:
        await desk.bench.m365.directory.allow_sign_in("megan")
    await desk.bench.undone()
    view = await _view(desk)
    assert view.lock == "Lock undone"
    assert view.next_tone is Tone.WARNING
    assert "Undo" not in _titles(view)


async def test_an_undo_that_failed_is_told_and_offered_again(desk: DialogDesk) -> None:
    await desk.bench.locked()
    desk.bench.m365.directory.fail["allow_sign_in"] = MissingRole()
    await desk.bench.undone()
    view = await _view(desk)
    assert view.lock_tone is Tone.ATTENTION
    assert "could not be undone" in view.next_step
    assert "Undo" in _titles(view)


async def test_while_it_works_there_is_nothing_to_press(desk: DialogDesk) -> None:
    await desk.bench.propose()
    await desk.bench.approved()
    view = await _view(desk)
    assert (view.lock, view.buttons) == ("Locking…", ())
    assert "at work" in view.next_step


async def test_a_failed_look_can_be_taken_again(desk: DialogDesk) -> None:
    incident = await desk.bench.incident()
    await desk.parts.preparation.prepare_gave_up(f"{incident.id}:{incident.nonce}", "number-7")
    view = await _view(desk)
    assert "Check again" in _titles(view)
    assert "Check again" not in _titles(await _view(desk, ADELE, DECIDE))
    assert view.next_tone is Tone.ATTENTION


async def test_a_closed_incident_has_no_buttons(desk: DialogDesk) -> None:
    await desk.bench.locked()
    async with desk.parts.database.write() as connection:
        await store.update(connection, desk.bench.incident_id, state="closed")
    view = await _view(desk)
    assert (view.phase, view.buttons, view.refresh) == ("Closed", (), None)


async def test_a_card_for_reading_only_has_no_buttons(desk: DialogDesk) -> None:
    await desk.bench.propose()
    await _ask(desk)
    view = await incident_view(desk.parts, desk.bench.incident_id, live=False)
    assert (view.buttons, view.refresh, view.refresh_for) == ((), None, ())


# -- who sees which button ---------------------------------------------------------------------------------------------


async def test_only_who_asked_sees_the_confirmation(desk: DialogDesk) -> None:
    await desk.bench.propose()
    await _ask(desk)
    assert _titles(await _view(desk, ALEX, CONTAIN)) == ["Lock now", "Cancel"]
    assert _titles(await _view(desk, DIEGO, CONTAIN)) == []
    assert _titles(await _view(desk, ADELE, DECIDE)) == []
    assert _titles(await _view(desk)) == ["Lock now", "Cancel"]
    assert "Alex" in (await _view(desk)).next_step


async def test_only_another_approver_sees_the_decision(desk: DialogDesk) -> None:
    await desk.bench.propose()
    await _make_vip(desk)
    await _ask(desk)
    assert _titles(await _view(desk, ADELE, DECIDE)) == ["Approve", "Refuse"]
    assert _titles(await _view(desk, ALEX, CONTAIN, DECIDE)) == ["Cancel"]
    assert _titles(await _view(desk, DIEGO, CONTAIN, DECIDE)) == ["Approve", "Refuse", "Cancel"]
    assert _titles(await _view(desk, ZOE)) == []
    view = await _view(desk)
    assert "Adele, Diego" in view.next_step
    assert view.approval is not None
    assert (view.approval.state, view.approval.requester) == ("waiting", "Alex")
    assert view.approval.expires_at == NOW + timedelta(minutes=30)


async def test_without_a_role_there_is_no_button(desk: DialogDesk) -> None:
    for prepare in (desk.bench.propose, desk.bench.locked):
        await prepare()
        assert _titles(await _view(desk, ZOE)) == []
        assert _titles(await _view(desk, ADELE, DECIDE)) == []


async def test_every_button_carries_ids_and_nonces_and_nothing_else(desk: DialogDesk) -> None:
    await desk.bench.propose()
    incident = await desk.bench.incident()
    view = await _view(desk)
    assert {(button.id, button.nonce) for button in view.buttons} == {(incident.id, incident.nonce)}
    asked = await _ask(desk)
    assert {(button.id, button.nonce) for button in (await _view(desk)).buttons} == {(asked.id, asked.nonce)}


async def test_the_card_refreshes_for_those_who_act_and_whom_teams_knows(desk: DialogDesk) -> None:
    await desk.parts.people.seen(ALEX, PERSONAL)
    await desk.parts.people.seen(ZOE, PERSONAL)
    await desk.bench.propose()
    assert (await _view(desk)).refresh is None
    await _ask(desk)
    view = await _view(desk)
    assert view.refresh_for == ("29:alex",)
    assert view.refresh is not None


# -- approvals ---------------------------------------------------------------------------------------------------------


async def test_the_card_of_an_approver_has_buttons_until_it_is_decided(desk: DialogDesk) -> None:
    await desk.bench.propose()
    await _make_vip(desk)
    asked = await _ask(desk)
    view = await approval_view(desk.parts, asked.id)
    approval_card(view)
    assert [button.title for button in view.buttons] == ["Approve", "Refuse"]
    assert (view.subject.name, view.approval.requester, view.incident_number) == ("Megan", "Alex", "IR-0001")
    assert len(view.changes) == 4
    assert view.approval.waiting_for == ("Adele", "Diego")
    await desk.parts.approvals.refuse(asked.id, asked.nonce, ADELE, PERSONAL)
    decided = await approval_view(desk.parts, asked.id, notice="N")
    assert (decided.buttons, decided.approval.state, decided.approval.decided_by) == ((), "refused", "Adele")
    assert (decided.approval.expires_at, decided.approval.waiting_for, decided.notice) == (None, (), "N")


@pytest.mark.parametrize("state", ApprovalState)
async def test_every_state_of_an_approval_can_be_drawn(desk: DialogDesk, state: ApprovalState) -> None:
    await desk.bench.propose()
    asked = await _ask(desk)
    async with desk.parts.database.write() as connection:
        await connection.execute(sa.update(tables.approvals).values(state=state.value, reason="Why."))
    view = await _view(desk)
    box = (await approval_view(desk.parts, asked.id)).approval
    assert box.state == ("approved" if state is ApprovalState.USED else state.value)
    assert "Why." in box.rule
    assert (view.approval is None) is (state is ApprovalState.CANCELLED)


async def test_every_state_of_a_step_can_be_drawn(desk: DialogDesk) -> None:
    await desk.bench.locked()
    for state in State:
        async with desk.parts.database.write() as connection:
            await connection.execute(sa.update(tables.step_runs).values(state=state.value))
        view = await _view(desk)
        assert {line.state for line in view.steps} == {state.value}
        assert (view.lock == "Locked") is (state in {State.DONE, State.ALREADY_SO})


def test_every_rule_has_its_words() -> None:
    assert set(RULES) == set(Rule)


# -- small parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (-5, "under 1 min"),
        (0, "under 1 min"),
        (0.99, "under 1 min"),
        (1, "1 min"),
        (59.9, "59 min"),
        (60, "1 h"),
        (119, "1 h"),
        (48 * 60 - 1, "47 h"),
        (48 * 60, "2 days"),
        (30 * 24 * 60, "30 days"),
    ],
)
def test_an_age_is_told_in_the_largest_unit(minutes: float, words: str) -> None:
    assert age(NOW, NOW + timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, ("Cloud account",)),
        ({"is_guest": True}, ("Guest",)),
        ({"synced": True}, ("Synced from on-premises",)),
        ({"account_enabled": False}, ("Cloud account", "Sign-in blocked")),
    ],
)
def test_an_account_in_a_list_shows_its_kind(changes: dict[str, bool], kinds: tuple[str, ...]) -> None:
    assert person_of_account(account("megan", **changes)).kinds == kinds


@pytest.mark.parametrize("fact", ["break_glass", "privileged", "vip", "synced", "guest", "shared_mailbox"])
def test_what_makes_an_account_special_is_a_warning(fact: str) -> None:
    assert len(list(subject_warnings(subject(**{fact: True})))) == 1
    assert list(subject_warnings(subject())) == []


def test_what_could_not_be_looked_up_is_a_warning_of_its_own() -> None:
    warnings = list(subject_warnings(subject(unknowns=("Roles: no answer.", "Groups: no answer."))))
    assert len(warnings) == 2
    assert all("handled with care" in warning for warning in warnings)


def test_the_kinds_of_a_subject_come_most_telling_first() -> None:
    everything = subject(
        break_glass=True, privileged=True, active_roles=("A", "B"), vip=True, shared_mailbox=True, synced=True
    )
    assert person_of_subject(everything).kinds == (
        "Break-glass account", "Privileged: A, B", "VIP", "Shared mailbox", "Synced from on-premises",
    )  # fmt: skip
    assert replace(everything, active_roles=(), eligible_roles=("C",)).kinds()[1] == "Privileged: C"


async def test_a_line_of_the_list_says_what_is_next(desk: DialogDesk) -> None:
    await desk.bench.propose()
    desk.bench.clock.pass_by(minutes=90)
    line = await incident_line(desk.parts, await desk.bench.incident())
    assert (line.number, line.subject, line.age, line.tone) == ("IR-0001", "Megan", "1 h", Tone.ATTENTION)
    assert line.next_step == (await _view(desk)).next_step


async def test_an_organisation_without_the_licence_for_risk_has_a_locked_account_all_the_same(desk: DialogDesk) -> None:
    async def unlicensed(object_id: str) -> None:
        raise MissingLicence(licence="Microsoft Entra ID P2")

    desk.bench.m365.risk.of_account = unlicensed  # type: ignore[method-assign]  # the fake of an area
    await desk.bench.locked()
    view = await _view(desk)
    assert (view.lock, view.lock_tone) == ("Locked", Tone.GOOD)
    (line,) = [line for line in view.steps if line.title == BY_ID["mark-compromised"].title]
    assert line.state == "not-evaluated"
    assert "Microsoft Entra ID P2" in line.reason
