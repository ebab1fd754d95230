"""Purge phish: the intruder's mail is pulled back out of colleagues' mailboxes, or listed for a person to do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.messages import Remedy
from services.plain_words import explain as words_for
from services.playbook.delivered_mail import Delivered, Holder, delivered, lying_in
from services.playbook.gaps import words_of
from services.playbook.step import (
    Change,
    Context,
    Finding,
    Outcome,
    Plan,
    Risk,
    Rule,
    Severity,
    State,
    Step,
    Todo,
    Undo,
)
from services.settings import Cloud

_LICENCE = "Microsoft Defender for Office 365 P2"
_LICENCE_PLAN = "THREAT_INTELLIGENCE"
_IN_MAILBOX, _PULLED_BACK = "In the mailbox", "Pulled back"
_SAMPLES = 5
_SUBJECT_LENGTH = 60


async def plan(ctx: Context) -> Plan:
    """Finds who holds the intruder's mail. Where Defender may not be asked, a person gets the list."""
    if ctx.account.is_guest:
        return Plan(settled=Outcome(State.NOT_EVALUATED, "A guest's mail is kept by their own organisation."))
    why_not = await _why_not(ctx)
    try:
        found = await delivered(ctx)
    except IRBotError as error:
        if why_not is None:
            raise
        return Plan(settled=Outcome(State.NOT_EVALUATED, f"{why_not} {words_for(error).what}"))
    unread = (*found.unread, *([words_of(found.gaps)] if found.gaps else []))
    if not found.holders:
        return Plan(settled=_nothing(found, [*unread, *([why_not] if why_not else [])]))
    evidence = {"delivered mail": [asdict(each) for each in found.holders]}
    findings = tuple(_findings(found.holders))
    why_not = await _why_not(ctx)
    if why_not is not None:
        reason = " ".join([why_not, f"It still lies in {_mailboxes(found.holders)}: see the task.", *unread])
        settled = Outcome(State.NOT_EVALUATED, reason)
        return Plan(settled=settled, evidence=evidence, findings=findings, todo=(_by_hand(found.holders),))
    changes = tuple(_change(each) for each in found.holders)
    return Plan(changes=changes, evidence=evidence, findings=findings, unread=unread)


def _nothing(found: Delivered, unread: Sequence[str]) -> Outcome:
    if found.unread or any(gap.owned for gap in found.gaps):
        return Outcome(State.NOT_EVALUATED, " ".join(["None of the intruder's mail was found.", *unread]))
    if not found.got:
        return Outcome(State.ALREADY_SO, "No suspicious mail was delivered to colleagues.")
    return Outcome(State.ALREADY_SO, f"None of the {found.got} colleagues who got it has it in their mailbox any more.")


async def _why_not(ctx: Context) -> str | None:
    """Why Defender cannot be asked; None where it can."""
    if ctx.settings.cloud is not Cloud.GLOBAL:
        return "Microsoft does not offer this in your cloud."
    try:
        licensed = await ctx.m365.licences.has_plan(_LICENCE_PLAN)
    except IRBotError as error:
        return f"Whether {_LICENCE} is licensed could not be told. {words_for(error).what}"
    return None if licensed else f"This organisation has no licence for {_LICENCE}."


def _change(holder: Holder) -> Change:
    return Change(
        item=f"mailbox:{holder.address}"[:255],
        what=f"{holder.address}: {_subjects(holder)}",
        before=_IN_MAILBOX,
        after=_PULLED_BACK,
        data={
            "address": holder.address,
            "account": holder.account_id,
            "mails": [[each.network_id, each.message_id] for each in holder.copies],
        },
    )


def _subjects(holder: Holder) -> str:
    first, more = _short(holder.subjects[0]), len(holder.subjects) - 1
    return f"{first} and {more} more" if more else first


def _findings(holders: Sequence[Holder]) -> Iterable[Finding]:
    """One for each subject: how many mailboxes hold it, with some of them."""
    counts = Counter(subject for each in holders for subject in {copy.subject for copy in each.copies})
    for subject, count in counts.most_common(_SAMPLES):
        having = [each for each in holders if any(copy.subject == subject for copy in each.copies)]
        yield Finding(
            key=f"subject:{subject.casefold()}",
            severity=Severity.WARNING,
            title=f"{_short(subject)} lies in {_mailboxes(having)}",
            reasons=(f"For example: {_samples(having)}",),
            data={"subject": subject, "mailboxes": count},
        )


