from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.approvals import plans_to_json
from services.incidents.entry import Way
from services.incidents.model import Incident, IncidentState, Phase
from services.incidents.verdict import Level, Verdict, verdict_of
from services.incidents.verdict_case import Claim, Topic
from services.playbook import STEPS
from services.playbook.ledger import Effect, EffectState, Found, Run, RunKind
from services.playbook.step import Change, Finding, Outcome, Plan, Risk, Severity, State
from tests.services.fakes import CHANNEL, NOW, actor, subject

ALARM, WARNING, NOTE = Severity.ALARM, Severity.WARNING, Severity.NOTE
CHECKS = tuple(step.id for step in STEPS if step.phase is Phase.SCOPE and step.risk is Risk.READ)
# What the verdict wants to know, whether or not the playbook has it.
WANTED = (
    *("review-sign-ins", "review-activity", "trace-sent-mail", "assess-exposure", "check-inbox-rules"),
    *("check-forwarding", "check-delegates", "check-devices", "check-mail-flow"),
)
ENTERED = NOW - timedelta(hours=30)


def _plan(*items: str, what: str = "Thing") -> Plan:
    return Plan(changes=tuple(Change(item, what, "On", "Off") for item in items))


def _run(
    step_id: str, state: State = State.DONE, reason: str = "", kind: RunKind = RunKind.READ, plan: Plan | None = None
) -> Run:
    finished = None if state is State.RUNNING else NOW
    return Run(
        f"run-{step_id}-{kind}", "i", step_id, kind, "c", state, reason, plan or Plan(), actor("alex"), NOW, finished
    )


def address(severity: Severity = ALARM, *, hours: float = 0, key: str = "203.0.113.7", **data: Any) -> Found:
    """A finding of the sign-in review about one address."""
    known = {"got_in": True, "by_hand": True, "place": "Lagos, NG", "apps": ["Outlook"], "signs": [], "risks": []}
    finding = Finding(
        f"address:{key}",
        severity,
        f"Signed in from {key}",
        ("A reason",),
        ENTERED + timedelta(hours=hours),
        known | data,
    )
    return Found("review-sign-ins", finding, None)


def found(
    step_id: str,
    title: str = "Something",
    severity: Severity = ALARM,
    *,
    at: datetime | None = None,
    gone: bool = False,
    key: str = "",
    **data: Any,
) -> Found:
    """A finding of any check."""
    finding = Finding(key or title, severity, title, ("Why",), at, data)
    return Found(step_id, finding, NOW if gone else None)


@dataclass
class Case:
    """An incident whose account is locked and whose checks were all made, as far as a test does not say else."""

    found: tuple[Found, ...] = ()
    not_made: tuple[str, ...] = ()
    ended: Mapping[str, tuple[State, str]] = field(default_factory=dict)
    proposed: Mapping[str, Plan] = field(default_factory=dict)
    applied: Mapping[str, Mapping[str, EffectState]] = field(default_factory=dict)
    block: State | None = State.DONE
    block_kind: RunKind = RunKind.APPLY

    def judged(self) -> Verdict:
        runs = [
            _run(step_id, *self.ended.get(step_id, (State.DONE, "")))
            for step_id in dict.fromkeys((*CHECKS, *WANTED))
            if step_id not in self.not_made
        ]
        if self.block is not None:
            runs.append(_run("block-sign-in", self.block, "The service said so.", self.block_kind))
        effects: dict[str, tuple[Effect, ...]] = {}
        for step_id, states in self.applied.items():
            run = _run(step_id, kind=RunKind.APPLY, plan=_plan(*states))
            runs.append(run)
            effects[run.id] = tuple(
                Effect(item, state, Change(item, "Thing", "On", "Off")) for item, state in states.items()
            )
        steps = self.proposed or {"remove-inbox-rules": Plan(settled=Outcome(State.ALREADY_SO, "Nothing."))}
        return verdict_of(_incident(steps), STEPS, runs, self.found, effects)


def _incident(proposed: Mapping[str, Plan]) -> Incident:
    return Incident(
        id="i",
        number=7,
        subject=subject("megan"),
        state=IncidentState.OPEN,
        phase=Phase.LOCK,
        opened_by=actor("alex"),
        opened_at=NOW,
        conversation=CHANNEL,
        nonce="n",
        revision=1,
        plan={},
        investigation={"nonce": "round", "done": True},
        eviction={"kind": "evict", "steps": plans_to_json(dict(proposed))},
    )


