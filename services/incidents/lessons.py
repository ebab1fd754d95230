"""What an incident teaches, in a few sentences: rules over its verdict, never more than what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.incidents.entry import Way
from services.incidents.model import Incident
from services.incidents.verdict import Verdict
from services.incidents.verdict_case import BLOCK, SENT_MAIL, Topic
from services.playbook.ledger import Found, Run, RunKind
from services.playbook.step import Severity, State

_BY_WAY: Mapping[Way, str] = {
    Way.APPROVAL_WORN_DOWN: "Somebody approved a sign-in that was not theirs. Show a number to be matched, and teach "
    "people to refuse and to report what they did not start.",
    Way.CONSENT: "An app got in by consent. Let only administrators agree to apps.",
    Way.FALSE_SIGN_IN_PAGE: "A false sign-in page took the session. Passkeys and security keys do not work on such "
    "pages.",
    Way.GUESSED: "The password was guessed. A second factor for everybody stops that.",
    Way.OLD_PROTOCOL: "An old protocol let them in without a second factor. Switch IMAP, POP and SMTP sign-in off for "
    "everybody.",
    Way.RIGHT_PASSWORD: "The right password was enough, or nearly. A second factor that cannot be phished is worth "
    "most here.",
    Way.TOKEN: "A stolen session needs no password. Ask for managed devices, and for a new sign-in more often.",
    Way.UNKNOWN: "How they got in is not known. Sign-in and audit logs that are kept for longer would tell next time.",
}
_MOST = 4


def lessons_of(incident: Incident, verdict: Verdict, runs: Iterable[Run], findings: Iterable[Found]) -> tuple[str, ...]:
    """At most a handful of sentences, the most useful first."""
    return tuple(_lessons(incident, verdict, runs, findings))[:_MOST]


def _lessons(incident: Incident, verdict: Verdict, runs: Iterable[Run], findings: Iterable[Found]) -> Iterable[str]:
    if verdict.entry is not None:
        yield _BY_WAY[verdict.entry.way]
    locked = _locked_at(runs)
    if locked is not None:
        yield f"The account was locked {_span(incident.opened_at, locked)} after the incident was opened."
    told = [claim for claim in verdict.claims if claim.topic is Topic.SENT]
    sent = [each for each in findings if each.step_id == SENT_MAIL and each.finding.severity is not Severity.NOTE]
    if told and sent:
        yield f"{told[0].text} They need to know."
    if verdict.gaps:
        count = len(verdict.gaps)
        could = "1 check could not be made" if count == 1 else f"{count} checks could not be made"
        yield f"{could}. Most often a licence or a permission is missing: see to it before the next incident."
    if verdict.entry is None and not verdict.gaps:
        yield "Nothing that IRBot can see speaks for an intruder. That does not prove that nobody was there."


def _locked_at(runs: Iterable[Run]) -> datetime | None:
    """When the account was locked for the first time."""
    done = [
        run.finished_at
        for run in runs
        if run.step_id == BLOCK and run.kind is RunKind.APPLY and run.state is State.DONE and run.finished_at
    ]
    return min(done, default=None)


def _span(since: datetime, until: datetime) -> str:
    minutes = max(0, int((until - since).total_seconds() // 60))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
