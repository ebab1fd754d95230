from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.states import STEP_STATES
from services.approvals import ApprovalState, PlanKind
from services.incidents.report import pictures, words
from services.incidents.report.case import Case
from services.incidents.report.page import STYLE, element, visible
from services.incidents.report.plain import plain_report
from services.incidents.report.technical import technical_report
from services.incidents.timeline import AuditTag
from services.incidents.verdict import Level
from services.incidents.verdict_case import Topic
from services.playbook import STEPS
from services.playbook.ledger import EffectState
from services.playbook.step import Rule, Severity, State
from services.tasks import Task, TaskState
from tests.services.fakes import NOW
from tests.services.incidents.report.reading import Reading
from tests.services.incidents.report.scene import case

REPORTS = (technical_report, plain_report)
HOSTILE = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '" onload="alert(1)',
    "<!-- ]]> <?php",
    "&lt;b&gt; &amp;",
    "=HYPERLINK(\"http://evil.example\")",
    "user\u202egpj.exe",
    "a\x00b\x1b[31m\x7f",
    "\ud800",
    "\u2028\u2029",
    "שלום",
    "{{DATE()}} ${x} %s",
    "long " * 2000,
)  # fmt: skip


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_becomes_markup(report: object, text: str) -> None:
    read = Reading(report(case(text)))  # type: ignore[operator]
    assert read.foreign == []
    assert read.tags == Reading(report(case("Megan"))).tags  # type: ignore[operator]
    assert visible(text)[:100] in read.words


@given(st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_is_only_text(text: str) -> None:
    for report in REPORTS:
        read = Reading(report(case(text)))
        assert read.foreign == []
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08]", read.words)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
def test_attributes_hold_any_text(text: str) -> None:
    made = str(element("p", "x", class_=text))
    assert made.count("<") == 2
    assert made.count('"') == 2


def test_a_page_runs_nothing_and_loads_nothing() -> None:
    page = technical_report(case()).decode()
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{style}'" in page
    assert f"<style>{STYLE}</style>" in page
    assert not re.search(r"url\(|@import|https?:|href|src=|<script", page)


def test_the_technical_report_has_all() -> None:
    made = case("Mégan")
    said = Reading(technical_report(made)).words
    for heading in ("What happened", "Sign-ins", "Findings", "Steps", "Changes, item by item", "Approvals", "Evidence"):
        assert heading in said
    assert all(step.title in said for step in STEPS)
    assert made.head in said
    assert all(piece.sha256 in said for piece in made.evidence)
    assert "Asked by" in said
    assert "2026-11-25 12:01:00 UTC" in said
    assert "d" * 64 in said
    assert "Approved and carried out" in said
    assert "a-step-of-old" in said
    assert "1 alarm, 0 warnings, 0 notes; 1 not there any more" in said


def test_what_people_did_by_hand_is_in_the_report_and_what_is_left_to_them_is_open() -> None:
    left = Task(
        id="t",
        key="on-premises:i:block-sign-in",
        incident_id="i",
        step_id="block-sign-in",
        title="Block sign-in: on-premises",
        instructions=("Disable it there.",),
        assignee=None,
        created_at=NOW,
        due_at=None,
        nonce="n",
        state=TaskState.OPEN,
        done_by=None,
        done_at=None,
        note="",
    )
    alex = case().incident.opened_by
    done = replace(left, id="u", key="k", title="Call the bank", state=TaskState.DONE, done_by=alex, note="Recalled.")
    said = Reading(technical_report(replace(case(), tasks=(left, done)))).words
    assert "To do by hand: Block sign-in: on-premises" in said
    assert "By hand: Call the bank" in said
    assert "Recalled." in said


def test_what_nobody_looked_at_is_said_before_the_findings() -> None:
    for report in REPORTS:
        said = Reading(report(case())).words
        assert "check" in said.partition("Findings")[0]
        assert "Check inbox rules" in said
    said = Reading(technical_report(case())).words
    first = said.index("Not checked")
    assert "Check inbox rules" in said[first : said.index("Findings")]
    assert "Check forwarding: It was not run." in said[first : said.index("Findings")]


def test_an_empty_incident_is_not_called_clean() -> None:
    empty = replace(case(), findings=(), records=(), approvals=(), evidence=())
    said = Reading(technical_report(empty)).words
    assert "No finding is recorded. See above what was not checked." in said
    assert "Every check could look." not in said
    assert "not known to be locked" in said
    plain = Reading(plain_report(empty)).words
    assert "We could not check" in plain
    assert "not known to be locked" in plain


def test_a_changed_timeline_is_said() -> None:
    assert "from line 3 on" in Reading(technical_report(replace(case(), broken_at=3))).words


def test_no_nonce_is_on_paper() -> None:
    for report in REPORTS:
        assert b"the-nonce" not in report(case())


def test_the_plain_report_stays_a_page() -> None:
    empty = Reading(plain_report(replace(case("word " * 500), records=()))).words
    assert "more, in the technical report" in empty
    assert len(empty.split()) < 500


def test_the_plain_report_claims_only_what_was_done() -> None:
    said = Reading(plain_report(case())).words
    assert "We blocked sign-in to the account." in said
    assert "We threw out whoever was signed in." in said
    assert "We replaced the password" not in said  # it was so already, and nothing was done
    assert "Remove inbox rules" not in said
    said = Reading(plain_report(replace(case(), records=()))).words
    assert "Nothing is changed yet." in said
    assert "We blocked" not in said


