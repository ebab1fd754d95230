"""The technical report: everything that was seen, decided and done, for those who must understand or prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.approvals import Approval
from services.incidents.report import words
from services.incidents.report.case import Case, Record, Standing
from services.incidents.report.page import NOTHING, Html, box, bullets, element, facts, joined, page, table, told, when
from services.incidents.report.pictures import figures, log_of
from services.incidents.verdict_case import Claim
from services.playbook.ledger import Found
from services.playbook.step import Severity


def technical_report(case: Case) -> bytes:
    """The whole report as one HTML document."""
    subject = case.incident.subject
    return page(
        f"{case.incident.label}: technical report",
        (
            element("h1", f"{case.incident.label}: compromised account of ", told(subject.name)),
            element("p", f"Technical report, as of {when(case.read_at)}", class_="small"),
            *_account(case),
            *_what_happened(case),
            *_not_checked(case),
            *_pictures(case),
            *_findings(case),
            *_steps(case),
            *_approvals(case),
            *_evidence(case),
            *_timeline(case),
        ),
    )


def _account(case: Case) -> Iterable[Html]:
    incident, subject = case.incident, case.incident.subject
    yield facts(
        (
            ("Account", told(subject.upn)),
            ("Object id", element("code", subject.object_id)),
            ("Kind", told(", ".join(subject.kinds()))),
            ("Department", told(subject.department or NOTHING)),
            ("Job title", told(subject.job_title or NOTHING)),
            ("Opened", element("span", when(incident.opened_at), " by ", told(incident.opened_by.name))),
            ("Incident is", incident.state.value),
            ("Phase", incident.phase.value.capitalize()),
        )
    )


def _what_happened(case: Case) -> Iterable[Html]:
    yield element("h2", "What happened")
    standing, tone = words.lock(case)
    yield box(tone, element("strong", standing))
    verdict = case.verdict()
    yield element("p", element("strong", told(verdict.summary.text)))
    yield bullets((f"Confidence: {words.LEVELS[verdict.level]}. {verdict.level_why}", *_counts(case)))
    for topic, title in words.TOPICS.items():
        claims = [claim for claim in verdict.claims if claim.topic is topic]
        if claims:
            yield element("h3", title)
            yield bullets(_claim(claim) for claim in claims)
    if verdict.still_open:
        yield element("h3", "Still open")
        yield bullets(_claim(claim) for claim in verdict.still_open)
    if verdict.events:
        yield element("h3", "The likely course")
        rows = ((when(event.at), told(event.text), told(", ".join(event.by))) for event in verdict.events)
        yield table(("When", "What", "Seen by"), rows)
    if case.broken_at is not None:
        yield box("alarm", element("strong", broken(case.broken_at)))


def _counts(case: Case) -> Iterable[str]:
    there = [found for found in case.findings if found.resolved_at is None]
    numbers = Counter(found.finding.severity for found in there)
    gone = len(case.findings) - len(there)
    yield (
        f"Found: {words.count(numbers[Severity.ALARM], 'alarm')}, {words.count(numbers[Severity.WARNING], 'warning')}, "
        f"{words.count(numbers[Severity.NOTE], 'note')}; {gone} not there any more."
    )
    if not case.incident.investigation.get("done"):
        yield "The investigation is not finished."


def _claim(claim: Claim) -> Html:
    """The sentence, the reasons, the checks it comes from, and those that it would need."""
    small = [*claim.why, *([f"Seen by: {', '.join(claim.by)}"] if claim.by else [])]
    lacking = f"Rests on what was not checked: {', '.join(claim.not_evaluated)}" if claim.not_evaluated else ""
    return element(
        "span",
        told(words.sentence(claim)),
        joined(element("div", told(line), class_="small") for line in small),
        element("div", element("strong", told(lacking)), class_="small") if lacking else "",
    )


def broken(line: int) -> str:
    """What is said of a timeline that is not as it was written."""
    return f"The timeline is not as it was written: from line {line} on, lines were changed, removed or put in."


def _not_checked(case: Case) -> Iterable[Html]:
    unread = case.not_checked()
    if unread:
        items = (element("span", element("strong", told(title)), ": ", told(reason)) for title, reason in unread)
        yield box(
            "warning", element("strong", "Not checked. Nobody looked here, and that never means clean:"), bullets(items)
        )
    else:
        yield box("good", "Every check could look.")


def _pictures(case: Case) -> Iterable[Html]:
    log = log_of(case)
    drawn = figures(log) if log is not None else ()
    if drawn:
        yield element("h2", "Sign-ins")
        yield from drawn


def _findings(case: Case) -> Iterable[Html]:
    yield element("h2", "Findings")
    if not case.findings:
        yield element("p", "No finding is recorded. See above what was not checked.")
        return
    head = ("Weight", "What", "Why", "When", "Check")
    yield table(head, (_finding(found) for found in case.findings))


def _finding(found: Found) -> tuple[object, ...]:
    finding = found.finding
    gone = f" (not there any more since {when(found.resolved_at)})" if found.resolved_at else ""
    return (
        words.SEVERITIES[finding.severity] + gone,
        told(finding.title),
        bullets(told(reason) for reason in finding.reasons) if finding.reasons else NOTHING,
        when(finding.at),
        words.step(found.step_id),
    )


def _steps(case: Case) -> Iterable[Html]:
    yield element("h2", "Steps")
    yield table(("Step", "State", "Reason", "Who", "When"), (_standing(each) for each in case.standings()))
    changed = [record for record in case.records if record.effects]
    if changed:
        yield element("h2", "Changes, item by item")
        head = ("Step", "What", "Before", "After", "Came to")
        yield table(head, (row for record in changed for row in _effects(record)))


def _standing(each: Standing) -> tuple[object, ...]:
    state = element("strong", words.state(each.state)) if not each.looked else words.state(each.state)
    return (each.title, state, told(each.reason), told(each.who or NOTHING), when(each.at))


def _effects(record: Record) -> Iterable[tuple[object, ...]]:
    undo = " (undo)" if record.run.kind == "undo" else ""
    for effect in record.effects:
        change = effect.change
        yield (
            words.step(record.run.step_id) + undo,
            told(change.what),
            told(change.before),
            told(change.after),
            words.EFFECTS[effect.state],
        )


def _approvals(case: Case) -> Iterable[Html]:
    yield element("h2", "Approvals")
    if not case.approvals:
        yield element("p", "Nothing was asked for.")
        return
    head = ("What", "Asked by", "Rule", "Decision", "Decided by", "Digest of the exact change")
    yield table(head, (_approval(approval) for approval in case.approvals))


def _approval(approval: Approval) -> tuple[object, ...]:
    titles = ", ".join(words.step(step_id) for step_id, plan in approval.plans.items() if plan.changes)
    decided = (
        element("span", told(approval.decided_by.name), ", ", when(approval.decided_at))
        if approval.decided_by
        else NOTHING
    )
    decision = words.DECISIONS[approval.state]
    return (
        f"{words.kind(approval.kind)}: {titles}",
        element("span", told(approval.requester.name), ", ", when(approval.created_at)),
        words.RULES[approval.rule],
        told(f"{decision}. {approval.reason}" if approval.reason else decision),
        decided,
        element("code", approval.digest),
    )


def _evidence(case: Case) -> Iterable[Html]:
    yield element("h2", "Evidence")
    if not case.evidence:
        yield element("p", "No evidence is kept.")
        return
    rows = (
        (
            words.step(piece.step_id),
            told(piece.name),
            when(piece.at),
            element("code", piece.sha256),
            "In the bundle" if not piece.problem else element("strong", piece.problem),
        )
        for piece in case.evidence
    )
    yield table(("Check", "What", "Kept at", "SHA-256", "State"), rows)


def _timeline(case: Case) -> Iterable[Html]:
    yield element("h2", "Timeline")
    yield element(
        "p",
        f"{words.count(len(case.entries), 'line')}. Each carries the hash of the one before; the last is ",
        element("code", case.head or NOTHING),
    )
    rows = (
        (
            entry.seq,
            when(entry.at),
            told(case.name_of(entry.actor_id)),
            told(words.event(entry)),
            element("code", words.short(entry.hash)),
        )
        for entry in case.entries
    )
    yield table(("Line", "When", "Who", "What", "Hash"), rows)