def _by_hand(holders: Sequence[Holder]) -> Todo:
    """Everything that an administrator needs to search and purge; the whole list is kept as evidence."""
    ids = list(dict.fromkeys(copy.message_id for each in holders for copy in each.copies))
    subjects = list(dict.fromkeys(copy.subject for each in holders for copy in each.copies))
    more = f" and {len(ids) - _SAMPLES} more" if len(ids) > _SAMPLES else ""
    return Todo(
        key="by-hand",
        title="Remove the intruder's mail from colleagues' mailboxes",
        instructions=(
            f"It lies in {_mailboxes(holders)}, for example: {_samples(holders)}.",
            f"Subjects: {', '.join(_short(each) for each in subjects[:_SAMPLES])}.",
            f"Message ids: {', '.join(ids[:_SAMPLES])}{more}.",
            "In Microsoft Purview, search all mailboxes for them, check what is found, and purge it (soft delete).",
            "The incident's report holds the whole list.",
        ),
    )


def _samples(holders: Sequence[Holder]) -> str:
    return ", ".join(_masked(each.address) for each in holders[:_SAMPLES])


def _masked(address: str) -> str:
    name, _, domain = address.partition("@")
    return f"{name[:2]}…@{domain}"


def _mailboxes(holders: Sequence[Holder]) -> str:
    return "1 mailbox" if len(holders) == 1 else f"{len(holders)} mailboxes"


def _short(subject: str) -> str:
    plain = " ".join("".join(char for char in subject if char.isprintable()).split()) or "(no subject)"
    return f"“{plain if len(plain) <= _SUBJECT_LENGTH else plain[: _SUBJECT_LENGTH - 1] + '…'}”"


async def apply(ctx: Context, change: Change) -> None:
    """Asks Defender to pull back what is still there."""
    lying = await _lying(ctx, change)
    await _remediate(ctx, change, [mail for mail in change.data["mails"] if mail[1] in lying], Remedy.PULL_BACK)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether nothing of it is in the mailbox any more."""
    return not await _lying(ctx, change)


async def put_back(ctx: Context, change: Change) -> None:
    """Asks Defender to put back what is not there."""
    lying = await _lying(ctx, change)
    await _remediate(ctx, change, [mail for mail in change.data["mails"] if mail[1] not in lying], Remedy.PUT_BACK)


async def is_back(ctx: Context, change: Change) -> bool:
    """Whether all of it is in the mailbox again."""
    return len(await _lying(ctx, change)) == len({mail[1] for mail in change.data["mails"]})


async def _lying(ctx: Context, change: Change) -> frozenset[str]:
    return await lying_in(ctx, change.data["account"], [mail[1] for mail in change.data["mails"]])


async def _remediate(ctx: Context, change: Change, mails: Sequence[Sequence[str]], remedy: Remedy) -> None:
    if mails:
        named = [(network_id, change.data["address"]) for network_id, _ in mails]
        await ctx.m365.messages.remediate(f"IRBot {ctx.incident}".strip(), named, remedy)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The general words do."""
    return None


STEP = Step(
    id="purge-phish",
    seed=(),
    phase=Phase.INFORM,
    title="Pull back the intruder's mail",
    why="What is gone from the mailboxes cannot be clicked.",
    reads=("message trace of all addresses", "recipients' mailboxes", "sign-in log", "licences"),
    changes=("the intruder's mail in recipients' mailboxes",),
    needs=(
        "ExchangeMessageTrace.Read.All",
        "User.Read.All",
        "AuditLog.Read.All",
        "IdentityRiskEvent.Read.All",
        "Policy.Read.All",
        "Mail.ReadBasic.All",
        "LicenseAssignment.Read.All",
        "SecurityAnalyzedMessage.ReadWrite.All",
        "Exchange: Get-MessageTraceV2",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.REVERSIBLE,
    approval=Rule.SECOND_PERSON,
    undo=Undo("Can be put back into the inbox.", "The intruder's mail in mailboxes", put_back, is_back),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
