"""Runs steps durably: plan, compare with what was approved, apply item by item, read back.

Around the steps it does what none of them may forget: the role check at execution, the comparison of the digest, the
ledger, the time-outs. A step that fails never stops the others. Running a run again finishes it and repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services import approvals
from services.access import Access, Permission
from services.approvals import Approval, ApprovalState, PlanKind, RuleBook, plans_to_json
from services.channel import Actor
from services.database import Database
from services.durable import Durable
from services.errors import (
    Conflict,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    NotAllowed,
    OnPremises,
    UnknownOutcome,
)
from services.incidents import store, timeline
from services.incidents.model import Incident, Phase, Subject
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.plain_words import explain
from services.playbook.ledger import Effect, EffectState, Ledger, Run, RunKind, effects_of, runs_of
from services.playbook.step import (
    Change,
    Context,
    Outcome,
    Plan,
    Risk,
    State,
    Step,
    Undo,
    digest_of,
)
from services.posts import Posts
from services.settings import Settings
from services.together import together

log = logging.getLogger(__name__)

_FIRST_LOOK_SECONDS = 0.25
_LONGEST_LOOK_SECONDS = 8.0
_REPLICATION_SECONDS = 10.0
_UNANSWERED_SECONDS = 20.0

# A step with one of these states may be proposed again; the others are settled.
_OPEN_ENDS = frozenset(
    {State.FAILED, State.NEEDS_ON_PREMISES, State.NOT_EVALUATED, State.REFUSED, State.UNKNOWN, State.UNDONE}
)

# An effect that was made, or may have been; and how an undo ends that leaves nothing to put back.
_MADE = frozenset({EffectState.INTENDED, EffectState.SENT, EffectState.SHOWN, EffectState.UNKNOWN})
_PUT_BACK = frozenset({State.ACCEPTED, State.ALREADY_SO, State.UNDONE})


@dataclass(frozen=True)
class _Work:
    """What a run does with one change: the step's own functions, or those of its undo."""

    apply: Callable[[Context, Change], Awaitable[None]]
    verify: Callable[[Context, Change], Awaitable[bool]]
    ends_as: State


