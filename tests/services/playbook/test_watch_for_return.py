"""What counts as new: only what was not known, and never the silence of a log that could not be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State
from services.playbook.watch_for_return import (
    AREAS,
    Picture,
    Remedy,
    known_after,
    news_in,
    picture_of,
    schedule,
)
from tests.services.fakes import NOW


def plans(**findings: tuple[Finding, ...]) -> dict[str, Plan]:
    """All areas read: without anything, but for what is given by the step's id."""
    by_id = {step_id.replace("_", "-"): found for step_id, found in findings.items()}
    return {area.step_id: Plan(settled=Outcome(State.DONE, ""), findings=by_id.get(area.step_id, ())) for area in AREAS}


def picture(*, enabled: bool = False, given_back: bool = False, **findings: tuple[Finding, ...]) -> Picture:
    return picture_of(plans(**findings), enabled=enabled, given_back=given_back)


def rule(key: str, severity: Severity = Severity.ALARM) -> Finding:
    return Finding(key, severity, f"Inbox rule “{key}”")


def test_it_looks_after_an_hour_a_day_three_days_and_then_daily() -> None:
    due = schedule(NOW, 30)
    assert [(at - NOW) / timedelta(hours=1) for at in due[:6]] == [0, 1, 24, 72, 96, 120]
    assert due[-1] == NOW + timedelta(days=30)
    assert len(due) == 1 + 3 + 27


@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_short_watch_ends_when_it_says(days: int) -> None:
    assert schedule(NOW, days)[-1] <= NOW + timedelta(days=days)


def test_what_was_known_is_no_news_and_what_was_not_is() -> None:
    known = picture(check_inbox_rules=(rule("a"),))
    now = picture(check_inbox_rules=(rule("a"), rule("b")))
    [found] = news_in(known, now)
    assert found.title == "New inbox rule: Inbox rule “b”"
    assert found.remedy is Remedy.EVICT
    assert news_in(known, known) == ()


def test_what_went_and_came_back_is_news_again() -> None:
    known = known_after(picture(check_inbox_rules=(rule("a"),)), picture())
    assert news_in(known, picture(check_inbox_rules=(rule("a"),)))


def test_an_area_that_could_not_be_read_keeps_what_was_known() -> None:
    before = picture(check_inbox_rules=(rule("a"),))
    blind = dict(plans())
    blind["check-inbox-rules"] = Plan(settled=Outcome(State.NOT_EVALUATED, "No answer."))
    now = picture_of(blind, enabled=False, given_back=False)
    assert now.unread == {"rules": "No answer."}
    assert news_in(before, now) == ()
    kept = known_after(before, now)
    assert news_in(kept, picture(check_inbox_rules=(rule("a"),))) == ()
    assert len(news_in(kept, picture(check_inbox_rules=(rule("a"), rule("b"))))) == 1


def test_what_a_half_read_area_shows_is_news_all_the_same() -> None:
    half = dict(plans())
    half["check-inbox-rules"] = Plan(settled=Outcome(State.NOT_EVALUATED, "Not all."), findings=(rule("b"),))
    assert news_in(picture(), picture_of(half, enabled=False, given_back=False))


def test_sign_in_that_is_allowed_again_is_an_alarm_unless_irbot_allowed_it() -> None:
    [found] = news_in(picture(), picture(enabled=True))
    assert (found.severity, found.remedy) == (Severity.ALARM, Remedy.LOCK)
    assert news_in(picture(), picture(enabled=True, given_back=True)) == ()
    assert news_in(picture(enabled=True), picture(enabled=True)) == ()


def test_another_target_is_another_forwarding() -> None:
    def forwarded(to: str) -> Finding:
        return Finding("smtp", Severity.ALARM, f"All mail is forwarded to {to}")

    known = picture(check_forwarding=(forwarded("a@evil.example"),))
    assert news_in(known, picture(check_forwarding=(forwarded("b@evil.example"),)))


def test_a_known_address_that_signs_in_again_is_news_by_its_time() -> None:
    def from_lagos(last: str) -> Finding:
        return Finding("address:203.0.113.7", Severity.ALARM, "Signed in from Lagos", data={"last": last})

    known = picture(review_sign_ins=(from_lagos("2026-11-25T10:00:00+00:00"),))
    [found] = news_in(known, picture(review_sign_ins=(from_lagos("2026-11-27T10:00:00+00:00"),)))
    assert found.remedy is Remedy.LOCK
    assert news_in(known, picture(review_sign_ins=(from_lagos("2026-11-25T10:00:00+00:00"),))) == ()


def test_while_it_is_locked_every_rule_is_a_warning_and_later_the_owners_ordinary_ones_are_not() -> None:
    ordinary = (rule("Newsletters", Severity.NOTE),)
    [found] = news_in(picture(), picture(check_inbox_rules=ordinary))
    assert found.severity is Severity.WARNING
    assert news_in(picture(), picture(check_inbox_rules=ordinary, given_back=True)) == ()
    loud = news_in(picture(), picture(check_inbox_rules=(rule("x"),), given_back=True))
    assert "If the owner made it" in loud[0].title


def test_a_method_that_is_registered_is_news_by_its_id() -> None:
    read = plans()
    read["remove-sign-in-methods"] = Plan((Change("phone:1", "Phone number +40 721555019", "Registered", "Removed"),))
    [found] = news_in(picture(), picture_of(read, enabled=False, given_back=False))
    assert found.title == "New sign-in method: Phone number +40 721555019"


def test_the_worst_comes_first_and_a_picture_survives_being_kept() -> None:
    now = picture(enabled=True, check_inbox_rules=(rule("n", Severity.NOTE), rule("a")))
    assert [each.severity for each in news_in(picture(), now)][-1] is Severity.WARNING
    assert Picture.from_json(now.to_json()) == now
