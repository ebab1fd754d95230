"""Approvals: who asked for which exact change, by which rule, until when, and who decided.

A card's button only names an approval. All that it means is read here, and compared again before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import brake
from services.access import Access, Permission
from services.channel import Actor, Conversation
from services.database import Database, after_all, tables
from services.database.ids import ordered_id
from services.errors import BadInput, Conflict, Expired, NotAllowed, NotFound, Unavailable
from services.incidents import posted_plans, store, timeline
from services.incidents.model import Incident, IncidentState, Subject, actor_from_json
from services.incidents.timeline import AuditTag
from services.microsoft365.accounts import Account
from services.playbook.step import Plan, Rule, Step, digest_of
from services.posts import PostKind, Posts
from services.settings import Settings

_MOST_ASKED = 20


class ApprovalState(StrEnum):
    """Where an approval is. Only a waiting one can be decided, and only an approved one can be used, once."""

    APPROVED = "approved"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    USED = "used"
    VOID = "void"
    WAITING = "waiting"


class PlanKind(StrEnum):
    """What a proposal or an approval is about. `FAILED` and `NONE` are proposals' only."""

    EVICT = "evict"
    FAILED = "failed"
    LOCK = "lock"
    NONE = "none"
    STEPS = "steps"
    UNDO = "undo"


@dataclass(frozen=True)
class Approval:
    """One row of `approvals`."""

    id: str
    incident_id: str
    kind: PlanKind
    target_id: str
    plans: Mapping[str, Plan]
    digest: str
    rule: Rule
    requester: Actor
    nonce: str
    state: ApprovalState
    created_at: datetime
    expires_at: datetime
    decided_by: Actor | None
    decided_at: datetime | None
    reason: str | None
    asked: tuple[str, ...]


def plans_to_json(plans: Mapping[str, Plan]) -> dict[str, Any]:
    """Plans by step id, as plain JSON."""
    return {step_id: plan.to_json() for step_id, plan in plans.items()}


def plans_from_json(value: Mapping[str, Any]) -> dict[str, Plan]:
    """Reads what `plans_to_json` wrote."""
    return {step_id: Plan.from_json(plan) for step_id, plan in value.items()}


def changing(plans: Mapping[str, Plan]) -> tuple[str, ...]:
    """The steps that would change something: what is settled needs nobody's approval."""
    return tuple(step_id for step_id, plan in plans.items() if plan.changes)


class RuleBook:
    """Which rule holds for which step, with the organisation's own settings applied."""

    def __init__(self, settings: Settings, steps: Iterable[Step]) -> None:
        """Raises ValueError for a setting that names no step or no rule, or that loosens without leave."""
        self._rules = {step.id: step.approval for step in steps}
        for step_id in settings.allow_loosening:
            if step_id not in self._rules:
                raise ValueError(f"IRBOT_ALLOW_LOOSENING names an unknown step: {step_id}")
        for entry in settings.approval_rules:
            step_id, _, word = entry.partition("=")
            if step_id not in self._rules:
                raise ValueError(f"IRBOT_APPROVAL_RULES names an unknown step: {step_id}")
            if word not in set(Rule) or (word == Rule.NONE) != (self._rules[step_id] is Rule.NONE):
                raise ValueError(f"IRBOT_APPROVAL_RULES has an unusable rule for {step_id}: {word}")
            rule = Rule(word)
            if rule.strictness < self._rules[step_id].strictness and step_id not in settings.allow_loosening:
                raise ValueError(f"IRBOT_APPROVAL_RULES loosens {step_id}, which IRBOT_ALLOW_LOOSENING does not name")
            self._rules[step_id] = rule

    def rule(self, kind: PlanKind, step_ids: Iterable[str], subject: Subject) -> Rule:
        """The strictest rule of the steps that change something; without any, whoever asked confirms.

        Undoing protection, and a protected account, need a second person.
        """
        if kind is PlanKind.UNDO or subject.protected:
            return Rule.SECOND_PERSON
        rules = (self._rules[step_id] for step_id in step_ids)
        return max(rules, key=lambda rule: rule.strictness, default=Rule.CONFIRM)


