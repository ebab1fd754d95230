"""Snapshot: the settings as they were before anything changed. Undo and evidence live on it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable
from typing import Any

from services.access import Permission
from services.errors import IRBotError, UpstreamDown
from services.incidents.model import Phase
from services.plain_words import explain as in_words
from services.playbook.mailbox_reading import has_no_mailbox
from services.playbook.step import Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step, general_words

# The plan of the lock waits for this step: a part that another incident's look-ups hold up is named, not waited for.
_PART_SECONDS = 8.0


async def plan(ctx: Context) -> Plan:
    """Reads all parts at once, each with its own patience; a part that cannot be read is named."""
    m365, object_id = ctx.m365, ctx.subject.object_id
    reads: dict[str, Awaitable[Any]] = {
        "directory roles": m365.directory.directory_roles(object_id),
        "sign-in methods": m365.sign_in_methods.list(object_id),
        "app consents": m365.consents.grants_of(object_id),
        "app assignments": m365.consents.assignments_of(object_id),
        "devices": m365.devices.of_account(object_id),
        "inbox rules": m365.mailbox.inbox_rules(object_id),
        "mailbox settings": m365.mailbox.settings(object_id),
        "licences": m365.licences.of_account(object_id),
    }
    answers = await asyncio.gather(*(_part(read) for read in reads.values()))
    kept: dict[str, Any] = {"account": dataclasses.asdict(ctx.account)}
    missing: list[str] = []
    for name, answer in zip(reads, answers, strict=True):
        if has_no_mailbox(answer):
            kept[name] = None
        elif isinstance(answer, IRBotError):
            missing.append(f"{name} ({in_words(answer).what})")
        else:
            kept[name] = answer
    total = len(reads) + 1
    if missing:
        reason = f"Kept {len(kept)} of {total} parts. Not read: {'; '.join(missing)}"
        return Plan(settled=Outcome(State.NOT_EVALUATED, reason), evidence=kept)
    return Plan(settled=Outcome(State.DONE, f"Kept all {total} parts."), evidence=kept)


async def _part(read: Awaitable[Any]) -> Any:
    try:
        async with asyncio.timeout(_PART_SECONDS):
            answer = await read
    except TimeoutError:
        return UpstreamDown(service="Microsoft 365")
    except IRBotError as error:
        return error
    if isinstance(answer, tuple | list):
        return [_plain(item) for item in answer]
    return _plain(answer)


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


STEP = Step(
    id="snapshot",
    seed=(),
    phase=Phase.PREPARE,
    title="Take a snapshot",
    why="So that we can prove and put back what was there.",
    reads=("user", "roles", "authentication methods", "consents", "devices", "messageRules", "mailboxSettings"),
    changes=(),
    needs=(
        "User.Read.All",
        "RoleManagement.Read.Directory",
        "UserAuthenticationMethod.Read.All",
        "Directory.Read.All",
        "Device.Read.All",
        "MailboxSettings.Read",
        "LicenseAssignment.Read.All",
    ),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=general_words,
)
