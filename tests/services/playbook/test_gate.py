"""The gate: green only where somebody looked and nothing is left, and a waiver counts for exactly what was shut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.playbook.gate import NEEDS, Gate, LineState, Need, Seen, Waiver, gate_of, looked_at, seen_in
from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State
from tests.services.fakes import NOW, actor

_CLEAN = Seen(State.ALREADY_SO.value, "Nothing to remove.")
_DONE = {"scramble-password": State.DONE, "contact-partner": State.DONE}


def clean() -> dict[str, Seen]:
    """What the gate sees where nothing is left."""
    return {step_id: _CLEAN for step_id in looked_at(mail_only=False) if step_id not in _DONE}


def line(gate: Gate, key: str) -> LineState:
    return next(each.state for each in gate.lines if each.key == key)


def test_it_is_open_where_everything_was_looked_at_and_nothing_is_left() -> None:
    gate = gate_of(clean(), _DONE, ())
    assert gate.is_open
    assert gate.why_shut() is None
    assert {each.state for each in gate.lines} == {LineState.GREEN}


@pytest.mark.parametrize("need", [need for need in NEEDS if need.removals], ids=lambda need: need.key)
def test_a_thing_that_is_left_shuts_its_line_alone(need: Need) -> None:
    for step_id in need.removals:
        gate = gate_of({**clean(), step_id: Seen("left", "", ("Inbox rule “.”",))}, _DONE, ())
        assert [each.key for each in gate.shut] == [need.key]
        assert "Inbox rule “.”" in gate.shut[0].reason


@pytest.mark.parametrize("step_id", [*clean(), *_DONE])
def test_what_nobody_has_looked_at_is_never_green(step_id: str) -> None:
    seen = {key: each for key, each in clean().items() if key != step_id}
    ended = {key: state for key, state in _DONE.items() if key != step_id}
    assert not gate_of(seen, ended, ()).is_open


@pytest.mark.parametrize("state", [State.NOT_EVALUATED, State.FAILED, State.REFUSED])
def test_what_could_not_be_looked_at_is_never_green(state: State) -> None:
    for step_id in clean():
        gate = gate_of({**clean(), step_id: Seen(state.value, "No answer.")}, _DONE, ())
        assert not gate.is_open
        assert "Could not be looked at: No answer." in gate.shut[0].reason


@pytest.mark.parametrize("state", [State.NEEDS_ON_PREMISES, State.SKIPPED, State.UNKNOWN, State.ACCEPTED])
def test_a_password_or_a_call_that_did_not_end_well_is_not_green(state: State) -> None:
    for step_id in _DONE:
        assert not gate_of(clean(), {**_DONE, step_id: state}, ()).is_open


def test_a_password_that_was_reset_where_it_lives_is_green() -> None:
    ended = {"contact-partner": State.DONE, "scramble-password": State.NEEDS_ON_PREMISES}
    assert gate_of({**clean(), "scramble-password": _CLEAN}, ended, ()).is_open


def test_a_waiver_opens_its_line_for_what_was_shut_and_for_nothing_else() -> None:
    seen = {**clean(), "remove-inbox-rules": Seen("left", "", ("Inbox rule A",))}
    [shut] = gate_of(seen, _DONE, ()).shut
    waiver = Waiver(shut.key, shut.digest, "The owner wants it.", actor("adele"), NOW)
    waived = gate_of(seen, _DONE, (waiver,))
    assert waived.is_open
    assert line(waived, "rules") is LineState.WAIVED
    more = {**clean(), "remove-inbox-rules": Seen("left", "", ("Inbox rule A", "Inbox rule B"))}
    assert not gate_of(more, _DONE, (waiver,)).is_open
    elsewhere = replace(waiver, line="forwarding")
    assert not gate_of(seen, _DONE, (elsewhere,)).is_open


def test_a_waiver_of_who_asks_for_the_account_does_not_count() -> None:
    seen = {**clean(), "remove-inbox-rules": Seen("left", "", ("Inbox rule A",))}
    [shut] = gate_of(seen, _DONE, ()).shut
    waiver = Waiver(shut.key, shut.digest, "The owner wants it.", actor("alex"), NOW)
    assert gate_of(seen, _DONE, (waiver,), not_by=frozenset({"adele"})).is_open
    assert not gate_of(seen, _DONE, (waiver,), not_by=frozenset({"alex"})).is_open


def test_words_that_count_do_not_make_a_waiver_void() -> None:
    first = {**clean(), "check-devices": Seen(State.NOT_EVALUATED.value, "As of 10:00: 3 devices.")}
    [shut] = gate_of(first, _DONE, ()).shut
    waiver = Waiver(shut.key, shut.digest, "Looked at by hand.", actor("adele"), NOW)
    later = {**clean(), "check-devices": Seen(State.NOT_EVALUATED.value, "As of 11:00: 3 devices.")}
    assert gate_of(later, _DONE, (waiver,)).is_open


def test_for_sending_mail_only_what_is_about_mail_counts() -> None:
    seen = {**clean(), "remove-sign-in-methods": Seen("left", "", ("Phone",))}
    assert gate_of(seen, {}, (), mail_only=True).is_open
    seen["remove-forwarding"] = Seen("left", "", ("Forwarding",))
    shut = gate_of(seen, {}, (), mail_only=True).why_shut(mail_only=True)
    assert shut == "No mail is forwarded: no."


def test_our_own_pass_is_no_method_of_before() -> None:
    kind = "temporaryAccessPassAuthenticationMethod"
    ours = Change("x", "Temporary Access Pass", "Registered", "Removed", data={"kind": kind, "id": "ours"})
    plan = Plan((ours,))
    assert seen_in("remove-sign-in-methods", plan, frozenset({"ours"})).left == ()
    assert seen_in("remove-sign-in-methods", plan, frozenset({"other"})).left == ("Temporary Access Pass",)
    half = Plan((ours,), unread=("App passwords were not read.",))
    assert seen_in("remove-sign-in-methods", half, frozenset({"ours"})).state == State.NOT_EVALUATED.value


def test_an_alarm_about_a_device_that_no_removal_answers_shuts_the_line() -> None:
    def plan(key: str) -> Plan:
        finding = Finding(key, Severity.ALARM, "Its protection reports a threat")
        return Plan(settled=Outcome(State.DONE, ""), findings=(finding,))

    gate = gate_of({**clean(), "check-devices": seen_in("check-devices", plan("managed:1"))}, _DONE, ())
    assert "Its protection reports a threat" in gate.shut[0].reason
    assert gate_of({**clean(), "check-devices": seen_in("check-devices", plan("device:1"))}, _DONE, ()).is_open
