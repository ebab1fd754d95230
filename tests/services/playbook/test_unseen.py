"""What nobody could look at is never done, never "already so" and never clean.

A tenant in which several stories have happened; then one right is taken away, or the answers of one cmdlet come in
part. Nothing is applied, so no change may show, and no plan may lack a change without saying what it did not see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from services.errors import IRBotError
from services.incidents.subjects import recognise
from services.microsoft365 import Tokens
from services.microsoft365.exchange.backend import Call, ExchangeBackend, Parameter, Result
from services.playbook import STEPS
from services.playbook.planner import planned
from services.playbook.step import Context, Plan, State, Step
from services.rights import EXCHANGE, beside_the_steps
from simulator.exchange import exchange_of
from tests.services.playbook.tenancy import unpaced
from tests.services.playbook.test_permission_truth import CMDLETS, PERMISSIONS, Tenant, chosen, locked_for, tenant

# Whom this one is tried with is not locked in truth, so that its change shows from the start.
SHOWS_BEFORE = "unlock-sign-in"
CHANGING = [step for step in STEPS if step.apply is not None and step.id != SHOWS_BEFORE]
READING = sorted({need for step in CHANGING for need in step.needs if need.startswith(f"{EXCHANGE}Get-")})
CLEAN = frozenset({State.ALREADY_SO, State.DONE})
PATIENCE_SECONDS = 60.0


@dataclass
class InPart:
    """Exchange as it is, but the answers of one cmdlet come without their rows, and say that some are missing."""

    inner: ExchangeBackend
    cmdlet: str

    async def invoke(self, cmdlet: str, parameters: Mapping[str, Parameter], **how: Any) -> Result:
        return self._cut(cmdlet, await self.inner.invoke(cmdlet, parameters, **how))

    async def invoke_many(self, calls: Sequence[Call]) -> list[Result | IRBotError]:
        answers = await self.inner.invoke_many(calls)
        return [
            answer if isinstance(answer, IRBotError) else self._cut(call.cmdlet, answer)
            for call, answer in zip(calls, answers, strict=True)
        ]

    async def pages(self, call: Call) -> AsyncIterator[Result]:
        async for page in self.inner.pages(call):
            yield self._cut(call.cmdlet, page)

    async def cmdlets(self) -> frozenset[str]:
        return await self.inner.cmdlets()

    async def close(self) -> None:
        await self.inner.close()

    def _cut(self, cmdlet: str, answer: Result) -> Result:
        return Result((), answer.warnings, complete=False) if cmdlet == self.cmdlet else answer


async def test_without_a_right_nothing_shows_that_was_not_done() -> None:
    wrong: list[tuple[str, str, str]] = []
    async with tenant() as full:
        plans = await _plans(full)
        for right in [*PERMISSIONS, *CMDLETS]:
            async for step, plan, poor in _affected(full, right, plans):
                wrong += [(right, step.id, change) for change in await _shown(step, plan, poor)]
    assert wrong == []


async def test_an_answer_in_part_is_not_taken_for_a_whole_one() -> None:
    wrong: list[tuple[str, str, str]] = []
    async with tenant() as full:
        plans = await _plans(full)
        for reading in READING:
            m365 = copy(full.m365)
            m365.exchange = InPart(full.m365.exchange, reading.removeprefix(EXCHANGE))
            for step, (plan, ctx) in plans.items():
                if reading in step.needs:
                    poor = _afresh(replace(ctx, m365=m365))
                    wrong += [(reading, step.id, change) for change in await _shown(step, plan, poor)]
                    now = await planned(step, poor, PATIENCE_SECONDS)
                    wrong += [] if _is_honest(now, plan) else [(reading, step.id, str(now))]
    assert wrong == []


async def _plans(full: Tenant) -> dict[Step, tuple[Plan, Context]]:
    """What each step that changes something would change, for whom it has the most to do."""
    plans = {}
    for step in CHANGING:
        subject, account = await recognise(full.m365, full.settings, full.object_id(chosen(step)[0]))
        ctx = locked_for(step, full.context(subject, account))
        plans[step] = await step.plan(ctx), ctx
        assert plans[step][0].changes, step.id
    return plans


async def _affected(
    full: Tenant, right: str, plans: Mapping[Step, tuple[Plan, Context]]
) -> AsyncIterator[tuple[Step, Plan, Context]]:
    """The steps that declare the right, as they are without it."""
    granted = (frozenset(PERMISSIONS) | frozenset(beside_the_steps())) - {right}
    full.sim.world.bot.permissions = set(granted)
    exchange_of(full.sim.world).knobs.without_cmdlets = frozenset({right.removeprefix(EXCHANGE)})
    tokens = Tokens(full.settings)
    m365 = unpaced(full.settings, tokens)
    try:
        for step, (plan, ctx) in plans.items():
            if right in step.needs:
                yield step, plan, _afresh(replace(ctx, m365=m365))
    finally:
        await m365.close()
        await tokens.close()


async def _shown(step: Step, plan: Plan, ctx: Context) -> list[str]:
    """The changes that seem to be made, though nobody made them."""
    assert step.verify is not None
    shown = []
    for change in plan.changes:
        try:
            if await step.verify(ctx, change):
                shown.append(change.item)
        except IRBotError:
            continue
    return shown


def _is_honest(now: Plan, before: Plan) -> bool:
    """Whether the plan has all that it had, or says that it did not see everything."""
    if now.settled is not None:
        return now.settled.state not in CLEAN
    return bool(now.unread) or {change.item for change in before.changes} <= {change.item for change in now.changes}


def _afresh(ctx: Context) -> Context:
    """The same with nothing read yet."""
    return replace(ctx, shared=type(ctx.shared)())