class Approvals:
    """Asking, deciding, expiring. Every decision is one transaction in which exactly one caller wins."""

    def __init__(
        self,
        database: Database,
        access: Access,
        posts: Posts,
        settings: Settings,
        rules: RuleBook,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._access = access
        self._posts = posts
        self._life = timedelta(minutes=settings.approval_minutes)
        self._rules = rules
        self._now = now

    async def ask(
        self,
        incident_id: str,
        nonce: str,
        actor: Actor,
        where: Conversation,
        *,
        kind: PlanKind,
        plans: Mapping[str, Plan] | None = None,
        card: str = "",
    ) -> Approval:
        """Asks for the incident's proposal, or for `plans` where they are given; `card` is the posted plan they are on.

        If somebody asked for it a moment ago, that approval is returned. Raises NotAllowed, BadInput (a stale card),
        Conflict (closed, something approved still runs, nobody could approve).
        """
        await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=incident_id)
        async with self._database.read() as connection:
            incident = await store.get(connection, incident_id)
            waiting = await waiting_of(connection, incident_id)
        if waiting is not None:
            return waiting
        chosen = plans if plans is not None else _proposal(incident, kind)
        rule = self._rules.rule(kind, changing(chosen), incident.subject)
        asked = await self._whom_to_ask(actor, incident) if rule is Rule.SECOND_PERSON else ()
        now = self._now()
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            waiting = await waiting_of(connection, incident_id)
            if waiting is not None:
                return waiting
            if incident.state is not IncidentState.OPEN:
                raise Conflict(reason="incident-closed")
            if not store.same_nonce(incident.nonce, nonce):
                raise BadInput(reason="stale-card")
            if await _in_state(connection, incident_id, ApprovalState.APPROVED) is not None:
                raise Conflict(reason="step-running")
            approval = await self._insert(connection, incident, actor, kind, chosen, rule, asked, now)
            if card:
                proposal = posted_plans.asked_for(incident.eviction, card, approval.id)
                await store.update(connection, incident_id, eviction=proposal)
            return approval

    async def _insert(
        self,
        connection: AsyncConnection,
        incident: Incident,
        actor: Actor,
        kind: PlanKind,
        chosen: Mapping[str, Plan],
        rule: Rule,
        asked: Sequence[Account],
        now: datetime,
    ) -> Approval:
        """The question as a row, a card for each who is asked, and a line of the timeline. Never commits."""
        approval_id = ordered_id()
        digest = digest_of(incident.subject.object_id, kind.value, chosen)
        mine = tables.approvals.c.incident_id == incident.id
        created_at = await after_all(connection, tables.approvals.c.created_at, mine, now)
        await connection.execute(
            sa.insert(tables.approvals).values(
                id=approval_id,
                incident_id=incident.id,
                kind=kind.value,
                target_id=incident.subject.object_id,
                plan=plans_to_json(chosen),
                digest=digest,
                rule=rule.value,
                requester=asdict(actor),
                requester_id=actor.object_id,
                nonce=store.new_nonce(),
                state=ApprovalState.WAITING.value,
                created_at=created_at,
                expires_at=now + self._life,
                ask=[account.display_name for account in asked],
            )
        )
        await store.update(connection, incident.id, nonce=store.new_nonce())
        for account in asked:
            await self._posts.want(
                connection,
                f"approval:{approval_id}:{account.id}",
                PostKind.APPROVAL,
                now,
                person=Actor(account.id, account.display_name, ""),
                incident_id=incident.id,
                approval_id=approval_id,
                summary=f"Approval needed: {incident.label}, {incident.subject.name}",
            )
        await timeline.append(
            connection,
            incident.id,
            AuditTag.APPROVAL_ASKED,
            at=now,
            actor_id=actor.object_id,
            data={"approval": approval_id, "kind": kind.value, "rule": rule.value, "digest": digest},
        )
        return await get(connection, approval_id)

    async def approve_by_rule(self, incident_id: str, rule: Actor) -> Approval:
        """Approves the proposed lock in the name of a rule that an administrator turned on.

        Raises Conflict (closed, a person was quicker, or it needs a second person: a protected account, or a step for
        which the organisation wants one) and BadInput (no lock is proposed).
        """
        now = self._now()
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.state is not IncidentState.OPEN:
                raise Conflict(reason="incident-closed")
            stop = await brake.current(connection)
            if stop is not None:
                raise stop.error()
            newest = await newest_of(connection, incident_id)
            if newest is not None and newest.requester.object_id == rule.object_id:
                return newest  # a process died right after this
            if newest is not None:
                raise Conflict(reason="approval-decided")
            chosen = _proposal(incident, PlanKind.LOCK)
            if self._rules.rule(PlanKind.LOCK, changing(chosen), incident.subject) is not Rule.CONFIRM:
                raise Conflict(reason="needs-second-person")
            approval = await self._insert(connection, incident, rule, PlanKind.LOCK, chosen, Rule.CONFIRM, (), now)
            await _move(connection, approval, ApprovalState.APPROVED, AuditTag.APPROVAL_APPROVED, rule, now)
            return await get(connection, approval.id)

    async def approve(self, approval_id: str, nonce: str, actor: Actor, where: Conversation) -> Approval:
        """The yes that the rule asks for. Raises NotAllowed, BadInput, Conflict (decided already), Expired."""
        approval = await self._waiting(approval_id, nonce)
        if approval.rule is Rule.CONFIRM:
            await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=approval.incident_id)
            if actor.object_id != approval.requester.object_id:
                raise NotAllowed(reason="only-requester-may-confirm")
        else:
            if actor.object_id == approval.requester.object_id:
                raise NotAllowed(reason="requester-may-not-approve")
            await self._access.require(actor, Permission.APPROVAL_DECIDE, where, incident_id=approval.incident_id)
        return await self._decide(approval, ApprovalState.APPROVED, AuditTag.APPROVAL_APPROVED, actor)

    async def refuse(self, approval_id: str, nonce: str, actor: Actor, where: Conversation) -> Approval:
        """The no of somebody who may approve. Raises as `approve` does."""
        approval = await self._waiting(approval_id, nonce)
        incident_id = approval.incident_id
        await self._access.require(actor, Permission.APPROVAL_DECIDE, where, incident_id=incident_id, harmless=True)
        return await self._decide(approval, ApprovalState.REFUSED, AuditTag.APPROVAL_REFUSED, actor)

    async def cancel(self, approval_id: str, nonce: str, actor: Actor, where: Conversation) -> Approval:
        """Takes the question back; any responder may. Raises as `approve` does."""
        approval = await self._waiting(approval_id, nonce)
        incident_id = approval.incident_id
        await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=incident_id, harmless=True)
        return await self._decide(approval, ApprovalState.CANCELLED, AuditTag.APPROVAL_CANCELLED, actor)

    async def expire_due(self) -> int:
        """Ends every waiting approval whose time is over; returns how many."""
        now = self._now()
        waiting = tables.approvals.c.state == ApprovalState.WAITING.value
        async with self._database.read() as connection:
            query = sa.select(tables.approvals.c.id).where(waiting, tables.approvals.c.expires_at <= now)
            due = list((await connection.execute(query)).scalars())
        ended = 0
        for approval_id in due:
            async with self._database.write() as connection:
                approval = await get(connection, approval_id)
                ended += await _move(connection, approval, ApprovalState.EXPIRED, AuditTag.APPROVAL_EXPIRED, None, now)
        if ended:
            self._posts.changed.set()
        return ended

    async def _waiting(self, approval_id: str, nonce: str) -> Approval:
        async with self._database.read() as connection:
            approval = await get(connection, approval_id)
        if not store.same_nonce(approval.nonce, nonce):
            raise BadInput(reason="forged-card")
        if approval.state is ApprovalState.EXPIRED or (
            approval.state is ApprovalState.WAITING and approval.expires_at <= self._now()
        ):
            raise Expired(what="approval")
        if approval.state is not ApprovalState.WAITING:
            by = approval.decided_by.name if approval.decided_by else ""
            raise Conflict(reason="approval-decided", state=approval.state.value, by=by)
        return approval

    async def _decide(self, approval: Approval, state: ApprovalState, tag: AuditTag, actor: Actor) -> Approval:
        now = self._now()
        if approval.expires_at <= now:
            raise Expired(what="approval")  # while the role was looked up
        async with self._database.write() as connection:
            if not await _move(connection, approval, state, tag, actor, now):
                raise Conflict(reason="approval-decided")
            decided = await get(connection, approval.id)
        self._posts.changed.set()
        return decided

    async def _whom_to_ask(self, actor: Actor, incident: Incident) -> Sequence[Account]:
        try:
            people, complete = await self._access.approvers(frozenset({actor.object_id, incident.subject.object_id}))
        except Unavailable:
            # The list only saves time: an approver can still press the button on the headline card.
            return ()
        if complete and not people:
            raise Conflict(reason="no-approver")
        return people[:_MOST_ASKED]


