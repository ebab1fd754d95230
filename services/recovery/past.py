"""What stands behind the steps that give an account back: one incident's runs, its gate, and its pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import Database
from services.microsoft365.sign_in_methods import AccessPass
from services.playbook.gate import Seen, gate_of, looked_at, seen_in
from services.playbook.ledger import EffectState, RunKind, effects_of, runs_of
from services.playbook.past import PassState
from services.playbook.planner import planned
from services.playbook.step import Change, Context, Plan, State, Step
from services.recovery import waivers
from services.recovery.passes import Passes, ours
from services.together import together

_MADE = frozenset({EffectState.SENT, EffectState.SHOWN, EffectState.UNKNOWN})
_PUT_BACK = frozenset({State.ACCEPTED, State.UNDONE})


class IncidentPast:
    """See `services.playbook.past.Past`."""

    def __init__(self, database: Database, steps: Sequence[Step], passes: Passes, patience_seconds: float) -> None:
        self._database = database
        self._steps = {step.id: step for step in steps}
        self._passes = passes
        self._patience_seconds = patience_seconds

    async def made(self, incident_id: str, step_id: str) -> tuple[Change, ...]:
        async with self._database.read() as connection:
            return await changes_made(connection, incident_id, step_id)

    async def closed_gate(self, ctx: Context, *, mail_only: bool = False) -> str | None:
        plans = await self.look(ctx, mail_only=mail_only)
        async with self._database.read() as connection:
            passes = await ours(connection, ctx.incident)
            gate = gate_of(
                {step_id: seen_in(step_id, plan, passes) for step_id, plan in plans.items()},
                await ended_of(connection, ctx.incident),
                await waivers.of(connection, ctx.incident),
                not_by=frozenset({ctx.asked_by}) if ctx.asked_by else frozenset(),
                mail_only=mail_only,
            )
        return gate.why_shut()

    async def look(self, ctx: Context, *, mail_only: bool = False) -> dict[str, Plan]:
        """The plans that the gate rests on, drawn up now."""
        steps = [self._steps[step_id] for step_id in looked_at(mail_only) if step_id in self._steps]
        plans = await together(*(planned(step, ctx, self._patience_seconds) for step in steps))
        return {step.id: plan for step, plan in zip(steps, plans, strict=True)}

    async def seen(self, ctx: Context) -> Mapping[str, Seen]:
        """What looking now gives, as a card's gate is kept."""
        plans = await self.look(ctx)
        async with self._database.read() as connection:
            passes = await ours(connection, ctx.incident)
        return {step_id: seen_in(step_id, plan, passes) for step_id, plan in plans.items()}

    async def pass_state(self, cause: str) -> PassState | None:
        return await self._passes.state(cause)

    async def hand_over(self, ctx: Context, make: Callable[[], Awaitable[AccessPass]]) -> None:
        await self._passes.hand_over(ctx, make)

    async def withdraw(self, ctx: Context) -> bool:
        return await self._passes.withdraw(ctx)


async def changes_made(connection: AsyncConnection, incident_id: str, step_id: str) -> tuple[Change, ...]:
    """What a step changed in this incident, by IRBot's own record, and what no undo has put back."""
    made: dict[str, Change] = {}
    for run in await runs_of(connection, incident_id):
        if run.step_id != step_id:
            continue
        if run.kind is RunKind.UNDO and run.state in _PUT_BACK:
            for change in run.plan.changes:
                made.pop(change.item, None)
        if run.kind is RunKind.APPLY:
            for effect in await effects_of(connection, run.id):
                if effect.state in _MADE:
                    made.setdefault(effect.item, effect.change)
    return tuple(made.values())


async def ended_of(connection: AsyncConnection, incident_id: str) -> dict[str, State]:
    """How each step that does something ended last."""
    runs = await runs_of(connection, incident_id)
    return {run.step_id: run.state for run in runs if run.kind is not RunKind.READ}
