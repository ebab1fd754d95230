"""What an incident does by itself as soon as it is open: recognise, keep, investigate, propose. It only reads.

Two jobs run side by side. The preparation is short and ends with the plan of the lock. The investigation takes as long
as it takes; each step that removes something is proposed as soon as its own checks have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.approvals import Approval, PlanKind
from services.channel import Actor
from services.database import Database
from services.durable import Durable
from services.errors import Conflict
from services.incidents import posted_plans, store, timeline
from services.incidents.model import Incident, IncidentState, Phase
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365, urgently
from services.playbook.ledger import Ledger, RunKind, runs_of
from services.playbook.planner import Planner, our_fault
from services.playbook.step import Context, Outcome, Risk, Shared, State, Step
from services.posts import Posts
from services.settings import Settings
from services.together import together

PREPARE = "prepare"
INVESTIGATE = "investigate"
BLOCK = "block-sign-in"
# What a check finds is removed by these steps, so each is proposed behind the checks that feed it.
FED_BY: Mapping[str, tuple[str, ...]] = {
    "disable-devices": ("check-devices",),
    "disable-mail-flow": ("check-mail-flow",),
    "remove-delegates": ("check-delegates",),
    "remove-forwarding": ("check-forwarding",),
    "remove-inbox-rules": ("check-inbox-rules",),
    "remove-mobile-partnerships": ("check-devices",),
}
# Its calls wait for one another the longest, so they go first where others wait for the same few places.
_LONGEST = "check-delegates"
_LOCKED = frozenset({State.ALREADY_SO, State.DONE})
_LOOK_FOR_LOCK_SECONDS = 1.0


class Preparation:
    """The two jobs. Their keys are `incident id:nonce`; a new nonce is a new round."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        durable: Durable,
        posts: Posts,
        planner: Planner,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._durable = durable
        self._posts = posts
        self._planner = planner
        self._ledger = ledger
        self._now = now

    async def start(self, incident: Incident) -> None:
        """Starts what is not started for this incident."""
        if not incident.plan:
            await self._durable.start(PREPARE, f"{incident.id}:{incident.nonce}")
        if not incident.investigation.get("done"):
            await self._durable.start(INVESTIGATE, f"{incident.id}:{incident.investigation['nonce']}")

    # -- the preparation -------------------------------------------------------------------------------------------

    async def prepare(self, key: str) -> None:
        """Recognises the account, keeps the snapshot and proposes the lock, before any investigation is served."""
        with urgently():
            await self._prepare(key)

    async def _prepare(self, key: str) -> None:
        incident, nonce = await self._incident(key)
        if incident.plan or incident.nonce != nonce:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        async with self._database.write() as connection:
            await store.update(connection, incident.id, subject=subject.to_json())
            await timeline.append(
                connection,
                incident.id,
                AuditTag.SUBJECT_RECOGNISED,
                at=self._now(),
                data={"kinds": list(subject.kinds()), "unknowns": list(subject.unknowns)},
            )
        self._posts.changed.set()
        ctx = self._planner.context(incident, subject, account)
        patience = self._settings.call_timeout_seconds * 2
        readers = self._readers(Phase.PREPARE)
        await together(*(self._planner.read(step, incident, nonce, ctx, patience) for step in readers))
        steps = [step for step in self._planner.steps if step.phase is Phase.LOCK]
        proposal = await self._planner.proposal(PlanKind.LOCK, ctx, steps)
        await self._propose(incident, phase=Phase.LOCK.value, nonce=store.new_nonce(), plan=proposal)

    async def prepare_gave_up(self, key: str, correlation_id: str) -> None:
        """Says on the card that the preparation failed, so that a person can start it again."""
        incident, nonce = await self._incident(key)
        if incident.plan or incident.nonce != nonce:
            return
        await self._propose(incident, plan={"kind": PlanKind.FAILED.value, "correlation_id": correlation_id})
        await self._end_runs(incident.id, nonce, correlation_id)

    async def prepare_again(self, incident_id: str, nonce: str, actor: Actor) -> None:
        """Starts the preparation afresh. The caller has checked the role. Raises Conflict for a stale nonce."""
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.nonce != nonce or incident.plan.get("kind") != PlanKind.FAILED.value:
                raise Conflict(reason="plan-changed")
            await store.update(connection, incident_id, plan={}, nonce=store.new_nonce())
            incident = await store.get(connection, incident_id)
        await self.start(incident)
        self._posts.changed.set()

    async def pending_preparations(self) -> list[str]:
        """The keys of all preparations that are not finished."""
        return [f"{incident.id}:{incident.nonce}" for incident in await self._open() if not incident.plan]

    # -- the investigation -----------------------------------------------------------------------------------------

    async def investigate(self, key: str) -> None:
        """Makes every check at once, each with its own patience, and proposes what to remove as soon as it is known."""
        incident, nonce = await self._incident(key)
        if incident.investigation.get("done") or incident.investigation.get("nonce") != nonce:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        ctx = self._planner.context(incident, subject, account)
        readers = sorted(self._readers(Phase.SCOPE), key=lambda step: step.id != _LONGEST)
        checks = {step.id: asyncio.Event() for step in readers}
        over, locked, settled = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def check(step: Step) -> None:
            await self._planner.read(step, incident, nonce, ctx, self._settings.check_timeout_seconds)
            checks[step.id].set()

        async def all_checks() -> None:
            await together(*(check(step) for step in readers))
            over.set()

        async def watch_for_lock() -> None:
            while not (over.is_set() or locked.is_set()):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_FOR_LOCK_SECONDS):
                        await over.wait()
                if await _is_locked(ctx):
                    locked.set()
            settled.set()

        async def propose(step: Step) -> None:
            """Until the lock the intruder may add to it, so once the account is locked it is read and drawn up anew."""
            for each in FED_BY.get(step.id, ()):
                if each in checks:
                    await checks[each].wait()
            if not locked.is_set():
                await self._offer(incident, step, ctx, before_lock=True)
                await settled.wait()
            if locked.is_set():
                await self._offer(incident, step, behind_lock)

        behind_lock = replace(ctx, shared=Shared())
        if await _is_locked(ctx):
            locked.set()
            behind_lock = ctx
        drawn = posted_plans.drawn(incident.eviction)
        left = [step for step in self._evictions() if step.id not in drawn]
        await together(all_checks(), watch_for_lock(), *(propose(step) for step in left))
        await self._end_round(incident, ctx)

    async def _offer(self, seen: Incident, step: Step, ctx: Context, *, before_lock: bool = False) -> None:
        """Puts what one step would remove into the proposal of this round."""
        plans = await self._planner.plans(ctx, [step])
        async with self._database.write() as connection:
            incident = await store.get(connection, seen.id, lock=True)
            if not _same_round(incident, seen) or incident.state is not IncidentState.OPEN:
                return
            order = [each.id for each in self._evictions()]
            proposal = posted_plans.with_step(
                incident.eviction, step.id, plans[step.id], order, before_lock=before_lock
            )
            await store.update(connection, seen.id, eviction=proposal)
            if plans[step.id].changes:
                await self._posts.redraw_incident(connection, seen.id)

    async def _end_round(self, seen: Incident, ctx: Context) -> None:
        """Ends the round once every step has said what it would remove.

        What was removed meanwhile is looked at again, together with the checks that found it.
        """
        while True:
            # What the checks of this round shared was read before.
            ctx = replace(ctx, now=self._now(), shared=Shared())
            await self._look_at_what_is_gone(seen, ctx)
            async with self._database.write() as connection:
                incident = await store.get(connection, seen.id, lock=True)
                if not _same_round(incident, seen) or incident.investigation.get("done"):
                    return
                left = [step for step in self._evictions() if step.id not in incident.eviction.get("steps", {})]
                if not left or incident.state is not IncidentState.OPEN:
                    await self._conclude(connection, incident)
                    break
            await together(*(self._offer(seen, step, ctx) for step in left))
        self._posts.changed.set()

    async def _look_at_what_is_gone(self, seen: Incident, ctx: Context) -> None:
        """Makes the checks again that fed an eviction of this round: what they found may not be there any more."""
        async with self._database.read() as connection:
            runs = await runs_of(connection, seen.id)
        begun = min((run.started_at for run in runs if run.cause == ctx.round), default=ctx.now)
        removals = [run for run in runs if run.kind in {RunKind.APPLY, RunKind.UNDO} and run.started_at >= begun]
        again = {(check, run.cause) for run in removals for check in FED_BY.get(run.step_id, ())}
        patience = self._settings.check_timeout_seconds
        readers = [
            (step, cause) for step in self._readers(Phase.SCOPE) for check, cause in sorted(again) if check == step.id
        ]
        await together(*(self._planner.read(step, seen, cause, ctx, patience) for step, cause in readers))

    async def _conclude(self, connection: AsyncConnection, incident: Incident) -> None:
        """The round is done, with its line in the timeline. Nothing is concluded about a closed incident."""
        if incident.state is not IncidentState.OPEN:
            return
        done = {**incident.investigation, "done": True}
        proposal = {**incident.eviction, "kind": PlanKind.EVICT.value}
        await store.update(connection, incident.id, investigation=done, eviction=proposal)
        data = {"kind": proposal["kind"], "steps": list(proposal.get("steps", {}))}
        await timeline.append(connection, incident.id, AuditTag.PLAN_PROPOSED, at=self._now(), data=data)

    async def investigation_gave_up(self, key: str, correlation_id: str) -> None:
        """Ends the round; what it did not check is "not evaluated"."""
        incident, nonce = await self._incident(key)
        if incident.investigation.get("done") or incident.investigation.get("nonce") != nonce:
            return
        await self._end_runs(incident.id, nonce, correlation_id)
        await self._propose(
            incident,
            investigation={**incident.investigation, "done": True, "correlation_id": correlation_id},
            eviction={**posted_plans.next_round(incident.eviction), "kind": PlanKind.FAILED.value},
        )

    async def investigate_again(self, incident_id: str) -> None:
        """Starts a new round, unless one is running. The caller has checked the role."""
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if not incident.investigation.get("done"):
                raise Conflict(reason="step-running")
            fresh = posted_plans.next_round(incident.eviction)
            await store.update(connection, incident_id, investigation=_another_round(), eviction=fresh)
            incident = await store.get(connection, incident_id)
        await self.start(incident)
        self._posts.changed.set()

    async def pending_investigations(self) -> list[str]:
        """The keys of all investigations that are not finished."""
        return [
            f"{incident.id}:{incident.investigation['nonce']}"
            for incident in await self._open()
            if not incident.investigation.get("done")
        ]

    # -- both ------------------------------------------------------------------------------------------------------

    def _evictions(self) -> list[Step]:
        return [step for step in self._planner.steps if step.phase is Phase.EVICT]

    def _readers(self, phase: Phase) -> list[Step]:
        return [step for step in self._planner.steps if step.risk is Risk.READ and step.phase is phase]

    async def _incident(self, key: str) -> tuple[Incident, str]:
        incident_id, _, nonce = key.partition(":")
        async with self._database.read() as connection:
            return await store.get(connection, incident_id), nonce

    async def _open(self) -> tuple[Incident, ...]:
        async with self._database.read() as connection:
            incidents, _ = await store.all_open(connection, limit=10_000)
        return incidents

    async def _propose(self, seen: Incident, **values: Any) -> None:
        """Puts a proposal before the responders, with its line in the timeline.

        Nothing is proposed where the incident was closed, or another round was begun, since it was `seen`.
        """
        incident_id = seen.id
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            stale = not _same_round(incident, seen) if "investigation" in values else incident.nonce != seen.nonce
            if stale or incident.state is not IncidentState.OPEN:
                return
            await store.update(connection, incident_id, **values)
            for name in ("plan", "eviction"):
                proposal: Mapping[str, Any] | None = values.get(name)
                if proposal is not None:
                    data = {"kind": proposal["kind"], "steps": list(proposal.get("steps", {}))}
                    await timeline.append(connection, incident_id, AuditTag.PLAN_PROPOSED, at=self._now(), data=data)
        self._posts.changed.set()

    async def _end_runs(self, incident_id: str, cause: str, correlation_id: str) -> None:
        async with self._database.read() as connection:
            runs = await runs_of(connection, incident_id)
        for run in runs:
            if run.cause == cause and run.state is State.RUNNING:
                outcome = Outcome(State.NOT_EVALUATED, our_fault(correlation_id))
                await self._ledger.end(run, outcome, self._now())
        self._posts.changed.set()


async def _is_locked(ctx: Context) -> bool:
    """Whether sign-in is blocked, by us or before."""
    block = (await ctx.ended()).get(BLOCK)
    return not ctx.account.account_enabled if block is None else block.state in _LOCKED


def looked_at_anew(incident: Incident, approval: Approval) -> dict[str, Any]:
    """What of an incident changes after an eviction or an undo, so that all that was changed is looked at again.

    A round that still runs does that before it ends; behind one that has ended there comes another.
    """
    if approval.kind not in {PlanKind.EVICT, PlanKind.UNDO}:
        return {}
    if not incident.investigation.get("done"):
        return {"eviction": posted_plans.without_steps(incident.eviction, approval.plans)}
    return {"eviction": posted_plans.next_round(incident.eviction), "investigation": _another_round()}


def _another_round() -> dict[str, Any]:
    return {"nonce": store.new_nonce(), "done": False, "looked": True}


def _same_round(incident: Incident, seen: Incident) -> bool:
    return bool(incident.investigation.get("nonce") == seen.investigation.get("nonce"))
