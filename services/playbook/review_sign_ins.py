"""Review sign-ins: from where the account was used, what speaks against each place, and who else came from there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from services.access import Permission
from services.errors import IRBotError, MissingLicence
from services.incidents.model import Phase
from services.microsoft365.exchange import unified_audit
from services.microsoft365.exchange.unified_audit import AuditRecord
from services.microsoft365.sign_ins import SignIn
from services.plain_words import explain as in_words
from services.playbook.gaps import state_with, words_of
from services.playbook.sign_in_history import History, Source, address_key, history_of
from services.playbook.sign_in_score import Judged, Judgement, judgement_of
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together

_ADDRESSES_ASKED = 3  # each costs a call of a budget of five in ten seconds
_MOST_OF_ADDRESS = 1000
_MOST_NOTES = 5
_MOST_IDS = 50
_MANY_TRIED = 3
_LOGGED_IN, _LOGIN_FAILED = "UserLoggedIn", "UserLoginFailed"


async def plan(ctx: Context) -> Plan:
    """Judges every address; without a sign-in log the audit log's log-ins are better than nothing."""
    try:
        history = await history_of(ctx)
    except MissingLicence as error:
        return await _without_log(ctx, error)
    judgement = await judgement_of(ctx)
    others = await _others(ctx, judgement)
    findings = [*_places(judgement), *_password(ctx, judgement), *others.findings]
    return Plan(
        settled=_outcome(history, judgement, others),
        evidence={"sign-ins": _evidence(history), "sign-ins of others": others.evidence},
        findings=tuple(findings),
    )


def _outcome(history: History, judgement: Judgement, others: _Others) -> Outcome:
    suspects = judgement.suspects
    found = f"{len(history.sources)} addresses, {len(suspects)} of them suspicious."
    beside = " ".join(each for each in (words_of(history.unread), *others.unread) if each)
    if not history.complete:
        return Outcome(State.NOT_EVALUATED, f"The log has more than was read. {found} {beside}".strip())
    state = State.NOT_EVALUATED if others.failed else state_with(history.unread)
    return Outcome(state, f"{found} {beside}".strip())


def _places(judgement: Judgement) -> list[Finding]:
    """A finding for each suspicious address, and a note for each place besides the one where the person mostly is."""
    at_home = max(judgement.judged, key=lambda each: (each.usual, each.source.days()), default=None)
    notes = [
        each
        for each in judgement.judged
        if each.severity is Severity.NOTE and each.got_in and at_home and each.source.place != at_home.source.place
    ]
    return [_finding(each) for each in (*judgement.suspects, *notes[:_MOST_NOTES])]


def _finding(judged: Judged) -> Finding:
    source = judged.source
    where = f"{source.place or 'an unknown place'} ({source.addresses[-1]})"
    if judged.app:
        title = f"The app “{judged.app}” used this account from {where}"
    elif source.by_hand:
        title = f"Signed in from {where}"
    elif source.successes:
        title = f"Sign-in tokens were used from {where}"
    else:
        title = f"Tried to sign in from {where}"
    shown = source.successes or source.entries
    return Finding(
        key=f"address:{source.key}",
        severity=judged.severity,
        title=title,
        reasons=(*judged.reasons, _counts(source)),
        at=shown[0].at,
        data={
            "addresses": list(source.addresses),
            "place": source.place,
            "got_in": judged.got_in,
            "by_hand": bool(source.by_hand),
            "signs": [sign.value for sign in judged.signs],
            "risks": list(judged.risks),
            "last": source.last.isoformat() if source.last else None,
            "apps": sorted({entry.app for entry in shown}),
            "app_ids": sorted({entry.app_id for entry in shown}),
            "clients": sorted({entry.client for entry in shown}),
            "devices": sorted({entry.device for entry in shown if entry.device}),
            "sign_in_ids": [entry.id for entry in source.successes[:_MOST_IDS]],
        },
    )


def _counts(source: Source) -> str:
    by_hand, all_ = len(source.by_hand), len(source.successes)
    return f"{by_hand} by hand, {all_ - by_hand} with tokens, {len(source.entries) - all_} failed"


def _password(ctx: Context, judgement: Judgement) -> list[Finding]:
    """Whoever signed in by hand from a suspicious place had the password, or had it typed by its owner."""
    used = [each for each in judgement.suspects if each.source.by_hand]
    if not used:
        return []
    worst = used[0]
    places = ", ".join(dict.fromkeys(each.source.place or each.source.key for each in used[:3]))
    return [
        Finding(
            key="password",
            severity=worst.severity,
            title=f"Somebody else knows the password of {ctx.subject.upn}",
            reasons=(f"It was used by hand from {places}", "Set a new one before anybody signs in again"),
            at=min((each.source.by_hand[0].at for each in used if each.source.by_hand[0].at), default=None),
            data={"upn": ctx.subject.upn, "addresses": [ip for each in used for ip in each.source.addresses]},
        )
    ]


# -- who else -----------------------------------------------------------------------------------------------------


@dataclass
class _Others:
    """Colleagues who were met at the suspicious addresses."""

    findings: list[Finding] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    failed: bool = False


