"""Runs steps durably: plan, compare with what was approved, apply item by item, read back.

Around the steps it does what none of them may forget: the role check at execution, the comparison of the digest, the
ledger, the time-outs. A step that fails never stops the others. Running a run again finishes it and repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services import approvals, brake
from services.access import Access, Permission
from services.approvals import Approval, ApprovalState, PlanKind, RuleBook
from services.channel import Actor
from services.database import Database
from services.durable import Durable
from services.errors import (
    Conflict,
    IRBotError,
    NotAllowed,
    Stopped,
    UnknownOutcome,
)
from services.incidents import store
from services.incidents.model import Incident, Phase, Subject
from services.incidents.subjects import recognise
from services.microsoft365 import Microsoft365, urgently
from services.plain_words import explain
from services.playbook import by_hand
from services.playbook.comparison import Compared, Work, compare, refused_words, shows, work_of
from services.playbook.giving_back import PUT_BACK_BY
from services.playbook.ledger import Effect, EffectState, Ledger, Run, RunKind, effects_of, runs_of
from services.playbook.planner import Planner, our_fault, outcome_of
from services.playbook.preparation import INVESTIGATE, PREPARE, looked_at_anew
from services.playbook.step import (
    Change,
    Context,
    Outcome,
    Plan,
    Report,
    State,
    Step,
    Undo,
    digest_of,
)
from services.posts import PostKind, Posts
from services.settings import Settings
from services.together import together
from services.triggers import rules

log = logging.getLogger(__name__)

_REPLICATION_SECONDS = 10.0
_UNANSWERED_SECONDS = 20.0

# A step with one of these states may be proposed again; the others are settled.
_OPEN_ENDS = frozenset(
    {State.FAILED, State.NEEDS_ON_PREMISES, State.NOT_EVALUATED, State.REFUSED, State.UNKNOWN, State.UNDONE}
)

# An effect that was made, or may have been; and how an undo ends that leaves nothing to put back.
_MADE = frozenset({EffectState.INTENDED, EffectState.SENT, EffectState.SHOWN, EffectState.UNKNOWN})
_PUT_BACK = frozenset({State.ACCEPTED, State.UNDONE})

# A comparison that ends so has seen that nothing is left to do.
_IS_SO = frozenset({State.ALREADY_SO, State.UNDONE})


class _InTheWay(Exception):
    """A change conflicts with how things are: another one may have to go first."""


class Runner:
    """Executes approvals, and knows what can be undone. An execution is a job: resumable, and safe to run twice."""

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
        planner: Planner,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._brake = brake.Brake(database)
        self._m365 = m365
        self._settings = settings
        self._access = access
        self._durable = durable
        self._posts = posts
        self._rules = rules
        self._planner = planner
        self._steps = planner.steps
        self._ledger = ledger
        self._now = now

    # -- executing an approval -----------------------------------------------------------------------------------

    async def pending_executions(self) -> list[str]:
        """The ids of all approvals that are approved and not used."""
        async with self._database.read() as connection:
            return await approvals.ids_in_state(connection, ApprovalState.APPROVED)

    async def execute(self, approval_id: str) -> None:
        """Does exactly what was approved if it is still allowed and still the same; else voids it and says why."""
        with urgently():
            await self._execute(approval_id)

    async def _execute(self, approval_id: str) -> None:
        async with self._database.read() as connection:
            approval = await approvals.get(connection, approval_id)
            incident = await store.get(connection, approval.incident_id)
            stop = await brake.current(connection)
        if approval.state is not ApprovalState.APPROVED:
            return
        if stop is not None:
            await self._void(approval, _stopped_words(stop.error()))
            return
        (subject, account), denial = await together(
            recognise(self._m365, self._settings, approval.target_id), self._denial(approval, incident)
        )
        reason = denial or self._moved(approval, subject)
        if reason:
            await self._void(approval, reason)
            return
        ctx = replace(
            self._planner.context(incident, subject, account),
            cause=approval.id,
            asked_by=approval.requester.object_id,
            decided_by=approval.decided_by or approval.requester,
        )
        failures: list[Exception] = []

        async def apart(work: Awaitable[None]) -> None:
            try:
                await work
            except Exception as error:
                log.exception("a step failed for a reason of our own; the others go on")
                failures.append(error)

        async with asyncio.TaskGroup() as group:
            for step in self._in_order(approval):
                if step.id in approval.plans:
                    await apart(self._run_step(step, approval, ctx, lambda work: group.create_task(apart(work))))
        if failures:
            raise ExceptionGroup("steps failed", failures)
        await self._finish(approval, incident)

    def _in_order(self, approval: Approval) -> list[Step]:
        """The playbook's order; backwards for an undo; an eviction ends with what belongs to the lock."""
        if approval.kind is PlanKind.UNDO:
            return list(reversed(self._steps))
        if approval.kind is PlanKind.EVICT:
            return sorted(self._steps, key=lambda step: step.phase is Phase.LOCK)
        return list(self._steps)

    async def execution_gave_up(self, approval_id: str, correlation_id: str) -> None:
        """Ends what is left of a run that failed for a reason of our own, so that a person can go on."""
        async with self._database.read() as connection:
            approval = await approvals.get(connection, approval_id)
            runs = await runs_of(connection, approval.incident_id)
        words = our_fault(correlation_id)
        for run in runs:
            if run.cause == approval_id and run.state is State.RUNNING:
                state = State.UNKNOWN if await self._effects(run) else State.FAILED
                await self._ledger.end(run, Outcome(state, words), self._now())
        await self._void(approval, words)

    async def _denial(self, approval: Approval, incident: Incident) -> str | None:
        """Why the requester or the decider may not any more; None when both still may."""
        if rules.is_rule(approval.requester):
            return rules.denial(self._settings, approval.requester)
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
        rule = self._rules.rule(approval.kind, approvals.changing(approval.plans), subject)
        if rule.strictness > approval.rule.strictness:
            kinds = ", ".join(subject.kinds())
            return f"The account now needs a second person's approval ({kinds})."
        return None

    async def _void(self, approval: Approval, reason: str) -> None:
        """Ends the approval unused, and looks anew: the next proposal shows the world as it is."""
        nonce = store.new_nonce()
        job: str | None = None
        async with self._database.write() as connection:
            moved = await approvals.finish(connection, approval, ApprovalState.VOID, self._now(), reason)
            if moved and approval.kind is PlanKind.LOCK:
                job = PREPARE
                await store.update(connection, approval.incident_id, plan={}, nonce=nonce)
            elif moved and approval.kind is PlanKind.EVICT:
                values = looked_at_anew(await store.get(connection, approval.incident_id, lock=True), approval)
                await store.update(connection, approval.incident_id, **values)
                if "investigation" in values:
                    job, nonce = INVESTIGATE, values["investigation"]["nonce"]
        self._posts.changed.set()
        if job is not None:
            await self._durable.start(job, f"{approval.incident_id}:{nonce}")

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
        ctx = replace(ctx, approved=planned, report=Report(lambda words: self._tell(run, words)))
        work = work_of(step, kind)
        begun = () if fresh else tuple(effect.change for effect in await self._effects(run))
        left = [change for change in planned.changes if change.item not in {each.item for each in begun}]
        now = Compared()
        if left or not begun:
            patience = min(_REPLICATION_SECONDS, self._settings.verify_patience_seconds)
            now = await compare(step, work, replace(planned, changes=tuple(left)), ctx, patience)
            if now.settled is not None and not begun:
                await self._end(run, now.settled, step)
                return
        barred = dict(now.barred)
        if now.settled is not None and now.settled.state not in _IS_SO:
            barred = {change.item: now.settled for change in left}
        to_do = (*begun, *now.changes)
        changes = (*to_do, *(change for change in left if change.item in barred))
        refused = await self._apply_all(run, step, ctx, work, to_do) | barred
        if changes and len(refused) == len(changes):
            await self._end(run, refused_words(changes, refused), step)
        else:
            unread = tuple(dict.fromkeys((*planned.unread, *now.unread)))
            later(self._read_back(run, step, ctx, work, changes, refused, unread))

    async def _tell(self, run: Run, words: str) -> None:
        """Shows how far a long change is."""
        await self._ledger.progress(run, words)
        self._posts.changed.set()

    async def _apply_all(
        self, run: Run, step: Step, ctx: Context, work: Work, changes: tuple[Change, ...]
    ) -> dict[str, Outcome]:
        """Makes the changes in their order, and returns those that were refused, by item. One stops no other.

        What conflicts is tried once more after the others: one of them may have stood in its way.
        """
        refused: dict[str, Outcome] = {}
        in_conflict: list[Change] = []
        for change in changes:
            try:
                outcome = await self._apply(run, step, ctx, work, change)
            except _InTheWay:
                in_conflict.append(change)
                continue
            if outcome is not None:
                refused[change.item] = outcome
        for change in in_conflict:
            outcome = await self._apply(run, step, ctx, work, change, again=True)
            if outcome is not None:
                refused[change.item] = outcome
        return refused

    async def _apply(
        self, run: Run, step: Step, ctx: Context, work: Work, change: Change, *, again: bool = False
    ) -> Outcome | None:
        """Makes one change unless it was made before. Returns why it was refused. Raises _InTheWay for a conflict."""
        effect = await self._ledger.effect(run, change.item)
        if effect is None or effect.state is EffectState.FAILED:
            await self._ledger.mark(run, change, EffectState.INTENDED, self._now())
        elif again:
            change = effect.change
        elif effect.state is not EffectState.INTENDED:
            return None
        else:
            change = effect.change  # what was seen before the effect, not what the approval saw
            patience = min(_REPLICATION_SECONDS, self._settings.verify_patience_seconds)
            if await shows(ctx, work, change, patience):
                await self._ledger.mark(run, change, EffectState.SHOWN, self._now())
                return None
        if not self._durable.holds_lease():
            raise Conflict(reason="lease-lost")
        try:
            await self._brake.insist()
            await work.apply(ctx, change)
        except Stopped as error:  # in front of the first call, or of a later one of the same change
            if effect is None or effect.state is EffectState.FAILED or again:  # else it may have been made
                await self._ledger.mark(run, change, EffectState.FAILED, self._now(), {"reason": "stopped"})
            return Outcome(State.REFUSED, _stopped_words(error))
        except UnknownOutcome as error:
            await self._ledger.mark(run, change, EffectState.UNKNOWN, self._now(), error.data)
            return None
        except IRBotError as error:
            if isinstance(error, Conflict) and not again:
                raise _InTheWay from None
            await self._ledger.mark(run, change, EffectState.FAILED, self._now(), {"code": error.code, **error.data})
            return outcome_of(step, ctx, error, reading=False)
        await self._ledger.mark(run, change, EffectState.SENT, self._now())
        return None

    async def _read_back(
        self,
        run: Run,
        step: Step,
        ctx: Context,
        work: Work,
        changes: tuple[Change, ...],
        refused: Mapping[str, Outcome],
        unread: tuple[str, ...],
    ) -> None:
        """Ends a run by what the cloud shows, not by what it answered; `unread` is what nobody could look at."""
        self._posts.changed.set()
        missing: list[str] = []
        unknown = False
        for planned in changes:
            if planned.item in refused:
                continue
            effect = await self._ledger.effect(run, planned.item)
            change = effect.change if effect else planned
            unanswered = effect is None or effect.state is EffectState.UNKNOWN
            patience = 0.0 if change.later else self._settings.verify_patience_seconds
            if not await shows(ctx, work, change, min(patience, _UNANSWERED_SECONDS) if unanswered else patience):
                missing.append(change.what)
                unknown = unknown or unanswered
        notes = (*ctx.report.notes.values(), *unread)
        if refused:
            await self._end(run, refused_words(changes, refused, missing), step)
        elif ctx.report.shortfalls:
            words = " ".join((*ctx.report.shortfalls.values(), *notes))
            await self._end(run, Outcome(State.FAILED, f"Checked, and not all is done. {words}"))
        elif not missing:
            shown = (
                f"{changes[0].what}: {changes[0].after}" if len(changes) == 1 else f"All {len(changes)} changes show"
            )
            await self._end(run, Outcome(work.ends_as, " ".join((f"Checked. {shown}.", *notes))))
        elif unknown:
            words = f"Microsoft 365 gave no answer, and it does not show: {', '.join(missing)}. Look, then try again."
            await self._end(run, Outcome(State.UNKNOWN, words))
        else:
            words = f"Microsoft 365 said yes, but does not show it yet: {', '.join(missing)}. Look again in a while."
            await self._end(run, Outcome(State.ACCEPTED, " ".join((words, *notes))))

    async def _end(self, run: Run, outcome: Outcome, step: Step | None = None) -> None:
        """Ends a run. What its step leaves to be done on-premises is a task before the run says so."""
        if step is not None and outcome.state is State.NEEDS_ON_PREMISES:
            now = self._now()
            async with self._database.write() as connection:
                incident = await store.get(connection, run.incident_id)
                task = await by_hand.want_on_premises(connection, incident, step, outcome.reason, self._settings, now)
                await self._posts.want_in_thread(
                    connection, incident, f"task:{task.id}", PostKind.TASK, now, task.title
                )
        await self._ledger.end(run, outcome, self._now())
        self._posts.changed.set()

    async def _finish(self, approval: Approval, incident: Incident) -> None:
        """Uses the approval up and, in the same transaction, proposes again what is left to do."""
        values = await self._left_to_do(approval, incident)
        async with self._database.write() as connection:
            if await approvals.finish(connection, approval, ApprovalState.USED, self._now()):
                values |= looked_at_anew(await store.get(connection, approval.incident_id, lock=True), approval)
                await store.update(connection, approval.incident_id, nonce=store.new_nonce(), **values)
        self._posts.changed.set()
        if "investigation" in values:
            nonce = values["investigation"]["nonce"]
            await self._durable.start(INVESTIGATE, f"{approval.incident_id}:{nonce}")

    async def _left_to_do(self, approval: Approval, incident: Incident) -> dict[str, Any]:
        """What takes the place of the used proposal of a lock."""
        values: dict[str, Any] = {}
        if approval.kind in {PlanKind.EVICT, PlanKind.STEPS}:
            return values
        async with self._database.read() as connection:
            latest = {run.step_id: run for run in await runs_of(connection, approval.incident_id)}
        open_ends = {step_id for step_id, run in latest.items() if run.state in _OPEN_ENDS}
        lock = [step for step in self._steps if step.phase is Phase.LOCK and step.id in open_ends]
        try:
            subject, account = await recognise(self._m365, self._settings, approval.target_id)
            ctx = self._planner.context(incident, subject, account)
            kind = PlanKind.LOCK if lock else PlanKind.NONE
            values["plan"] = await self._planner.proposal(kind, ctx, lock)
        except IRBotError:
            values["plan"] = {"kind": PlanKind.FAILED.value}
        return values

    async def plan_now(self, incident_id: str, step_id: str) -> Plan:
        """The plan of one step as the world is now."""
        async with self._database.read() as connection:
            incident = await store.get(connection, incident_id)
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        step = next(step for step in self._steps if step.id == step_id)
        plans = await self._planner.plans(self._planner.context(incident, subject, account), [step])
        return plans[step_id]

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
                    if run.step_id == PUT_BACK_BY.get(step.id) and run.kind in {RunKind.APPLY, RunKind.GUIDED}:
                        await self._drop_given_back(run, made)
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
                        changes=tuple(
                            Change(each.item, each.what, each.after, each.before, data=each.data)
                            for each in made.values()
                        )
                    )
        return plans

    async def _drop_given_back(self, run: Run, made: dict[str, Change]) -> None:
        """What a later step put back needs no undo any more; by hand, all of it was."""
        if run.kind is RunKind.GUIDED and run.state is State.DONE:
            made.clear()
        for effect in await self._effects(run):
            if effect.state in _MADE:
                made.pop(effect.item, None)

    async def _effects(self, run: Run) -> tuple[Effect, ...]:
        async with self._database.read() as connection:
            return await effects_of(connection, run.id)


def _stopped_words(error: Stopped) -> str:
    return f"{explain(error).what} Ask again after “resume”."