class Runner:
    """Prepares incidents and executes approvals. Both are jobs: resumable, and safe to run twice."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        access: Access,
        durable: Durable,
        posts: Posts,
        rules: RuleBook,
        steps: Sequence[Step],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._access = access
        self._durable = durable
        self._posts = posts
        self._rules = rules
        self._steps = tuple(steps)
        self._ledger = Ledger(database)
        self._now = now

    # -- preparing: read only, by itself, as soon as an incident is open -----------------------------------------

    async def prepare(self, key: str) -> None:
        """Recognises the account, keeps the snapshot and proposes the lock. `key` is `incident id:nonce`."""
        incident_id, _, nonce = key.partition(":")
        async with self._database.read() as connection:
            incident = await store.get(connection, incident_id)
        if incident.plan or incident.nonce != nonce:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        async with self._database.write() as connection:
            await store.update(connection, incident_id, subject=subject.to_json())
            await timeline.append(
                connection,
                incident_id,
                AuditTag.SUBJECT_RECOGNISED,
                at=self._now(),
                data={"kinds": list(subject.kinds()), "unknowns": list(subject.unknowns)},
            )
        self._posts.changed.set()
        ctx = self._context(incident, subject, account)
        readers = [step for step in self._steps if step.risk is Risk.READ and step.phase is Phase.PREPARE]
        await together(*(self._read(step, incident, nonce, ctx) for step in readers))
        await self._propose(incident_id, ctx)

    async def prepare_gave_up(self, key: str, correlation_id: str) -> None:
        """Says on the card that the preparation failed, so that a person can start it again."""
        incident_id, _, nonce = key.partition(":")
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            runs = await runs_of(connection, incident_id)
            if incident.plan or incident.nonce != nonce:
                return
            await store.update(
                connection, incident_id, plan={"kind": PlanKind.FAILED.value, "correlation_id": correlation_id}
            )
            await timeline.append(
                connection, incident_id, AuditTag.PLAN_PROPOSED, at=self._now(), data={"failed": correlation_id}
            )
        for run in runs:
            if run.cause == nonce and run.state is State.RUNNING:
                await self._end(run, Outcome(State.NOT_EVALUATED, _our_fault(correlation_id)))
        self._posts.changed.set()

    async def prepare_again(self, incident_id: str, nonce: str, actor: Actor) -> None:
        """Starts the preparation afresh. The caller has checked the role. Raises Conflict for a stale nonce."""
        async with self._database.write() as connection:
            incident = await store.get(connection, incident_id, lock=True)
            if incident.nonce != nonce or incident.plan.get("kind") != PlanKind.FAILED.value:
                raise Conflict(reason="plan-changed")
            fresh = store.new_nonce()
            await store.update(connection, incident_id, plan={}, nonce=fresh)
        await self._durable.start("prepare", f"{incident_id}:{fresh}")
        self._posts.changed.set()

    async def pending_preparations(self) -> list[str]:
        """The keys of all preparations that are not finished."""
        async with self._database.read() as connection:
            incidents, _ = await store.all_open(connection, limit=10_000)
        return [f"{incident.id}:{incident.nonce}" for incident in incidents if not incident.plan]

    async def _read(self, step: Step, incident: Incident, cause: str, ctx: Context) -> None:
        run, _ = await self._ledger.begin(
            incident.id, step.id, RunKind.READ, cause, Plan(), incident.opened_by, self._now()
        )
        if run.state is not State.RUNNING:
            return
        self._posts.changed.set()
        try:
            async with asyncio.timeout(self._settings.call_timeout_seconds * 2):
                plan = await step.plan(ctx)
        except IRBotError as error:
            plan = Plan(settled=self._outcome_of(step, ctx, error, reading=True))
        except TimeoutError:
            plan = Plan(settled=Outcome(State.NOT_EVALUATED, "Microsoft 365 did not answer in time."))
        outcome, evidence = plan.settled or Outcome(State.DONE, ""), plan.evidence
        await self._ledger.end(run, outcome, self._now(), evidence)
        self._posts.changed.set()

    def _lock_steps(self) -> list[Step]:
        return [step for step in self._steps if step.phase is Phase.LOCK]

    async def _proposal(self, ctx: Context, steps: Sequence[Step]) -> dict[str, Any]:
        """The plans of the steps, as an incident keeps them; a settled step is shown with its reason."""
        plans: dict[str, Plan] = {}
        for step in steps:
            try:
                plans[step.id] = await step.plan(ctx)
            except IRBotError as error:
                plans[step.id] = Plan(settled=self._outcome_of(step, ctx, error, reading=True))
        return {"kind": PlanKind.LOCK.value, "steps": plans_to_json(plans)}

    async def _propose(self, incident_id: str, ctx: Context) -> None:
        """Puts the plan of the lock before the responders."""
        proposal = await self._proposal(ctx, self._lock_steps())
        async with self._database.write() as connection:
            await store.update(connection, incident_id, phase=Phase.LOCK.value, nonce=store.new_nonce(), plan=proposal)
            await timeline.append(
                connection, incident_id, AuditTag.PLAN_PROPOSED, at=self._now(), data={"steps": list(proposal["steps"])}
            )
        self._posts.changed.set()

    # -- executing an approval -----------------------------------------------------------------------------------

    async def pending_executions(self) -> list[str]:
        """The ids of all approvals that are approved and not used."""
        async with self._database.read() as connection:
            return await approvals.ids_in_state(connection, ApprovalState.APPROVED)

    async def execute(self, approval_id: str) -> None:
        """Does exactly what was approved if it is still allowed and still the same; else voids it and says why."""
        async with self._database.read() as connection:
            approval = await approvals.get(connection, approval_id)
            incident = await store.get(connection, approval.incident_id)
        if approval.state is not ApprovalState.APPROVED:
            return
        (subject, account), denial = await together(
            recognise(self._m365, self._settings, approval.target_id), self._denial(approval, incident)
        )
        reason = denial or self._moved(approval, subject)
        if reason:
            await self._void(approval, reason)
            return
        ctx = self._context(incident, subject, account)
        failures: list[Exception] = []

        async def apart(work: Awaitable[None]) -> None:
            try:
                await work
            except Exception as error:
                log.exception("a step failed for a reason of our own; the others go on")
                failures.append(error)

        async with asyncio.TaskGroup() as group:
            for step in self._steps:
                if step.id in approval.plans:
                    await apart(self._run_step(step, approval, ctx, lambda work: group.create_task(apart(work))))
        if failures:
            raise ExceptionGroup("steps failed", failures)
        await self._finish(approval, incident)

    async def execution_gave_up(self, approval_id: str, correlation_id: str) -> None:
        """Ends what is left of a run that failed for a reason of our own, so that a person can go on."""
        async with self._database.read() as connection:
            approval = await approvals.get(connection, approval_id)
            runs = await runs_of(connection, approval.incident_id)
        words = _our_fault(correlation_id)
        for run in runs:
            if run.cause == approval_id and run.state is State.RUNNING:
                state = State.UNKNOWN if await self._effects(run) else State.FAILED
                await self._ledger.end(run, Outcome(state, words), self._now())
        await self._void(approval, words)

    async def _denial(self, approval: Approval, incident: Incident) -> str | None:
        """Why the requester or the decider may not any more; None when both still may."""
        checks = [(approval.requester, Permission.ACCOUNT_CONTAIN)]
        decider = approval.decided_by
        if decider is not None and decider.object_id != approval.requester.object_id:
            checks.append((decider, Permission.APPROVAL_DECIDE))

        async def check(actor: Actor, permission: Permission) -> str | None:
            try:
                await self._access.require(actor, permission, None, incident_id=incident.id)
            except NotAllowed as error:
                return f"{actor.name}: {explain(error).what}"
            return None

        reasons = await together(*(check(actor, permission) for actor, permission in checks))
        return next((reason for reason in reasons if reason), None)

    def _moved(self, approval: Approval, subject: Subject) -> str | None:
        """Why the approval does not fit the world any more; None when it does."""
        if digest_of(approval.target_id, approval.kind.value, approval.plans) != approval.digest:
            return "The stored change is not the one that was approved."
        rule = self._rules.rule(approval.kind, approval.plans, subject)
        if rule.strictness > approval.rule.strictness:
            kinds = ", ".join(subject.kinds())
            return f"The account now needs a second person's approval ({kinds})."
        return None

    async def _void(self, approval: Approval, reason: str) -> None:
        """Ends the approval unused, and prepares a lock anew: the next proposal shows the world as it is."""
        async with self._database.write() as connection:
            moved = await approvals.finish(connection, approval, ApprovalState.VOID, self._now(), reason)
            prepares = moved and approval.kind is PlanKind.LOCK
            if prepares:
                await store.update(connection, approval.incident_id, plan={}, nonce=store.new_nonce())
            incident = await store.get(connection, approval.incident_id)
        self._posts.changed.set()
        if prepares:
            await self._durable.start("prepare", f"{incident.id}:{incident.nonce}")

    async def _run_step(
        self, step: Step, approval: Approval, ctx: Context, later: Callable[[Awaitable[None]], object]
    ) -> None:
        """Applies one step's changes; the reading back is left for `later`, so that the next step need not wait."""
        planned = approval.plans[step.id]
        kind = RunKind.UNDO if approval.kind is PlanKind.UNDO else RunKind.APPLY
        actor = approval.decided_by or approval.requester
        run, fresh = await self._ledger.begin(
            approval.incident_id, step.id, kind, approval.id, planned, actor, self._now()
        )
        if run.state is not State.RUNNING:
            return
        self._posts.changed.set()
        work = _work_of(step, kind)
        changes: tuple[Change, ...] = planned.changes
        if fresh or not await self._effects(run):
            settled, changes = await self._compare(step, kind, work, planned, ctx)
            if settled is not None:
                await self._end(run, settled)
                return
        for change in changes:
            refused = await self._apply(run, step, ctx, work, change)
            if refused is not None:
                await self._end(run, refused)
                return
        later(self._read_back(run, step, ctx, work, changes))

    async def _compare(
        self, step: Step, kind: RunKind, work: _Work, planned: Plan, ctx: Context
    ) -> tuple[Outcome | None, tuple[Change, ...]]:
        """The world right before the effect against the plan that was approved.

        Nothing left to do needs no approval; the same changes have one; anything else has none.
        """
        try:
            if kind is RunKind.UNDO:
                shown = await together(*(work.verify(ctx, change) for change in planned.changes))
                if all(shown):
                    return Outcome(State.ALREADY_SO, "It was put back before."), ()
                return None, planned.changes
            now = await step.plan(ctx)
        except IRBotError as error:
            return self._outcome_of(step, ctx, error, reading=True), ()
        if now.settled is not None:
            return now.settled, ()
        if not planned.same_changes(now):
            return Outcome(State.REFUSED, "The account has changed since this was approved. Ask again."), ()
        return None, now.changes

    async def _apply(self, run: Run, step: Step, ctx: Context, work: _Work, change: Change) -> Outcome | None:
        """Makes one change unless it was made before. Returns an outcome only when the step ends here."""
        effect = await self._ledger.effect(run, change.item)
        if effect is None:
            await self._ledger.mark(run, change, EffectState.INTENDED, self._now())
        elif effect.state is not EffectState.INTENDED:
            return None
        else:
            change = effect.change  # what was seen before the effect, not what the approval saw
            patience = min(_REPLICATION_SECONDS, self._settings.verify_patience_seconds)
            if await self._shows(ctx, work, change, patience):
                await self._ledger.mark(run, change, EffectState.SHOWN, self._now())
                return None
        if not self._durable.holds_lease():
            raise Conflict(reason="lease-lost")
        try:
            await work.apply(ctx, change)
        except UnknownOutcome as error:
            await self._ledger.mark(run, change, EffectState.UNKNOWN, self._now(), error.data)
            return None
        except IRBotError as error:
            await self._ledger.mark(run, change, EffectState.FAILED, self._now(), {"code": error.code, **error.data})
            return self._outcome_of(step, ctx, error, reading=False)
        await self._ledger.mark(run, change, EffectState.SENT, self._now())
        return None

    async def _read_back(self, run: Run, step: Step, ctx: Context, work: _Work, changes: tuple[Change, ...]) -> None:
        """Ends a run by what the cloud shows, not by what it answered."""
        self._posts.changed.set()
        missing: list[str] = []
        unknown = False
        for planned in changes:
            effect = await self._ledger.effect(run, planned.item)
            change = effect.change if effect else planned
            unanswered = effect is None or effect.state is EffectState.UNKNOWN
            patience = self._settings.verify_patience_seconds
            if not await self._shows(ctx, work, change, min(patience, _UNANSWERED_SECONDS) if unanswered else patience):
                missing.append(change.what)
                unknown = unknown or unanswered
        if not missing:
            shown = "; ".join(f"{change.what}: {change.after}" for change in changes)
            await self._end(run, Outcome(work.ends_as, f"Checked. {shown}."))
        elif unknown:
            words = f"Microsoft 365 gave no answer, and it does not show: {', '.join(missing)}. Look, then try again."
            await self._end(run, Outcome(State.UNKNOWN, words))
        else:
            words = f"Microsoft 365 said yes, but does not show it yet: {', '.join(missing)}. Look again in a while."
            await self._end(run, Outcome(State.ACCEPTED, words))

    async def _shows(self, ctx: Context, work: _Work, change: Change, patience_seconds: float) -> bool:
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

    async def _end(self, run: Run, outcome: Outcome) -> None:
        await self._ledger.end(run, outcome, self._now())
        self._posts.changed.set()

    async def _finish(self, approval: Approval, incident: Incident) -> None:
        """Uses the approval up and, in the same transaction, proposes again what did not work out."""
        async with self._database.read() as connection:
            latest = {run.step_id: run for run in await runs_of(connection, approval.incident_id)}
        again = [step for step in self._lock_steps() if step.id in latest and latest[step.id].state in _OPEN_ENDS]
        proposal: dict[str, Any] = {"kind": PlanKind.NONE.value, "steps": {}}
        if again:
            try:
                subject, account = await recognise(self._m365, self._settings, approval.target_id)
                proposal = await self._proposal(self._context(incident, subject, account), again)
            except IRBotError:
                proposal = {"kind": PlanKind.FAILED.value}
        async with self._database.write() as connection:
            if await approvals.finish(connection, approval, ApprovalState.USED, self._now()):
                await store.update(connection, approval.incident_id, plan=proposal, nonce=store.new_nonce())
        self._posts.changed.set()

    # -- undoing ---------------------------------------------------------------------------------------------------

    async def undo_plan(self, incident_id: str) -> dict[str, Plan]:
        """What can be put back: the changes that IRBot itself made and that can be undone."""
        plans: dict[str, Plan] = {}
        async with self._database.read() as connection:
            runs = await runs_of(connection, incident_id)
        for step in self._steps:
            if isinstance(step.undo, Undo):
                made: dict[str, Change] = {}
                for run in runs:
                    if run.step_id != step.id:
                        continue
                    if run.kind is RunKind.UNDO and run.state in _PUT_BACK:
                        made.clear()
                    if run.kind is RunKind.APPLY:
                        for effect in await self._effects(run):
                            if effect.state in _MADE:
                                made.setdefault(effect.item, effect.change)
                if made:
                    plans[step.id] = Plan(
                        changes=tuple(Change(each.item, each.what, each.after, each.before) for each in made.values())
                    )
        return plans

    async def _effects(self, run: Run) -> tuple[Effect, ...]:
        async with self._database.read() as connection:
            return await effects_of(connection, run.id)

    # -- words -------------------------------------------------------------------------------------------------------

    def _context(self, incident: Incident, subject: Subject, account: Account) -> Context:
        return Context(self._m365, self._settings, subject, account, incident.opened_at, self._now())

    def _outcome_of(self, step: Step, ctx: Context, error: IRBotError, *, reading: bool) -> Outcome:
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


def _our_fault(correlation_id: str) -> str:
    return f"IRBot failed. Tell your administrator this number: {correlation_id}."


def _work_of(step: Step, kind: RunKind) -> _Work:
    if kind is RunKind.UNDO:
        if not isinstance(step.undo, Undo):
            raise Conflict(reason="nothing-to-undo", step=step.id)
        return _Work(step.undo.apply, step.undo.verify, State.UNDONE)
    if step.apply is None or step.verify is None:
        raise Conflict(reason="nothing-to-apply", step=step.id)
    return _Work(step.apply, step.verify, State.DONE)