def test_the_plain_report_names_no_colleague() -> None:
    made = case()
    data = {"account_id": "lynne", "upn": "lynne@contoso.com", "addresses": ["203.0.113.9"]}
    title = "lynne@contoso.com was signed in from the same address, too"
    finding = replace(made.findings[0].finding, key="other:lynne", severity=Severity.WARNING, title=title, data=data)
    more = replace(made, findings=(*made.findings, replace(made.findings[0], finding=finding)))
    assert "lynne" in Reading(technical_report(more)).words
    assert "lynne" not in Reading(plain_report(more)).words


def test_both_reports_say_what_the_verdict_says() -> None:
    made = case()
    for report in REPORTS:
        assert made.verdict().summary.text in Reading(report(made)).words
    said = Reading(technical_report(made)).words
    for claim in (*made.verdict().claims, *made.verdict().still_open):
        assert claim.text in said
        assert all(title in said for title in claim.not_evaluated)


def test_long_timelines_are_whole() -> None:
    read = Reading(technical_report(case(lines=2000)))
    assert read.tags.count("tr") > 2000
    assert "2007 lines" in read.words


def test_the_words_are_those_of_the_cards() -> None:
    # No run is ever in one of these: a watch that goes on is an accepted run, which a report names as such.
    on_cards_alone = {"waiting", "planning", "ready", "open", "watching"}
    said = {state: look.word for state, look in STEP_STATES.items() if state not in on_cards_alone}
    assert {state: word for state, word in words.STATES.items() if state != "not-run"} == said


def test_every_event_has_words() -> None:
    assert set(AuditTag) - set(words._EVENTS) == set()


# Pictures ------------------------------------------------------------------------------------------------------------


def test_without_evidence_there_is_no_picture() -> None:
    assert pictures.log_of(case(evidence=False)) is None
    assert "svg" not in Reading(technical_report(case(evidence=False))).tags


def test_pictures_show_what_the_evidence_says() -> None:
    log = pictures.log_of(case("Oslo"))
    assert log is not None
    assert [entry.place for entry in log.entries if entry.suspect] == ["Oslo, NO", "Oslo, NO"]
    over_time, places = (Reading(str(figure).encode()) for figure in pictures.figures(log))
    assert "The log has more than was read." in over_time.words
    assert "Oslo, NO" in places.words
    assert "6 sign-ins" in places.words
    assert over_time.tags.count("polygon") == 2 + 1  # and one in the legend
    assert over_time.tags.count("circle") == 4 + 2


def test_a_long_log_is_a_small_picture_that_counts_everything() -> None:
    log = pictures.log_of(case())
    assert log is not None
    many = [
        replace(log.entries[0], at=NOW + timedelta(minutes=n), place=f"Place {n % 40}", suspect=n % 40 == 39)
        for n in range(4000)
    ]
    for figure in pictures.figures(replace(log, entries=tuple(many))):
        assert len(figure) < 400_000
        read = Reading(str(figure).encode())
        assert sum(int(number) for number in re.findall(r"<title>(\d+) sign-ins?, ", figure)) == 4000
    assert "29 other places" in read.words
    assert "Place 39" in read.words


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"entries": [1, {"at": "soon"}, {"at": "2026-01-01T00:00:00"}]}'])
def test_evidence_of_another_shape_gives_no_picture(content: bytes) -> None:
    made = case()
    pieces = (replace(made.evidence[0], raw=content), *made.evidence[1:])
    assert "svg" not in Reading(technical_report(replace(made, evidence=pieces))).tags


def test_changed_evidence_gives_no_picture() -> None:
    made = case()
    pieces = (replace(made.evidence[0], problem="Not what was kept"), *made.evidence[1:])
    assert pictures.log_of(replace(made, evidence=pieces)) is None


def _locked(made: Case) -> str:
    return words.lock(made)[0]


def test_locked_is_said_only_of_what_is_locked() -> None:
    made = case()
    assert _locked(made) == "The account is locked."
    block = made.records[0]
    half = replace(block, run=replace(block.run, step_id="revoke-sessions", state=State.FAILED))
    assert _locked(replace(made, records=(*made.records, half))) == "Sign-in is blocked. Not complete: Revoke sessions."
    fewer = tuple(record for record in made.records if record.run.step_id != "scramble-password")
    assert _locked(replace(made, records=fewer)) == "Sign-in is blocked. Not complete: Scramble password."
    undone = replace(block, run=replace(block.run, state=State.UNDONE))
    assert "not known to be locked" in _locked(replace(made, records=(*made.records, undone)))


def test_the_vocabularies_have_words() -> None:
    assert set(words.SEVERITIES) == set(Severity)
    assert set(words.LEVELS) == set(Level)
    assert set(words.TOPICS) == set(Topic) - {Topic.HAPPENED, Topic.OPEN}
    assert set(words.DECISIONS) == set(ApprovalState)
    assert set(words.EFFECTS) == set(EffectState)
    assert set(words.RULES) == set(Rule)
    assert set(words._KINDS) == set(PlanKind) - {PlanKind.FAILED, PlanKind.NONE}
