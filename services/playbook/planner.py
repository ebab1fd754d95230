"""What all runs of steps share: the context that a step gets, reading steps, plans of steps, refusals in words."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.approvals import PlanKind, plans_to_json
from services.bulk import Bulk
from services.errors import IRBotError, MissingLicence, MissingPermission, MissingRole, OnPremises
from services.incidents.model import Incident, Subject
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.plain_words import explain
from services.playbook.ledger import Ledger, RunKind
from services.playbook.past import NO_PAST, Past
from services.playbook.step import Context, Outcome, Plan, State, Step
from services.posts import PostKind, Posts
from services.settings import Settings
from services.tasks import Task

log = logging.getLogger(__name__)


class Planner:
    """Runs what only reads, and draws up plans. Changes nothing in the tenant."""

    def __init__(
        self,
        *,
        m365: Microsoft365,
        settings: Settings,
        ledger: Ledger,
        posts: Posts,
        steps: Sequence[Step],
        now: Callable[[], datetime],
        bulk: Bulk | None = None,
        past: Past = NO_PAST,
    ) -> None:
        self._bulk = bulk
        self._m365 = m365
        self._settings = settings
        self._ledger = ledger
        self._posts = posts
        self._now = now
        self._past = past
        self.steps = tuple(steps)

    def context(self, incident: Incident, subject: Subject, account: Account) -> Context:
        """What the steps of this incident get."""
        return Context(
            m365=self._m365,
            settings=self._settings,
            subject=subject,
            account=account,
            opened_at=incident.opened_at,
            since=incident.opened_at - timedelta(days=self._settings.look_back_days),
            now=self._now(),
            incident=incident.id,
            round=str(incident.investigation.get("nonce", "")),
            past=self._past,
            ended=partial(self._ledger.ended, incident.id),
            bulk=self._bulk,
        )

    async def read(self, step: Step, incident: Incident, cause: str, ctx: Context, patience_seconds: float) -> None:
        """Runs a reading step once for this cause; whatever happens, it ends in a state with a reason."""
        run, _ = await self._ledger.begin(
            incident.id, step.id, RunKind.READ, cause, Plan(), incident.opened_by, self._now()
        )
        if run.state is not State.RUNNING:
            return
        self._posts.changed.set()
        plan = await planned(step, ctx, patience_seconds)
        await self._want(plan, step, incident)
        await self._ledger.end(run, plan.settled or Outcome(State.DONE, ""), self._now(), plan.evidence, plan.findings)
        self._posts.changed.set()

    async def plans(
        self, ctx: Context, steps: Sequence[Step], patience_seconds: float | None = None
    ) -> dict[str, Plan]:
        """The plans of the steps; one that could not be drawn up is settled with the reason."""

        patience = patience_seconds or self._settings.call_timeout_seconds * 2
        drawn = await asyncio.gather(*(planned(step, ctx, patience) for step in steps))
        for step, plan in zip(steps, drawn, strict=True):
            if ctx.incident:
                await self._ledger.keep_plan(ctx.incident, step.id, plan, self._now())
        return {step.id: plan for step, plan in zip(steps, drawn, strict=True)}

    async def _want(self, plan: Plan, step: Step, incident: Incident) -> None:
        """What a check leaves to people is a task with a card in the thread before the check says so."""
        if not plan.todo:
            return
        now = self._now()
        due_at = now + timedelta(hours=self._settings.task_reminder_hours)

        async def tell(connection: AsyncConnection, task: Task) -> None:
            await self._posts.want_in_thread(connection, incident, f"task:{task.id}", PostKind.TASK, now, task.title)

        await self._ledger.want(incident.id, step.id, plan.todo, now, due_at, tell)

    async def proposal(self, kind: PlanKind, ctx: Context, steps: Sequence[Step]) -> dict[str, Any]:
        """The plans of the steps as an incident keeps them."""
        return {"kind": kind.value, "steps": plans_to_json(await self.plans(ctx, steps))}


async def planned(step: Step, ctx: Context, patience_seconds: float) -> Plan:
    """The step's plan, or one that is settled with the reason why there is none: a fault of one step is its own."""
    try:
        async with asyncio.timeout(max(patience_seconds, step.plan_seconds)):
            return await step.plan(ctx)
    except IRBotError as error:
        return Plan(settled=outcome_of(step, ctx, error, reading=True))
    except TimeoutError:
        return Plan(settled=Outcome(State.NOT_EVALUATED, "Microsoft 365 did not answer in time."))
    except Exception:
        correlation_id = uuid.uuid4().hex[:12]
        log.exception("step %s could not be planned (correlation %s)", step.id, correlation_id)
        return Plan(settled=Outcome(State.NOT_EVALUATED, our_fault(correlation_id)))


def outcome_of(step: Step, ctx: Context, error: IRBotError, *, reading: bool) -> Outcome:
    """A service's refusal as an end state: the step's own words first, the general ones else."""
    own = step.explain(ctx, error)
    if own is not None:
        return own
    words = explain(error)
    reason = f"{words.what} {words.next_step}".strip()
    if isinstance(error, OnPremises):
        return Outcome(State.NEEDS_ON_PREMISES, reason)
    if reading or isinstance(error, MissingLicence):
        return Outcome(State.NOT_EVALUATED, reason)
    if isinstance(error, MissingPermission | MissingRole):
        return Outcome(State.REFUSED, reason)
    return Outcome(State.FAILED, reason)


def our_fault(correlation_id: str) -> str:
    """The words for a run that failed for a reason of our own."""
    return f"IRBot failed. Tell your administrator this number: {correlation_id}."
