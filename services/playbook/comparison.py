"""Right before the effect: what of an approved plan is left to do, what shows already, and what nobody could see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.errors import Conflict, IRBotError
from services.playbook.ledger import RunKind
from services.playbook.planner import outcome_of
from services.playbook.step import Change, Context, Outcome, Plan, State, Step, Undo
from services.together import together

log = logging.getLogger(__name__)

_FIRST_LOOK_SECONDS = 0.25
_LONGEST_LOOK_SECONDS = 8.0

_CHANGED = Outcome(State.REFUSED, "The account has changed since this was approved. Ask again.")


@dataclass(frozen=True)
class Work:
    """What a run does with one change: the step's own functions, or those of its undo."""

    apply: Callable[[Context, Change], Awaitable[None]]
    verify: Callable[[Context, Change], Awaitable[bool]]
    ends_as: State


@dataclass(frozen=True)
class Compared:
    """What is left of a plan right before the effect: nothing and why, or changes, and why the others may not be made.

    `unread` are sentences about what could not be looked at this time.
    """

    settled: Outcome | None = None
    changes: tuple[Change, ...] = ()
    barred: Mapping[str, Outcome] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def work_of(step: Step, kind: RunKind) -> Work:
    """Raises Conflict where there is nothing of that kind to do."""
    if kind is RunKind.UNDO:
        if not isinstance(step.undo, Undo):
            raise Conflict(reason="nothing-to-undo", step=step.id)
        return Work(step.undo.apply, step.undo.verify, State.UNDONE)
    if step.apply is None or step.verify is None:
        raise Conflict(reason="nothing-to-apply", step=step.id)
    return Work(step.apply, step.verify, State.DONE)


async def compare(step: Step, work: Work, planned: Plan, ctx: Context, patience_seconds: float) -> Compared:
    """The world right before the effect against the plan that was approved.

    Nothing left to do needs no approval; the same changes have one; anything else has none. What the new plan does
    not have any more counts as done only where it shows: the plan may have missed what it could not read. For that it
    waits `patience_seconds`, as a directory shows late what was done a moment ago.
    """
    try:
        if work.ends_as is State.UNDONE:
            shown = await together(*(work.verify(ctx, change) for change in planned.changes))
            if all(shown):
                return Compared(Outcome(State.UNDONE, "It was put back before."))
            return Compared(changes=planned.changes)
        now = await step.plan(ctx)
    except IRBotError as error:
        return Compared(outcome_of(step, ctx, error, reading=True))
    found = {change.item: change for change in now.changes}
    moved = [
        change
        for change in planned.changes
        if change.item in found and not Plan((change,)).same_changes(Plan((found[change.item],)))
    ]
    if moved or (planned.settled is not None and now.changes):
        return Compared(_CHANGED)
    if now.settled is not None and now.settled.state is not State.ALREADY_SO:
        return Compared(now.settled)
    missed = [change for change in planned.changes if change.item not in found]
    whys = await together(*(_why_not_so(step, ctx, work, change, now.unread, patience_seconds) for change in missed))
    barred = {change.item: why for change, why in zip(missed, whys, strict=True) if why is not None}
    left = tuple(found[change.item] for change in planned.changes if change.item in found)
    if not left and not barred:
        return Compared(now.settled or Outcome(State.ALREADY_SO, "It was done before."))
    if not left and len(barred) == len(planned.changes):
        return Compared(refused_words(planned.changes, barred))
    return Compared(changes=left, barred=barred, unread=now.unread)


async def _why_not_so(
    step: Step, ctx: Context, work: Work, change: Change, unread: tuple[str, ...], patience_seconds: float
) -> Outcome | None:
    """None where an approved change shows already; else why nobody may say so."""
    try:
        if await work.verify(ctx, change):
            return None
    except IRBotError as error:
        outcome = outcome_of(step, ctx, error, reading=True)
        return None if outcome.state is State.ALREADY_SO else outcome
    if await shows(ctx, work, change, 0.0 if change.later else patience_seconds):
        return None
    return Outcome(State.NOT_EVALUATED, " ".join(unread)) if unread else _CHANGED


async def shows(ctx: Context, work: Work, change: Change, patience_seconds: float) -> bool:
    """Reads until the change shows or patience ends; a read that fails is only a read that has not shown it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_seconds
    pause = _FIRST_LOOK_SECONDS
    while True:
        try:
            if await work.verify(ctx, change):
                return True
        except IRBotError as error:
            log.info("could not read back %s: %s", change.item, error.code)
        if loop.time() + pause > end:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_LOOK_SECONDS)


def refused_words(changes: Sequence[Change], refused: Mapping[str, Outcome], missing: Sequence[str] = ()) -> Outcome:
    """The end of a step of which a part, or all, was refused: the state of the first, and every reason once."""
    outcomes = [refused[change.item] for change in changes if change.item in refused]
    if len(changes) == 1:
        return outcomes[0]
    reasons: dict[str, list[str]] = {}
    for change in changes:
        if change.item in refused:
            reasons.setdefault(refused[change.item].reason, []).append(change.what)
    words = " ".join(f"Not done: {'; '.join(whats)}. {reason}" for reason, whats in reasons.items())
    done = len(changes) - len(refused) - len(missing)
    if done:
        words += f" Done and checked: {done} of {len(changes)}."
    if missing:
        words += f" Sent, and does not show yet: {'; '.join(missing)}."
    return Outcome(outcomes[0].state, words)
