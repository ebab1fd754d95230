"""What an incident does by itself as soon as it is open: recognise, keep, investigate, propose. It only reads.

Two jobs run side by side. The preparation is short and ends with the plan of the lock. The investigation takes as long
as it takes and ends with the plan of the eviction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.approvals import PlanKind
from services.channel import Actor
from services.database import Database
from services.durable import Durable
from services.errors import Conflict
from services.incidents import store, timeline
from services.incidents.model import Incident, IncidentState, Phase
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365, urgently
from services.playbook.ledger import Ledger, runs_of
from services.playbook.planner import Planner, our_fault
from services.playbook.step import Outcome, Risk, State, Step
from services.posts import Posts
from services.settings import Settings
from services.together import together

PREPARE = "prepare"
INVESTIGATE = "investigate"


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
        """Makes every check at once, each with its own patience, and proposes what to remove."""
        incident, nonce = await self._incident(key)
        if incident.investigation.get("done") or incident.investigation.get("nonce") != nonce:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        ctx = self._planner.context(incident, subject, account)
        patience = self._settings.check_timeout_seconds
        readers = self._readers(Phase.SCOPE)
        await together(*(self._planner.read(step, incident, nonce, ctx, patience) for step in readers))
        steps = [step for step in self._planner.steps if step.phase is Phase.EVICT]
        await self._propose(
            incident,
            investigation={"nonce": nonce, "done": True},
            eviction=await self._planner.proposal(PlanKind.EVICT, ctx, steps),
        )

    async def investigation_gave_up(self, key: str, correlation_id: str) -> None:
        """Ends the round; what it did not check is "not evaluated"."""
        incident, nonce = await self._incident(key)
        if incident.investigation.get("done") or incident.investigation.get("nonce") != nonce:
            return
        await self._end_runs(incident.id, nonce, correlation_id)
        await self._propose(
            incident,
            investigation={"nonce": nonce, "done": True, "correlation_id": correlation_id},
            eviction={"kind": PlanKind.FAILED.value},
        )

    async def investigate_again(self, incident_id: str) -> None:
        """Starts a new round, unless one is running. The caller has checked the role."""
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if not incident.investigation.get("done"):
                raise Conflict(reason="step-running")
            fresh = {"nonce": store.new_nonce(), "done": False}
            await store.update(connection, incident_id, investigation=fresh, eviction={})
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
            round_is_over = incident.investigation.get("nonce") != seen.investigation.get("nonce")
            stale = round_is_over if "investigation" in values else incident.nonce != seen.nonce
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