def _claims(verdict: Verdict) -> tuple[Claim, ...]:
    return (verdict.summary, *verdict.claims, *verdict.still_open)


def _of(verdict: Verdict, topic: Topic) -> list[Claim]:
    return [claim for claim in verdict.claims if claim.topic is topic]


def _words(claims: Iterable[Claim]) -> str:
    return " | ".join(claim.text for claim in claims)


# -- what happened -------------------------------------------------------------------------------------------------

RULE = found("check-inbox-rules", "Inbox rule “.”")
WEAK = found("trace-sent-mail", "“Hi” went to 3 recipients", WARNING)


@pytest.mark.parametrize(
    ("case", "summary", "level"),
    [
        (Case(), "Nothing alarming was found. That does not prove", Level.NONE),
        (Case((found("check-forwarding", "An automatic reply is on", NOTE),)), "Nothing alarming", Level.NONE),
        (Case(not_made=("trace-sent-mail",)), "where IRBot could look. Some checks could not be made", Level.NONE),
        (Case((address(),)), "Somebody else was in the account of Megan", Level.MEDIUM),
        (Case((address(), RULE)), "Somebody else was in the account of Megan", Level.HIGH),
        (Case((address(), WEAK)), "Somebody else was in", Level.HIGH),
        (Case((address(got_in=False),)), "There are strong signs", Level.MEDIUM),
        (Case((RULE,)), "There are strong signs", Level.MEDIUM),
        (Case((address(WARNING),)), "weak signs of an intruder", Level.LOW),
        (Case((address(WARNING), WEAK)), "weak signs of an intruder", Level.LOW),
        (Case((address(WARNING), WEAK, found("review-activity", severity=WARNING))), "several signs", Level.MEDIUM),
        (Case((found("a-check-of-tomorrow"),)), "There are strong signs", Level.MEDIUM),
        (
            Case(proposed={"revoke-app-consents": _plan("grant:1", what="The consent to “X”")}),
            "has agreed to an app that is suspicious",
            Level.LOW,
        ),
    ],
)
def test_what_happened_is_said_no_louder_than_it_was_found(case: Case, summary: str, level: Level) -> None:
    verdict = case.judged()
    assert summary in verdict.summary.text
    assert verdict.level is level


def test_a_quiet_account_is_never_called_clean() -> None:
    verdict = Case().judged()
    assert (verdict.worst, verdict.entry, verdict.gaps) == (None, None, ())
    assert "clean" not in _words(_claims(verdict)).casefold()
    assert _of(verdict, Topic.ENTRY) == []
    assert _of(verdict, Topic.SINCE) == []


def test_without_the_sign_ins_it_is_less_sure_and_says_why() -> None:
    finding = (RULE, found("check-forwarding", "All mail is forwarded"))
    sure = Case(finding).judged()
    blind = Case(finding, ended={"review-sign-ins": (State.NOT_EVALUATED, "Needs Entra ID P1.")}).judged()
    assert (sure.level, blind.level) == (Level.HIGH, Level.MEDIUM)
    assert "less sure because Review sign-ins could not be evaluated" in blind.level_why


