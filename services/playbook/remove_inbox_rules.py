"""Remove inbox rules: the suspicious ones, hidden ones included. Each is turned off first and then removed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from services.access import Permission
from services.errors import Gone, IRBotError, MissingRole
from services.incidents.model import Phase
from services.microsoft365.exchange import inbox_rules
from services.microsoft365.exchange.inbox_rules import InboxRule, RuleRecipient
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of, rules_of
from services.playbook.rule_score import score
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, Severity, State, Step, Undo

log = logging.getLogger(__name__)


async def plan(ctx: Context) -> Plan:
    """One change for each rule that scores a warning or more."""
    read = await rules_of(ctx)
    changes = []
    for rule in read.to_judge:
        judged = score(rule, read)
        if judged.severity is Severity.NOTE:
            continue
        name = rule.name.strip() or "(no name)"
        changes.append(
            Change(
                item=rule.rule_id,
                what=f"Inbox rule “{name}” ({'; '.join(judged.reasons[:2]).lower()})",
                before="On" if rule.enabled else "Off",
                after="Removed",
                data=asdict(rule),
            )
        )
    unread = () if read.rules.complete else ("Not all rules could be read. Look again.",)
    if changes:
        return Plan(changes=tuple(changes), unread=unread)
    if unread:
        return Plan(settled=Outcome(State.NOT_EVALUATED, *unread))
    return Plan(settled=Outcome(State.ALREADY_SO, "No suspicious rule was found."))


async def apply(ctx: Context, change: Change) -> None:
    """Turns the rule off and removes it; one that is gone is done."""
    mailbox = await mailbox_of(ctx)
    try:
        await inbox_rules.disable_rule(ctx.m365.exchange, mailbox, change.item)
    except MissingRole:
        raise
    except IRBotError as error:
        # A delegation rule cannot be turned off as a rule; removing it is what counts.
        log.info("a rule could not be turned off before it is removed: %s", error.code)
    with suppress(Gone):
        await inbox_rules.remove_rule(ctx.m365.exchange, mailbox, change.item)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the rule is in neither listing."""
    rules = await inbox_rules.list_rules(ctx.m365.exchange, await mailbox_of(ctx))
    return rules.complete and all(rule.rule_id != change.item for rule in rules.rules)


async def put_back(ctx: Context, change: Change) -> None:
    """Makes the rule again from its record, unless it stands there already."""
    if not await verify_put_back(ctx, change):
        rule = rule_from_json(change.data)
        await inbox_rules.restore_rule(ctx.m365.exchange, await mailbox_of(ctx), rule)


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether a rule that does the same is there: a rule that is made again has another id."""
    wanted = rule_from_json(change.data)
    rules = await inbox_rules.list_rules(ctx.m365.exchange, await mailbox_of(ctx))
    return any(_does_the_same(rule, wanted) for rule in rules.rules)


def rule_from_json(value: Mapping[str, Any]) -> InboxRule:
    """Reads a rule that `dataclasses.asdict` and JSON wrote."""
    fields = dict(value)
    for name in ("forward_to", "redirect_to"):
        fields[name] = tuple(RuleRecipient(**recipient) for recipient in fields[name])
    fields["words"] = tuple(fields["words"])
    fields["settings"] = tuple(
        (setting, tuple(held) if isinstance(held, list) else held) for setting, held in fields["settings"]
    )
    return InboxRule(**fields)


def _does_the_same(rule: InboxRule, wanted: InboxRule) -> bool:
    name = wanted.name if wanted.name.strip() else "Restored rule"
    return (rule.name, rule.enabled, dict(rule.settings)) == (name, wanted.enabled, dict(wanted.settings))


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox has no rules."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="remove-inbox-rules",
    seed=(4,),
    phase=Phase.EVICT,
    title="Remove inbox rules",
    why="So that nothing hides or steals mail any more.",
    reads=("mailbox inbox rules, hidden ones included",),
    changes=("mailbox inbox rules",),
    needs=(
        "User.Read.All",
        "Exchange: Get-Mailbox",
        "Exchange: Get-InboxRule",
        "Exchange: Get-MailboxFolderStatistics",
        "Exchange: Disable-InboxRule",
        "Exchange: Remove-InboxRule",
        "Exchange: New-InboxRule",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DESTRUCTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: the rule is made again. Rules that only Outlook on one computer runs are lost for good.",
        what="Inbox rule",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
