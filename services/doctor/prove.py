"""Tries IRBot's steps in your own tenant, on an account that nobody needs, and puts back what can be put back.

What was proven against the simulator is an opinion about Microsoft until a real tenant has agreed. Only steps about one
account are tried, one after another, each read back; what reaches beyond the account is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.doctor.sources import Sources
from services.errors import Conflict, IRBotError, NotFound
from services.incidents.model import Phase
from services.incidents.subjects import recognise
from services.microsoft365 import Microsoft365
from services.plain_words import explain
from services.playbook.step import Change, Context, Plan, Risk, Step, Undo
from services.rights import steps_of

_PHASES = (Phase.PREPARE, Phase.SCOPE, Phase.LOCK, Phase.EVICT)
# They change what belongs to everybody, not to the account.
_BEYOND_THE_ACCOUNT = frozenset({"disable-mail-flow"})
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0


class Verdict(StrEnum):
    """How a trial of a step ended."""

    FAILED = "failed"  # Microsoft did otherwise than we say
    LEFT = "left"  # it works, and what it changed stays: it cannot be undone
    NOTHING = "nothing"  # nothing to do or to see, with the reason
    PROVEN = "proven"  # done or put back, and read back


@dataclass(frozen=True)
class Proof:
    """One step that was tried: what came of it, in words."""

    step: str
    verdict: Verdict
    words: str


async def find(m365: Microsoft365, sources: Sources, sought: str, now: datetime) -> Context:
    """The account to try on. Raises NotFound, and Conflict for one that must not be: privileged, protected, unclear.

    Protected is also whom an administrator protects from Teams; where nobody could look that up, everybody is.
    """
    if sources.problem:
        raise Conflict(reason="protection-not-read")
    settings = sources.settings
    found = await m365.directory.find_accounts(sought)
    if len(found) != 1:
        raise NotFound(what="account", sought=sought)
    subject, account = await recognise(m365, settings, found[0].id)
    if subject.protected or subject.unknowns:
        raise Conflict(reason="not-throw-away")
    return Context(
        m365=m365,
        settings=settings,
        subject=subject,
        account=account,
        opened_at=now,
        since=now - timedelta(days=settings.look_back_days),
        now=now,
    )


async def prove(ctx: Context) -> AsyncIterator[Proof]:
    """Tries every step about the account in the playbook's order, then puts back in reverse.

    Some steps ask for what others did, so nothing is put back before the end. A failure stops none of the others.
    """
    made: list[tuple[Step, Undo, tuple[Change, ...]]] = []
    for step in steps_of(ctx.settings.profile):
        if step.phase in _PHASES and step.id not in _BEYOND_THE_ACCOUNT:
            yield await _in_words(step, ctx, _try(step, ctx, made))
    for step, undo, changes in reversed(made):
        yield await _in_words(step, ctx, _put_back(step, ctx, undo, changes))


async def _in_words(step: Step, ctx: Context, trial: Awaitable[Proof]) -> Proof:
    try:
        async with asyncio.timeout(ctx.settings.check_timeout_seconds + 3 * ctx.settings.verify_patience_seconds):
            return await trial
    except IRBotError as error:
        own = step.explain(ctx, error)
        return Proof(step.title, Verdict.FAILED, own.reason if own else explain(error).what)
    except TimeoutError:
        return Proof(step.title, Verdict.FAILED, "No answer in time.")


async def _try(step: Step, ctx: Context, made: list[tuple[Step, Undo, tuple[Change, ...]]]) -> Proof:
    # Some steps look at what others did to the account.
    ctx = replace(ctx, account=await ctx.m365.directory.account(ctx.account.id))
    plan = await step.plan(ctx)
    if step.risk is Risk.READ or step.apply is None or step.verify is None:
        return _read(step, plan)
    if not plan.changes:
        words = plan.settled.reason if plan.settled else "There was nothing to change."
        return Proof(step.title, Verdict.NOTHING, words)
    if isinstance(step.undo, Undo):
        made.append((step, step.undo, plan.changes))
    for change in plan.changes:
        await step.apply(ctx, change)
        if not change.later and not await _shows(step.verify, ctx, change):
            return Proof(step.title, Verdict.FAILED, f"{change.what}: changed, and the change does not show.")
    done = f"{len(plan.changes)} changed and read back"
    if isinstance(step.undo, Undo):
        return Proof(step.title, Verdict.PROVEN, f"{done}.")
    return Proof(step.title, Verdict.LEFT, f"{done}. {step.undo.reason}")


async def _put_back(step: Step, ctx: Context, undo: Undo, changes: tuple[Change, ...]) -> Proof:
    title = f"{step.title}, undo"
    for change in reversed(changes):
        await undo.apply(ctx, change)
        if not await _shows(undo.verify, ctx, change):
            return Proof(title, Verdict.FAILED, f"{change.what}: put back, and that does not show.")
    return Proof(title, Verdict.PROVEN, f"{len(changes)} put back and read back.")


def _read(step: Step, plan: Plan) -> Proof:
    if plan.settled is not None:
        return Proof(step.title, Verdict.NOTHING, plan.settled.reason)
    return Proof(step.title, Verdict.PROVEN, f"Read; {len(plan.findings)} findings.")


async def _shows(verify: Callable[[Context, Change], Awaitable[bool]], ctx: Context, change: Change) -> bool:
    """Whether the change shows before patience ends."""
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + ctx.settings.verify_patience_seconds, _FIRST_PAUSE_SECONDS
    while True:
        if await verify(ctx, change):
            return True
        if loop.time() + pause > end:
            return False
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