async def _others(ctx: Context, judgement: Judgement) -> _Others:
    found = _Others()
    suspects = judgement.suspects
    asked = suspects[:_ADDRESSES_ASKED]
    if len(suspects) > len(asked):
        found.unread.append(f"Other users were looked for at {len(asked)} of {len(suspects)} addresses.")
    try:
        listed = await together(
            *(ctx.m365.sign_ins.from_address(each.source.addresses[-1], ctx.since, _MOST_OF_ADDRESS) for each in asked)
        )
    except IRBotError as error:
        found.failed = True
        found.unread.append(f"Other users of the same addresses could not be read. {in_words(error).what}")
        return found
    if not all(each.complete for each in listed):
        found.failed = True
        found.unread.append("There are more sign-ins from the same addresses than were read.")
    by_account: defaultdict[str, list[SignIn]] = defaultdict(list)
    for listing in listed:
        for entry in listing:
            if entry.account_id.lower() != ctx.subject.object_id.lower():
                by_account[entry.account_id].append(entry)
                found.evidence.append(_row(entry))
    tried: list[list[SignIn]] = []
    for account_id, entries in sorted(by_account.items()):
        let_in = [entry for entry in entries if entry.succeeded and not _own_device(entry)]
        if let_in:
            found.findings.append(_colleague(account_id, let_in, entries))
        elif not any(entry.succeeded for entry in entries):
            tried.append(entries)
    if tried:
        found.findings.append(_tried(tried))
    return found


def _own_device(entry: SignIn) -> bool:
    return bool(entry.device_id) and (entry.device_managed is True or entry.device_compliant is True)


def _colleague(account_id: str, let_in: Sequence[SignIn], entries: Sequence[SignIn]) -> Finding:
    last = max(let_in, key=lambda entry: entry.at.timestamp() if entry.at else 0.0)
    failed = sum(not entry.succeeded for entry in entries)
    return Finding(
        key=f"other:{account_id}",
        severity=Severity.WARNING,
        title=f"{last.upn} was signed in from the same address, too",
        reasons=(
            f"From {last.ip}: {len(let_in)} worked, {failed} failed",
            "Not with a device that your organisation manages",
            "Think of an incident for this account",
        ),
        at=last.at,
        data={"account_id": account_id, "upn": last.upn, "addresses": sorted({entry.ip for entry in entries})},
    )


def _tried(tried: Sequence[Sequence[SignIn]]) -> Finding:
    upns = sorted(entries[0].upn for entries in tried)
    addresses = sorted({entry.ip for entries in tried for entry in entries})
    return Finding(
        key="others-tried",
        severity=Severity.WARNING if len(tried) >= _MANY_TRIED else Severity.NOTE,
        title=f"{len(tried)} other accounts were tried from the same address",
        reasons=("None of them let anybody in", f"From {', '.join(addresses)}"),
        at=min((entry.at for entries in tried for entry in entries if entry.at), default=None),
        data={"upns": upns, "addresses": addresses},
    )


# -- without Entra ID P1 -------------------------------------------------------------------------------------------


async def _without_log(ctx: Context, missing: MissingLicence) -> Plan:
    """What the unified audit log knows of log-ins: neither places nor devices, and only what has arrived."""
    try:
        trail = await unified_audit.search(
            ctx.m365.exchange, ctx.since, ctx.now, users=[ctx.subject.upn], operations=[_LOGGED_IN, _LOGIN_FAILED]
        )
    except IRBotError:
        raise missing from None
    by_address: defaultdict[str, list[AuditRecord]] = defaultdict(list)
    for record in trail.records:
        if record.ip:
            by_address[address_key(record.ip)].append(record)
    let_in = {key: found for key, found in by_address.items() if any(r.operation == _LOGGED_IN for r in found)}
    days = {key: len({r.at.date() for r in found if r.at}) for key, found in let_in.items()}
    usual = max(days, key=lambda key: (days[key], key)) if len(days) > 1 else ""
    findings = tuple(_log_in(key, found, usual=key == usual) for key, found in sorted(let_in.items()))
    licence = str(missing.data.get("licence") or "Microsoft Entra ID P1")
    more = "" if trail.complete else " Not all of them could be read."
    reason = (
        f"The sign-in log needs {licence}. Only {len(trail.records)} log-ins of the audit log were looked at.{more}"
    )
    evidence = {"log-ins of the audit log": [dict(record.data) for record in trail.records]}
    return Plan(settled=Outcome(State.NOT_EVALUATED, reason), evidence=evidence, findings=findings)


def _log_in(key: str, records: Sequence[AuditRecord], *, usual: bool) -> Finding:
    moments = [record.at for record in records if record.at is not None]
    failed = sum(record.operation == _LOGIN_FAILED for record in records)
    unknown = "The audit log knows neither the place nor the device"
    return Finding(
        key=f"address:{key}",
        severity=Severity.NOTE if usual else Severity.WARNING,
        title=f"Signed in from {records[0].ip}",
        reasons=("The address that was used on most days" if usual else unknown, f"{failed} tries failed"),
        at=min(moments, default=None),
        data={"addresses": sorted({record.ip for record in records}), "got_in": True},
    )


# -- evidence ------------------------------------------------------------------------------------------------------


def _evidence(history: History) -> Mapping[str, Any]:
    return {
        "entries": [_row(entry) for source in history.sources for entry in source.entries],
        "trusted networks": [str(network) for network in history.trusted],
        "risk detections": [asdict(each) | {"at": _stamp(each.at)} for each in history.detections],
        "complete": history.complete,
    }


def _row(entry: SignIn) -> dict[str, Any]:
    return asdict(entry) | {"at": _stamp(entry.at)}


def _stamp(at: Any) -> str | None:
    return at.isoformat() if at is not None else None


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words do."""
    return None


STEP = Step(
    id="review-sign-ins",
    seed=(3,),
    phase=Phase.SCOPE,
    title="Review sign-ins",
    why="Shows from where and since when the intruder is in.",
    reads=(
        "sign-in log, by hand and with tokens, of 30 days",
        "sign-ins of others from the same addresses",
        "trusted locations",
        "risk detections",
    ),
    changes=(),
    needs=(
        "AuditLog.Read.All",
        "IdentityRiskEvent.Read.All",
        "Policy.Read.All",
        "Exchange: Search-UnifiedAuditLog",
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
