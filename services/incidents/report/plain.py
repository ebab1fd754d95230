"""The plain report: one page for the person whose account it was, and for their manager. No jargon, no blame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.incidents.report import words
from services.incidents.report.case import Case, Standing
from services.incidents.report.page import Html, box, bullets, element, page, told, when
from services.playbook import BY_ID
from services.playbook.step import Risk, Severity, State

_MOST = 6
_LONGEST = 160
_GOOD = frozenset({State.DONE.value, State.ALREADY_SO.value})
_WAITING = frozenset({State.RUNNING.value, State.ACCEPTED.value})

_ADVICE = (
    "Do not use your old password anywhere. If you used it for something else too, change it there.",
    "Refuse every sign-in request on your phone that you did not start yourself.",
    "Tell us about any message or payment in your name that you do not know.",
    "Take your new password from your helpdesk only, in person or by a call that you make yourself.",
)


def plain_report(case: Case) -> bytes:
    """One page of plain English as one HTML document."""
    subject = case.incident.subject
    return page(
        f"{case.incident.label}: what happened",
        (
            element("h1", "What happened to the account of ", told(_shortened(subject.name))),
            element("p", f"{case.incident.label}, as of {when(case.read_at)}", class_="small"),
            element("p", "Somebody else may have used the account ", told(_shortened(subject.upn)), "."),
            _lock(case),
            *_found(case),
            *_done(case),
            *_open(case),
            *_list("What you can do", _ADVICE),
            element("p", "This can happen to anybody. Thank you for your help.", class_="small"),
        ),
    )


def _lock(case: Case) -> Html:
    standing, tone = words.lock(case)
    return box(tone, element("strong", standing))


def _found(case: Case) -> Iterable[Html]:
    alarms = [found for found in case.findings if found.finding.severity is Severity.ALARM]
    lesser = sum(found.finding.severity is Severity.WARNING for found in case.findings)
    lines = [
        f"{found.finding.title} (not there any more)" if found.resolved_at else found.finding.title for found in alarms
    ]
    if not lines:
        lines = ["We found no clear sign of a stranger so far."]
    yield from _list("What we found", lines)
    if lesser:
        yield element("p", f"{words.count(lesser, 'smaller sign')} may be worth a look.")


def _done(case: Case) -> Iterable[Html]:
    lines = [each.title for each in _changing(case) if each.state in _GOOD]
    yield from _list("What we did", lines or ["Nothing is changed yet."])


def _open(case: Case) -> Iterable[Html]:
    lines = [f"We could not check: {title}" for title, _ in case.not_checked()]
    for each in _changing(case):
        if each.state in _WAITING:
            lines.append(f"{each.title}: begun, and not finished")
        elif each.state not in _GOOD and each.state != "not-run":
            lines.append(f"{each.title}: {words.state(each.state).lower()}")
    if not case.incident.investigation.get("done"):
        lines.append("We are still looking.")
    yield from _list("What is still open", lines or ["Nothing that we know of."])


def _changing(case: Case) -> Iterable[Standing]:
    for each in case.standings():
        step = BY_ID.get(each.step_id)
        if step is not None and step.risk is not Risk.READ:
            yield each


def _list(title: str, lines: Sequence[str]) -> Iterable[Html]:
    """At most a handful: this is one page, and the technical report has all."""
    shown = [told(_shortened(line)) for line in lines[:_MOST]]
    rest = len(lines) - len(shown)
    more = [element("em", f"and {rest} more, in the technical report")] if rest else []
    yield element("h2", title)
    yield bullets([*shown, *more])


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
