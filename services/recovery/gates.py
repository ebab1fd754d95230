"""Checking the gate is a job: it reads anew, records what it read as runs, and keeps what is left for the card.

What is kept serves the card and the waivers alone. Before anything is given back, the steps look again for themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import approvals
from services.access import Access, Permission
from services.approvals import ApprovalState, PlanKind, plans_from_json, plans_to_json
from services.channel import Actor, Conversation
from services.database import Database, insert_once
from services.database.task_tables import gates
from services.durable import Durable
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store, timeline
from services.incidents.model import Incident, IncidentState, actor_from_json
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365
from services.playbook import guided
from services.playbook.gate import Gate, LineState, Seen, gate_of, seen_in
from services.playbook.ledger import Ledger, RunKind
from services.playbook.planner import Planner
from services.playbook.step import Outcome, Plan, Risk, State
from services.posts import Posts
from services.recovery import waivers
from services.recovery.passes import ours
from services.recovery.past import IncidentPast, ended_of
from services.settings import Settings

CHECK = "check-gate"
UNLOCK, RE_ENABLE = "unlock-sign-in", "re-enable"
GIVING_BACK = frozenset(
    {"ask-for-mfa-registration", "issue-access-pass", "restore-mail-protocols", "restore-roles", UNLOCK}
)
SHORTEST_REASON, LONGEST_REASON = 5, 500
_GOOD = frozenset({State.ALREADY_SO, State.DONE})


class GateState(StrEnum):
    """Where the newest check of a gate is."""

    FAILED = "failed"
    LOOKED = "looked"
    LOOKING = "looking"


@dataclass(frozen=True)
class Checked:
    """One row of `gates`: the newest check. `nonce` belongs to this check."""

    incident_id: str
    nonce: str
    state: GateState
    seen: Mapping[str, Seen]
    asked_by: Actor
    asked_at: datetime
    looked_at: datetime | None
    plans: Mapping[str, Plan] = field(default_factory=dict)  # what giving the account back would change


class Gates:
    """Checks, waivers, and whether the account may be asked for. The job's keys are `incident id:nonce`."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        access: Access,
        durable: Durable,
        posts: Posts,
        planner: Planner,
        past: IncidentPast,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._access = access
        self._durable = durable
        self._posts = posts
        self._planner = planner
        self._past = past
        self._ledger = ledger
        self._now = now

    # -- checking --------------------------------------------------------------------------------------------------

    async def start(self, incident_id: str, actor: Actor, where: Conversation, nonce: str | None = None) -> None:
        """Starts a check, unless one runs. `nonce` is that of the check which the pressed card shows, None for none.

        Raises NotAllowed, BadInput for a stale card, Conflict for a closed incident or a check that runs.
        """
        await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=incident_id, harmless=True)
        fresh = store.new_nonce()
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.state is not IncidentState.OPEN:
                raise Conflict(reason="incident-closed")
            checked = await newest(connection, incident_id)
            if checked is not None:
                if nonce is not None and not store.same_nonce(checked.nonce, nonce):
                    raise BadInput(reason="stale-card")
                if checked.state is GateState.LOOKING:
                    raise Conflict(reason="step-running")
            values: dict[str, Any] = {
                "nonce": fresh,
                "state": GateState.LOOKING.value,
                "asked_by": asdict(actor),
                "asked_at": self._now(),
                "plans": {},
                "looked": {} if checked is None else {key: each.to_json() for key, each in checked.seen.items()},
            }
            if not await insert_once(connection, gates, incident_id=incident_id, **values):
                await connection.execute(sa.update(gates).where(gates.c.incident_id == incident_id).values(**values))
            await self._posts.redraw_incident(connection, incident_id)
        await self._durable.start(CHECK, f"{incident_id}:{fresh}")

    async def check(self, key: str) -> None:
        """Reads everything that the gate rests on and keeps it. What only reads is a run, with its findings."""
        incident_id, _, nonce = key.partition(":")
        async with self._database.read() as connection:
            checked = await newest(connection, incident_id)
            incident = await store.get(connection, incident_id)
        if checked is None or checked.nonce != nonce or checked.state is not GateState.LOOKING:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        plans = await self._past.look(self._planner.context(incident, subject, account))
        await self._record(incident, plans, checked)
        if account.account_enabled:
            await self._note_allowed(incident, checked)
        async with self._database.write() as connection:
            passes = await ours(connection, incident_id)
            looked = {step_id: seen_in(step_id, plan, passes).to_json() for step_id, plan in plans.items()}
            kept = await self._end(connection, checked, GateState.LOOKED, looked=looked)
            if kept:
                gate = await gate_as_kept(connection, incident_id)
                await timeline.append(
                    connection,
                    incident_id,
                    AuditTag.GATE_CHECKED,
                    at=self._now(),
                    actor_id=checked.asked_by.object_id,
                    data={"shut": [line.key for line in gate.shut] if gate else []},
                )
        self._posts.changed.set()

    async def gave_up(self, key: str, correlation_id: str) -> None:
        """Says on the card that the check failed, so that a person can start it again."""
        incident_id, _, nonce = key.partition(":")
        async with self._database.write() as connection:
            checked = await newest(connection, incident_id)
            if checked is not None and checked.nonce == nonce:
                await self._end(connection, checked, GateState.FAILED)
                await self._posts.redraw_incident(connection, incident_id)

    async def pending(self) -> list[str]:
        """The keys of all checks that run."""
        query = sa.select(gates.c.incident_id, gates.c.nonce).where(gates.c.state == GateState.LOOKING.value)
        async with self._database.read() as connection:
            return [f"{row.incident_id}:{row.nonce}" for row in await connection.execute(query)]

    async def _record(self, incident: Incident, plans: Mapping[str, Plan], checked: Checked) -> None:
        for step in self._planner.steps:
            plan = plans.get(step.id)
            if plan is None or step.risk is not Risk.READ:
                continue
            run, _ = await self._ledger.begin(
                incident.id, step.id, RunKind.READ, checked.nonce, Plan(), checked.asked_by, self._now()
            )
            outcome = plan.settled or Outcome(State.DONE, "")
            await self._ledger.end(run, outcome, self._now(), plan.evidence, plan.findings)

    async def _note_allowed(self, incident: Incident, checked: Checked) -> None:
        """Where the account was to be enabled by hand, and is: the step ends, and with it the giving back."""
        async with self._database.read() as connection:
            ended = (await ended_of(connection, incident.id)).get(UNLOCK)
        if ended is None or ended in _GOOD or ended is State.UNDONE:
            return
        outcome = Outcome(State.DONE, "Checked. Sign-in is allowed again.")
        for step_id in (UNLOCK, RE_ENABLE):
            await guided.record(self._ledger, incident, step_id, outcome, checked.asked_by, checked.nonce, self._now())

    async def _end(self, connection: AsyncConnection, checked: Checked, state: GateState, **values: Any) -> bool:
        same = (gates.c.incident_id == checked.incident_id) & (gates.c.nonce == checked.nonce)
        ended = await connection.execute(
            sa.update(gates)
            .where(same, gates.c.state == GateState.LOOKING.value)
            .values(state=state.value, looked_at=self._now(), **values)
        )
        return ended.rowcount == 1

    # -- waiving and asking ----------------------------------------------------------------------------------------

    async def waive(
        self, incident_id: str, nonce: str, actor: Actor, where: Conversation, line_key: str, reason: str
    ) -> None:
        """Waives one shut line as it is now. Only an approver, never the account's owner or who asks for it.

        Raises NotAllowed, BadInput (stale card, no reason), Conflict (closed, not shut).
        """
        await self._access.require(actor, Permission.APPROVAL_DECIDE, where, incident_id=incident_id)
        words = " ".join(reason.split())
        if len(words) < SHORTEST_REASON:
            raise BadInput(reason="reason-missing")
        if len(words) > LONGEST_REASON:
            raise BadInput(reason="input-too-long")
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.state is not IncidentState.OPEN:
                raise Conflict(reason="incident-closed")
            await _check_nonce(connection, incident_id, nonce)
            asking = await approvals.newest_of(connection, incident_id)
            if asking is not None and _gives_back(asking) and asking.requester.object_id == actor.object_id:
                raise NotAllowed(reason="requester-may-not-waive")
            gate = await gate_as_kept(connection, incident_id)
            line = next((each for each in gate.lines if each.key == line_key), None) if gate else None
            if line is None or line.state is not LineState.SHUT:
                raise Conflict(reason="gate-line-not-shut")
            await waivers.add(connection, incident_id, line, words, actor, self._now())
        self._posts.changed.set()

    async def plan(self, incident_id: str, nonce: str, actor: Actor, where: Conversation) -> Mapping[str, Plan]:
        """Draws up everything that gives the account back, and keeps it until it is asked for.

        Raises what `may_ask` raises.
        """
        await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=incident_id, harmless=True)
        await self.may_ask(incident_id, nonce, actor)
        async with self._database.read() as connection:
            incident = await store.get(connection, incident_id)
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        ctx = replace(self._planner.context(incident, subject, account), asked_by=actor.object_id)
        steps = [step for step in self._planner.steps if step.id in GIVING_BACK]
        plans = await self._planner.plans(ctx, steps, self._settings.check_timeout_seconds)
        async with self._database.write() as connection:
            same = (gates.c.incident_id == incident_id) & (gates.c.nonce == nonce)
            await connection.execute(sa.update(gates).where(same).values(plans=plans_to_json(plans)))
        return plans

    async def may_ask(self, incident_id: str, nonce: str, actor: Actor) -> None:
        """Whether this person may ask for the account now. Raises Conflict (shut), NotAllowed, BadInput (stale)."""
        async with self._database.read() as connection:
            await _check_nonce(connection, incident_id, nonce)
            gate = await gate_as_kept(connection, incident_id)
        if gate is None or not gate.is_open:
            raise Conflict(reason="gate-not-open")
        if any(line.waiver is not None and line.waiver.by.object_id == actor.object_id for line in gate.lines):
            raise NotAllowed(reason="waiver-author-may-not-ask")


