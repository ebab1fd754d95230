"""Trace sent mail: to whom the account wrote, how many at once. Sent Items may be emptied, the trace is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import message_traces
from services.playbook.gaps import Gap, state_with, words_of
from services.playbook.mailbox_reading import own_domains
from services.playbook.sent_mail import Mailing, Sent, mailings
from services.playbook.sign_in_score import judgement_or_gaps
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together

_MOST_LINES = 20_000
_MOST_FINDINGS = 20
_MOST_RECIPIENTS = 3000
_SUBJECT_LENGTH = 60
WITHOUT_LOG = "Where they were sent from could not be judged without the sign-in log."


@dataclass(frozen=True)
class Trace:
    """What was sent from all addresses of the account, and whether that is all."""

    sent: tuple[Sent, ...]
    complete: bool
    by: str


async def plan(ctx: Context) -> Plan:
    """Gathers what was sent by subject, and judges each by where it left from, its speed and its spread."""
    if ctx.account.is_guest:
        return Plan(settled=Outcome(State.NOT_EVALUATED, "A guest's mail is kept by their own organisation."))
    if not _addresses(ctx):
        return Plan(settled=Outcome(State.DONE, "The account has no mail address."))
    trace, domains, (judgement, gaps) = await together(
        trace_of(ctx), own_domains(ctx), judgement_or_gaps(ctx, WITHOUT_LOG)
    )
    found = mailings(trace.sent, domains, judgement)
    telling = [each for each in found if each.reasons]
    findings = tuple(_finding(each) for each in telling[:_MOST_FINDINGS])
    evidence = {"message trace": [asdict(each) | {"at": _stamp(each)} for each in trace.sent], "read by": trace.by}
    return Plan(settled=_outcome(trace, found, gaps), evidence=evidence, findings=findings)


def _outcome(trace: Trace, found: Sequence[Mailing], gaps: Sequence[Gap]) -> Outcome:
    recipients = {address for each in found for address in each.recipients}
    loud = sum(each.severity is not Severity.NOTE for each in found)
    messages = len({each.message_id or each.trace_id for each in trace.sent})
    found_words = f"{messages} messages to {len(recipients)} recipients, {loud} suspicious subjects."
    reason = f"{found_words} {words_of(gaps)}".strip()
    if not trace.complete:
        return Outcome(State.NOT_EVALUATED, f"The trace is incomplete. {reason}")
    return Outcome(state_with(gaps), reason)


def _addresses(ctx: Context) -> tuple[str, ...]:
    """Every address that the account can send from, each once."""
    known = [ctx.account.mail or "", *ctx.account.proxy_addresses]
    smtp = (each.partition(":")[2] if each.lower().startswith("smtp:") else each for each in known)
    return tuple(dict.fromkeys(each.lower() for each in smtp if "@" in each and ":" not in each))


async def trace_of(ctx: Context) -> Trace:
    """By Graph, else by Exchange, which sees the same mail. Raises what Graph says where neither does."""
    addresses = _addresses(ctx)
    try:
        return await _by_graph(ctx, addresses)
    except IRBotError as first:
        try:
            return await _by_exchange(ctx, addresses)
        except IRBotError:
            raise first from None


async def _by_graph(ctx: Context, addresses: Sequence[str]) -> Trace:
    sent: list[Sent] = []
    complete = True
    for address in addresses:
        listed = await ctx.m365.mail_flow.sent_by(address, ctx.since, ctx.now, _MOST_LINES)
        complete = complete and listed.complete
        sent += [
            Sent(each.id, each.message_id, each.at, each.recipient, each.subject, each.status, each.from_ip)
            for each in listed
        ]
    return Trace(tuple(sent), complete, "Graph")


async def _by_exchange(ctx: Context, addresses: Sequence[str]) -> Trace:
    sent: list[Sent] = []
    complete = True
    for address in addresses:
        listed = await message_traces.trace(
            ctx.m365.exchange, ctx.since, ctx.now, sender=address, max_messages=_MOST_LINES
        )
        complete = complete and listed.complete
        sent += [
            Sent(e.trace_id, e.message_id, e.received, e.recipient, e.subject, e.status, e.from_ip)
            for e in listed.messages
        ]
    return Trace(tuple(sent), complete, "Exchange")


def _finding(mailing: Mailing) -> Finding:
    count = len(mailing.recipients)
    who = "1 recipient" if count == 1 else f"{count} recipients"
    first, last = mailing.sent[0], mailing.sent[-1]
    return Finding(
        key=f"subject:{mailing.subject.casefold()}",
        severity=mailing.severity,
        title=f"“{_short(mailing.subject)}” went to {who}",
        reasons=(*mailing.reasons, f"{mailing.inside} inside and {mailing.outside} outside your organisation"),
        at=first.at,
        data={
            "subject": mailing.subject,
            "recipients": list(mailing.recipients[:_MOST_RECIPIENTS]),
            "more_recipients": max(0, count - _MOST_RECIPIENTS),
            "inside": mailing.inside,
            "outside": mailing.outside,
            "until": _stamp(last),
            "addresses": sorted({each.from_ip for each in mailing.sent if each.from_ip}),
            "message_ids": list(dict.fromkeys(each.message_id for each in mailing.sent))[:_MOST_RECIPIENTS],
        },
    )


def _short(subject: str) -> str:
    """The subject as one line of a card bears it; what cannot be seen goes."""
    plain = " ".join("".join(char for char in subject if char.isprintable()).split()) or "(no subject)"
    return plain if len(plain) <= _SUBJECT_LENGTH else f"{plain[: _SUBJECT_LENGTH - 1]}…"


def _stamp(sent: Sent) -> Any:
    return sent.at.isoformat() if sent.at else None


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words do."""
    return None


STEP = Step(
    id="trace-sent-mail",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Trace sent mail",
    why="Shows who received the intruder's mail and must be warned.",
    reads=("message trace of all addresses", "accepted domains", "sign-in log"),
    changes=(),
    needs=(
        "ExchangeMessageTrace.Read.All",
        "User.Read.All",
        "AuditLog.Read.All",
        "IdentityRiskEvent.Read.All",
        "Policy.Read.All",
        "Exchange: Get-MessageTraceV2",
    ),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