# -- how they got in, and since when -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "way", "words"),
    [
        (address(signs=["guessed"]), Way.GUESSED, "Most likely by guessing the password from Lagos, NG"),
        (address(risks=["passwordSpray"]), Way.GUESSED, "by guessing the password"),
        (address(signs=["approval-worn-down"]), Way.APPROVAL_WORN_DOWN, "asking for approval until"),
        (address(risks=["attackerinTheMiddle"]), Way.FALSE_SIGN_IN_PAGE, "false sign-in page"),
        (address(signs=["old-protocol"]), Way.OLD_PROTOCOL, "old protocol"),
        (address(by_hand=False, signs=["tokens-only"]), Way.TOKEN, "stolen sign-in token from Lagos, NG"),
        (address(by_hand=False, risks=["anomalousToken"]), Way.TOKEN, "stolen sign-in token"),
        (address(by_hand=False, signs=["app-on-a-server"], apps=["Backup"]), Way.CONSENT, "the app “Backup”"),
        (address(), Way.RIGHT_PASSWORD, "How they got the password is not known"),
        (address(WARNING), Way.RIGHT_PASSWORD, "Perhaps with the right password"),
        (address(by_hand=False), Way.UNKNOWN, "It is not known how"),
        (address(got_in=False, signs=["guessed"]), Way.UNKNOWN, "It is not known how they got in"),
        (found("check-inbox-rules"), Way.UNKNOWN, "It is not known how they got in"),
        # The data of a finding that an older or a newer version kept.
        (address(signs=None, risks="anomalousToken", apps={"a": 1}, place=None), Way.RIGHT_PASSWORD, "password."),
        (found("review-sign-ins", key="address:x"), Way.UNKNOWN, "It is not known how they got in"),
    ],
)
def test_the_way_in_follows_from_the_signs(finding: Found, way: Way, words: str) -> None:
    verdict = Case((finding,)).judged()
    assert verdict.entry is not None
    assert verdict.entry.way is way
    (claim,) = _of(verdict, Topic.ENTRY)
    assert words in claim.text


def test_consent_is_named_with_the_app_and_the_grant_behind_it() -> None:
    app = address(by_hand=False, signs=["app-on-a-server"], apps=["Backup"])
    verdict = Case((app,), proposed={"revoke-app-consents": _plan("grant:1", what="The consent to “Backup”")}).judged()
    (claim,) = _of(verdict, Topic.ENTRY)
    assert "by consent to the app “Backup”" in claim.text
    assert claim.by == ("Review sign-ins", "Revoke app consents")


def test_the_oldest_alarm_is_the_way_in_and_an_older_weak_sign_stands_beside_it() -> None:
    weak = address(WARNING, hours=-9, key="192.0.2.1")
    late = address(hours=5, key="192.0.2.2")
    verdict = Case((late, address(signs=["guessed"]), weak)).judged()
    since, older = _of(verdict, Topic.SINCE)
    assert since.at == ENTERED
    assert since.text.startswith("They were in since")
    assert older.at == ENTERED - timedelta(hours=9)
    assert "may belong" in older.text
    assert verdict.entry is not None
    assert verdict.entry.way is Way.GUESSED


def test_a_weak_sign_alone_is_only_perhaps() -> None:
    verdict = Case((address(WARNING),)).judged()
    assert _of(verdict, Topic.SINCE)[0].text.startswith("Perhaps since")
    sure = Case((address(WARNING), RULE, found("check-forwarding"))).judged()
    assert _of(sure, Topic.ENTRY)[0].text.startswith("Most likely")


def test_without_any_time_it_is_not_known_since_when() -> None:
    assert "not known since when" in _of(Case((RULE,)).judged(), Topic.SINCE)[0].text


# -- what they did, and what was sent ------------------------------------------------------------------------------


def _mailing(name: str, *recipients: str, inside: int, outside: int, **more: Any) -> Found:
    title = f"“{name}” went to {len(recipients)} recipients"
    return found("trace-sent-mail", title, recipients=list(recipients), inside=inside, outside=outside, **more)


@pytest.mark.parametrize(
    ("mailings", "words"),
    [
        ((_mailing("A", "a@x", "b@c", inside=1, outside=1),), "went to 2 people, 1 inside and 1 outside"),
        ((_mailing("A", "a@x", inside=0, outside=1),), "went to 1 person, 0 inside and 1 outside"),
        (
            (_mailing("A", "a@x", "b@c", inside=1, outside=1), _mailing("B", "A@x", inside=0, outside=1)),
            "went to 2 people, at most 1 inside and at most 2 outside",
        ),
        ((_mailing("A", "a@x", inside=2, outside=3001, more_recipients=3002),), "went to 3003 people, 2 inside"),
        ((found("trace-sent-mail", inside=4, outside=5),), "went to 9 people, 4 inside and 5 outside"),
        ((found("trace-sent-mail"),), "To how many people is not known"),
        ((found("trace-sent-mail", recipients="a@x", inside=True, outside=-3),), "To how many people is not known"),
    ],
)
def test_recipients_are_counted_once(mailings: tuple[Found, ...], words: str) -> None:
    assert words in _of(Case(mailings).judged(), Topic.SENT)[0].text


