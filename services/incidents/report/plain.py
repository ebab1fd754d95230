"""The plain report: one page for the person whose account it was, and for their manager. No jargon, no blame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.incidents.report import words
from services.incidents.report.case import NOT_RUN, Case, Standing
from services.incidents.report.page import Html, box, bullets, element, page, told, when
from services.incidents.verdict import Verdict
from services.incidents.verdict_case import Topic
from services.playbook import ENTRY_BY_ID
from services.playbook.step import State

_MOST = 6
_FEW = 3
_LONGEST = 160
_GOOD = frozenset({State.DONE.value, State.ALREADY_SO.value})
_WAITING = frozenset({State.RUNNING.value, State.ACCEPTED.value})

# What the lock did, in words that need no explaining.
_DID = {
    "block-sign-in": "We blocked sign-in to the account.",
    "revoke-sessions": "We threw out whoever was signed in.",
    "scramble-password": "We replaced the password by one that nobody knows.",
}

_ADVICE = (
    "Do not use your old password anywhere. If you used it for something else too, change it there.",
    "Refuse every sign-in request on your phone that you did not start yourself.",
    "Tell us about any message or payment in your name that you do not know.",
    "Take your new password from your helpdesk only, in person or by a call that you make yourself.",
)


def plain_report(case: Case) -> bytes:
    """One page of plain English as one HTML document."""
    subject, verdict = case.incident.subject, case.verdict()
    return page(
        f"{case.incident.label}: what happened",
        (
            element("h1", "What happened to the account of ", told(_shortened(subject.name))),
            element("p", f"{case.incident.label}, as of {when(case.read_at)}", class_="small"),
            element("p", "It is about the account ", told(_shortened(subject.upn)), "."),
            element("p", element("strong", told(_shortened(verdict.summary.text)))),
            _lock(case),
            *_known(verdict),
            *_done(case),
            *_open(case, verdict),
            *_list("What you can do", _ADVICE),
            element("p", "This can happen to anybody. Thank you for your help.", class_="small"),
        ),
    )


def _lock(case: Case) -> Html:
    standing, tone = words.lock(case)
    return box(tone, element("strong", standing))


def _known(verdict: Verdict) -> Iterable[Html]:
    """A line for each question. Other people's accounts are not for this person's paper."""
    yield element("h2", "What we know")
    lines = []
    for topic, title in words.TOPICS.items():
        said = [_shortened(words.sentence(claim)).removesuffix(".") for claim in verdict.claims if claim.topic is topic]
        if said and topic is not Topic.FOUND:
            more = [f"and {len(said) - _FEW} more"] if len(said) > _FEW else []
            lines.append(element("span", element("strong", f"{title}: "), told("; ".join([*said[:_FEW], *more]))))
    yield bullets(lines or ["We know no more so far."])


def _done(case: Case) -> Iterable[Html]:
    lines = [_DID.get(each.step_id, each.title) for each in _changing(case) if each.state == State.DONE]
    yield from _list("What we did", lines or ["Nothing is changed yet."])


def _open(case: Case, verdict: Verdict) -> Iterable[Html]:
    lines = [f"We could not check: {title}" for title, _ in case.not_checked()]
    for each in _changing(case):
        if each.state in _WAITING:
            lines.append(f"{each.title}: begun, and not finished")
        elif each.state not in _GOOD and each.state not in {NOT_RUN, State.SKIPPED.value}:
            lines.append(f"{each.title}: {words.state(each.state).lower()}")
    if not case.incident.investigation.get("done"):
        lines.append("We are still looking.")
    if verdict.still_open:
        lines.append(f"{words.count(len(verdict.still_open), 'thing')} to do, listed in the technical report")
    yield from _list("What is still open", lines or ["Nothing that we know of."])


def _changing(case: Case) -> Iterable[Standing]:
    for each in case.standings():
        entry = ENTRY_BY_ID.get(each.step_id)
        if entry is not None and not each.reads_only:
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