def _proposal(incident: Incident, kind: PlanKind) -> dict[str, Plan]:
    if incident.plan.get("kind") != kind.value:
        raise BadInput(reason="stale-card")
    return plans_from_json(incident.plan["steps"])


async def get(connection: AsyncConnection, approval_id: str) -> Approval:
    """One approval. Raises NotFound."""
    row = (
        await connection.execute(sa.select(tables.approvals).where(tables.approvals.c.id == approval_id))
    ).one_or_none()
    if row is None:
        raise NotFound(what="approval", sought=approval_id)
    return _approval(row)


async def waiting_of(connection: AsyncConnection, incident_id: str) -> Approval | None:
    """The approval that this incident waits for; there is at most one."""
    return await _in_state(connection, incident_id, ApprovalState.WAITING)


async def _in_state(connection: AsyncConnection, incident_id: str, state: ApprovalState) -> Approval | None:
    query = (
        sa.select(tables.approvals)
        .where(tables.approvals.c.incident_id == incident_id, tables.approvals.c.state == state.value)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _approval(row) if row else None


async def cancel_waiting(connection: AsyncConnection, by: Actor, now: datetime) -> int:
    """Takes back every question that waits, in the caller's transaction; returns how many."""
    taken = 0
    for approval_id in await ids_in_state(connection, ApprovalState.WAITING):
        approval = await get(connection, approval_id)
        taken += await _move(connection, approval, ApprovalState.CANCELLED, AuditTag.APPROVAL_CANCELLED, by, now)
    return taken


async def at_work(connection: AsyncConnection, incident_id: str) -> bool:
    """Whether something approved is being carried out."""
    return await _in_state(connection, incident_id, ApprovalState.APPROVED) is not None


async def newest_of(connection: AsyncConnection, incident_id: str) -> Approval | None:
    """The approval that was asked for last."""
    query = (
        sa.select(tables.approvals)
        .where(tables.approvals.c.incident_id == incident_id)
        .order_by(tables.approvals.c.created_at.desc(), tables.approvals.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _approval(row) if row else None


async def ids_in_state(connection: AsyncConnection, state: ApprovalState) -> list[str]:
    """The ids of all approvals in a state."""
    query = sa.select(tables.approvals.c.id).where(tables.approvals.c.state == state.value)
    return list((await connection.execute(query)).scalars())


async def finish(
    connection: AsyncConnection, approval: Approval, state: ApprovalState, now: datetime, reason: str | None = None
) -> bool:
    """Moves an approved approval to used or void; False when it was not approved any more."""
    tag = AuditTag.APPROVAL_USED if state is ApprovalState.USED else AuditTag.APPROVAL_VOIDED
    return await _move(connection, approval, state, tag, None, now, expected=ApprovalState.APPROVED, reason=reason)


async def _move(
    connection: AsyncConnection,
    approval: Approval,
    state: ApprovalState,
    tag: AuditTag,
    actor: Actor | None,
    now: datetime,
    *,
    expected: ApprovalState = ApprovalState.WAITING,
    reason: str | None = None,
) -> bool:
    values: dict[str, Any] = {"state": state.value, "reason": reason}
    if actor is not None:
        values |= {"decided_by": asdict(actor), "decided_at": now}
    if state is ApprovalState.USED:
        values["used_at"] = now
    moved = await connection.execute(
        sa.update(tables.approvals)
        .where(tables.approvals.c.id == approval.id, tables.approvals.c.state == expected.value)
        .values(**values)
    )
    if moved.rowcount != 1:
        return False
    await timeline.append(
        connection,
        approval.incident_id,
        tag,
        at=now,
        actor_id=actor.object_id if actor else timeline.SYSTEM,
        data={"approval": approval.id, "digest": approval.digest, "reason": reason},
    )
    return True


def _approval(row: sa.Row[Any]) -> Approval:
    return Approval(
        id=row.id,
        incident_id=row.incident_id,
        kind=PlanKind(row.kind),
        target_id=row.target_id,
        plans=plans_from_json(row.plan),
        digest=row.digest,
        rule=Rule(row.rule),
        requester=actor_from_json(row.requester),
        nonce=row.nonce,
        state=ApprovalState(row.state),
        created_at=row.created_at,
        expires_at=row.expires_at,
        decided_by=None if row.decided_by is None else actor_from_json(row.decided_by),
        decided_at=row.decided_at,
        reason=row.reason,
        asked=tuple(row.ask),
    )