def test_that_nothing_was_sent_is_said_only_by_a_trace_that_saw_all() -> None:
    (made,) = _of(Case((RULE,)).judged(), Topic.SENT)
    assert "No mail that was sent looks like" in made.text
    assert made.by == ("Trace sent mail",)
    for case in (
        Case((RULE,), not_made=("trace-sent-mail",)),
        Case((RULE,), ended={"trace-sent-mail": (State.NOT_EVALUATED, "The trace is incomplete.")}),
        Case((RULE,), ended={"trace-sent-mail": (State.RUNNING, "")}),
    ):
        (blind,) = _of(case.judged(), Topic.SENT)
        assert "not known" in blind.text
        assert blind.not_evaluated == ("Trace sent mail",)


def test_what_was_taken_comes_from_the_checks_that_saw_it() -> None:
    exposure = found("assess-exposure", "12 messages hold bank details", NOTE)
    gone = found("check-forwarding", "All mail is forwarded to x@evil.example", gone=True)
    did = _of(Case((found("review-activity", "Mail was read 120 times"), gone, exposure)).judged(), Topic.DID)
    assert [claim.by for claim in did] == [("Review activity",), ("Check forwarding",), ("Assess exposure",)]
    assert "not there any more" in did[1].text
    assert did[2].text == "Within their reach: 12 messages hold bank details"


def test_nothing_taken_is_said_only_where_every_check_looked() -> None:
    assert "No check saw" in _words(_of(Case((address(),)).judged(), Topic.DID))
    blind = _of(Case((address(),), not_made=("review-activity",)).judged(), Topic.DID)
    assert "not known what was read" in _words(blind)
    assert blind[0].not_evaluated == ("Review activity",)


def test_a_check_that_the_verdict_does_not_know_is_told_all_the_same() -> None:
    many = tuple(found("a-check-of-tomorrow", f"Sign {number}", WARNING) for number in range(5))
    (claim,) = _of(Case(many).judged(), Topic.FOUND)
    assert claim.text == "Sign 0; Sign 1; Sign 2; and 2 more"
    assert claim.by == ("A check of tomorrow",)


# -- what is still open --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case(block=None), "The account is not locked."),
        (Case(block=State.FAILED), "Block sign-in: The service said so."),
        (Case(block=State.UNDONE, block_kind=RunKind.UNDO), "The lock was undone"),
        (Case(proposed={"remove-inbox-rules": _plan("a", "b")}), "Remove inbox rules: 2 items proposed"),
        (
            Case(
                proposed={"remove-inbox-rules": _plan("a", "b", "c", "d")},
                applied={
                    "remove-inbox-rules": {
                        "a": EffectState.SHOWN,
                        "b": EffectState.FAILED,
                        "c": EffectState.UNKNOWN,
                    }
                },
            ),
            "Remove inbox rules: 1 item proposed and not removed | Remove inbox rules: of 1 item it is not known "
            "whether it worked | Remove inbox rules: 1 item could not be removed",
        ),
        (Case((found("check-mail-flow", "A rule sends copies"),)), "Still there: A rule sends copies"),
        (
            Case((found("review-sign-ins", "Joni, too", WARNING, key="other:joni", upn="joni@contoso.com"),)),
            "Look at these accounts, too: joni@contoso.com",
        ),
        (Case(not_made=("check-delegates",)), "Something that lets them in again may have been missed."),
    ],
)
def test_what_is_open_is_listed(case: Case, words: str) -> None:
    assert words in _words(case.judged().still_open)


def test_nothing_is_open_where_all_is_done() -> None:
    done = {"remove-inbox-rules": {"a": EffectState.SHOWN}}
    verdict = Case((RULE,), proposed={"remove-inbox-rules": _plan("a")}, applied=done).judged()
    assert verdict.still_open == ()
    assert Case((found("check-mail-flow", gone=True),)).judged().still_open == ()


def test_an_eviction_that_could_not_be_planned_is_open() -> None:
    incident = _incident({})
    verdict = verdict_of(incident, STEPS, [_run(step_id) for step_id in CHECKS], (), {})
    assert "could not be worked out" in _words(verdict.still_open)