def _gives_back(approval: approvals.Approval) -> bool:
    open_states = {ApprovalState.WAITING, ApprovalState.APPROVED}
    return approval.kind is PlanKind.STEPS and UNLOCK in approval.plans and approval.state in open_states


async def _check_nonce(connection: AsyncConnection, incident_id: str, nonce: str) -> None:
    checked = await newest(connection, incident_id)
    if checked is None:
        raise Conflict(reason="gate-not-checked")
    if not store.same_nonce(checked.nonce, nonce):
        raise BadInput(reason="stale-card")
    if checked.state is GateState.LOOKING:
        raise Conflict(reason="step-running")
    if checked.state is GateState.FAILED:
        raise Conflict(reason="gate-not-checked")


async def newest(connection: AsyncConnection, incident_id: str) -> Checked | None:
    """The newest check of an incident's gate."""
    row = (await connection.execute(sa.select(gates).where(gates.c.incident_id == incident_id))).one_or_none()
    if row is None:
        return None
    return Checked(
        incident_id=row.incident_id,
        nonce=row.nonce,
        state=GateState(row.state),
        seen={step_id: Seen.from_json(each) for step_id, each in row.looked.items()},
        asked_by=actor_from_json(row.asked_by),
        asked_at=row.asked_at,
        looked_at=row.looked_at,
        plans=plans_from_json(row.plans),
    )


async def gate_as_kept(connection: AsyncConnection, incident_id: str) -> Gate | None:
    """The gate by the newest check; None before the first."""
    checked = await newest(connection, incident_id)
    if checked is None or not checked.seen:
        return None
    ended = await ended_of(connection, incident_id)
    return gate_of(checked.seen, ended, await waivers.of(connection, incident_id))