# -- what was not looked at ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ((State.NOT_EVALUATED, "Needs Entra ID P1."), "Needs Entra ID P1."),
        ((State.FAILED, ""), "It gave no reason."),
        ((State.RUNNING, ""), "It is not finished yet."),
    ],
)
def test_a_check_that_did_not_end_well_is_named_with_its_reason(ended: tuple[State, str], reason: str) -> None:
    verdict = Case((address(),), ended={"review-sign-ins": ended}).judged()
    (gap,) = verdict.gaps
    assert (gap.title, gap.reason) == ("Review sign-ins", reason)
    (entry,) = _of(verdict, Topic.ENTRY)
    assert entry.not_evaluated == ("Review sign-ins",)


def test_a_check_that_nobody_made_is_a_gap_whether_the_playbook_has_it_or_not() -> None:
    verdict = verdict_of(_incident({}), (), [], (), {})
    assert {gap.step_id for gap in verdict.gaps} == set(WANTED)
    assert all(gap.reason == "This check was not made." for gap in verdict.gaps)


# -- the timeline --------------------------------------------------------------------------------------------------


def test_events_are_in_order_and_each_stands_once() -> None:
    made = found("review-activity", "Inbox rule “.” was made", WARNING, at=ENTERED + timedelta(hours=2))
    twin = found("check-inbox-rules", "inbox rule “.” was MADE", at=ENTERED + timedelta(hours=2, seconds=40))
    later = found("review-activity", "Inbox rule “.” was made", WARNING, key="again", at=ENTERED + timedelta(hours=3))
    conclusion = found("review-sign-ins", "Somebody else knows the password", key="password", at=ENTERED)
    quiet = found("check-devices", "A phone", NOTE, at=ENTERED)
    events = Case((later, twin, made, address(), conclusion, quiet)).judged().events
    assert [event.text for event in events] == [
        "Signed in from 203.0.113.7",
        "Inbox rule “.” was made",
        "Inbox rule “.” was made",
        "IRBot blocked the sign-in",
    ]
    assert events[1].by == ("Review activity", "Check inbox rules")
    assert events[1].severity is ALARM


def test_the_end_of_what_lasted_is_an_event_of_its_own() -> None:
    lasting = address(last=(ENTERED + timedelta(hours=9)).isoformat())
    for short in (ENTERED.isoformat(), "2026-11-25T12:00:00", "soon", 7, None):
        assert len(Case((address(last=short),)).judged().events) == 2
    first, last, _ = Case((lasting,)).judged().events
    assert (last.at - first.at, last.text) == (timedelta(hours=9), "Last seen: Signed in from 203.0.113.7")


# -- whatever is found ---------------------------------------------------------------------------------------------

_VALUES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6) | st.lists(st.text(max_size=4), max_size=3)
)
_KEYS = st.sampled_from(
    ("got_in", "by_hand", "signs", "risks", "apps", "place", "last", "until", "recipients", "inside", "outside", "upn")
)
_FOUND = st.builds(
    lambda step_id, key, severity, at, data, gone: Found(
        step_id, Finding(key, severity, f"Title of {step_id}", (), at, data), NOW if gone else None
    ),
    st.sampled_from((*WANTED, "a-check-of-tomorrow")),
    st.sampled_from(("address:x", "other:y", "password", "k")),
    st.sampled_from(Severity),
    st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2026, 11, 1)).map(lambda at: at.replace(tzinfo=NOW.tzinfo)),  # noqa: DTZ001  # the zone is added
    st.dictionaries(_KEYS, _VALUES, max_size=6),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_FOUND, max_size=6), st.sets(st.sampled_from(WANTED)))
def test_whatever_is_found_nothing_is_claimed_that_no_check_supports(findings: list[Found], blind: set[str]) -> None:
    verdict = Case(tuple(findings), not_made=tuple(blind)).judged()
    loud = {each.step_id for each in findings if each.finding.severity is not NOTE}
    assert (verdict.level is Level.NONE) == (not loud)
    assert (verdict.entry is None) == (not loud)
    assert {gap.step_id for gap in verdict.gaps} == blind
    assert [event.at for event in verdict.events] == sorted(event.at for event in verdict.events)
    for claim in _claims(verdict):
        assert "clean" not in claim.text.casefold()
        assert claim.by or claim.not_evaluated or claim.topic is not Topic.FOUND
    assert not (verdict.summary.text.startswith("Somebody else") and "review-sign-ins" not in loud)
