"""The watch for a return: it begins by itself once a lock or an eviction was carried out, and outlives the incident.

What is due is in rows; each look is a job, claimed once however many processes there are. A look that could not read
something says so, and never takes it for clean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services import approvals
from services.access import Access, Permission
from services.approvals import ApprovalState, PlanKind
from services.channel import Actor, Conversation
from services.database import Database, tables
from services.database.task_tables import watches
from services.durable import Durable
from services.errors import BadInput, Conflict
from services.incidents import store, timeline
from services.incidents.model import Incident, IncidentState, Phase
from services.incidents.subjects import recognise
from services.incidents.timeline import SYSTEM, AuditTag
from services.microsoft365 import Microsoft365
from services.playbook import guided
from services.playbook.ledger import Ledger, runs_of
from services.playbook.planner import Planner
from services.playbook.preparation import Preparation
from services.playbook.step import Context, Outcome, Plan, State
from services.playbook.watch_for_return import (
    AREAS,
    GUIDED,
    News,
    Picture,
    Remedy,
    known_after,
    news_in,
    picture_of,
    schedule,
)
from services.posts import PostKind, Posts
from services.recovery import looks
from services.recovery.looks import Look, LookKind, LookState
from services.recovery.passes import ours
from services.settings import Settings

LOOK = "watch"
_METHODS, _SENDING = "remove-sign-in-methods", "unblock-sending"
_SENDING_AGAIN = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 4 * 60, 24 * 60))


class Watch:
    """Begins, claims and carries out looks. The job's key is the id of a look."""

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
        preparation: Preparation,
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
        self._preparation = preparation
        self._ledger = ledger
        self._now = now

    # -- what comes round ------------------------------------------------------------------------------------------

    async def keep_up(self) -> None:
        """Begins what is to be watched, keeps what is known at the start, and starts the looks that are due."""
        await self._begin_new()
        await self._keep_starts()
        async with self._database.read() as connection:
            if not await looks.any_due(connection, self._now()):
                return
        async with self._database.write() as connection:
            due = await looks.claim_due(connection, self._now())
        for look in due:
            await self._durable.start(LOOK, look.id)

    async def pending(self) -> list[str]:
        """The ids of all looks that run."""
        async with self._database.read() as connection:
            return await looks.ids_in(connection, LookState.LOOKING)

    async def _begin_new(self) -> None:
        """Once per approval that was carried out: the newest one of an incident is what its watch counts from."""
        recent = self._now() - timedelta(days=self._settings.watch_days)
        begun = sa.select(watches.c.cause)
        done = sa.select(tables.approvals.c.id, tables.approvals.c.used_at).where(
            tables.approvals.c.kind.in_([PlanKind.LOCK.value, PlanKind.EVICT.value]),
            tables.approvals.c.state == ApprovalState.USED.value,
            tables.approvals.c.used_at >= recent,
            tables.approvals.c.id.not_in(begun),
        )
        freed = sa.select(tables.step_runs.c.id).where(
            tables.step_runs.c.step_id == _SENDING,
            tables.step_runs.c.state == State.ACCEPTED.value,
            tables.step_runs.c.id.not_in(begun),
        )
        async with self._database.read() as connection:
            approved = list(await connection.execute(done.order_by(tables.approvals.c.used_at)))
            released = list((await connection.execute(freed)).scalars())
        for row in approved:
            await self._begin(row.id, row.used_at)
        for run_id in released:
            await self._begin_sending(run_id)

    async def _begin(self, approval_id: str, carried_out_at: datetime) -> None:
        now = self._now()
        async with self._database.write() as connection:
            approval = await approvals.get(connection, approval_id)
            due = schedule(carried_out_at, self._settings.watch_days)
            if not await looks.begin(connection, approval.incident_id, LookKind.RETURN, approval_id, due):
                return
            data = {"until": due[-1].isoformat()}
            await timeline.append(connection, approval.incident_id, AuditTag.WATCH_STARTED, at=now, data=data)
            incident = await store.get(connection, approval.incident_id)
        until = Outcome(State.ACCEPTED, f"Watching until {due[-1]:%d %b %Y}.")
        actor = approval.decided_by or approval.requester
        await guided.record(self._ledger, incident, GUIDED.id, until, actor, approval_id, now)

    async def _begin_sending(self, run_id: str) -> None:
        async with self._database.write() as connection:
            row = (await connection.execute(sa.select(tables.step_runs).where(tables.step_runs.c.id == run_id))).one()
            due = [self._now() + later for later in _SENDING_AGAIN]
            await looks.begin(connection, row.incident_id, LookKind.SENDING, run_id, due)

    async def _keep_starts(self) -> None:
        """What is known at the start is what the investigation found that followed, without asking again."""
        async with self._database.read() as connection:
            waiting = await looks.starts(connection)
            incidents = {look.id: await store.get(connection, look.incident_id) for look in waiting}
        for look in waiting:
            if not incidents[look.id].investigation.get("done"):
                continue
            async with self._database.write() as connection:
                known = await looks.picture_at_start(connection, look.incident_id)
                await looks.end(connection, look, LookState.LOOKED, _result(known, ()), self._now())

    # -- a look ----------------------------------------------------------------------------------------------------

    async def look(self, look_id: str) -> None:
        """Reads anew, compares with what was known, and raises the alarm where something is new."""
        async with self._database.read() as connection:
            look = await looks.get(connection, look_id)
            incident = await store.get(connection, look.incident_id)
            runs = await runs_of(connection, incident.id)
            passes = await ours(connection, incident.id)
            known = await looks.known(connection, look) if look.kind is LookKind.RETURN else None
        if look.state is not LookState.LOOKING:
            return
        subject, account = await recognise(self._m365, self._settings, incident.subject.object_id)
        ctx = replace(self._planner.context(incident, subject, account), round=look.nonce)
        if look.kind is LookKind.SENDING:
            await self._look_at_sending(look, incident, ctx)
            return
        plans = await self._plans(ctx, passes)
        picture = picture_of(plans, enabled=account.account_enabled, given_back=looks.is_given_back(runs))
        news = news_in(known, picture) if known is not None else ()
        if news and incident.state is IncidentState.OPEN:
            await self._prepare_answer(incident, ctx, news)
        await self._end(look, incident, _result(known_after(known, picture), news, picture.unread), news)

    async def gave_up(self, look_id: str, correlation_id: str) -> None:
        """A look that failed for a reason of our own has seen nothing; the next one compares with what was known."""
        async with self._database.write() as connection:
            look = await looks.get(connection, look_id)
            words = {"account": f"IRBot failed. Tell your administrator this number: {correlation_id}."}
            await looks.end(connection, look, LookState.FAILED, {"unread": words}, self._now())
            await self._posts.redraw_incident(connection, look.incident_id)

    async def look_now(self, incident_id: str, nonce: str, actor: Actor, where: Conversation) -> None:
        """Another look, at once. `nonce` is that of the look which the card shows as the last one."""
        await self._access.require(actor, Permission.ACCOUNT_CONTAIN, where, incident_id=incident_id, harmless=True)
        async with self._database.write() as connection:
            mine = [each for each in await looks.of(connection, incident_id) if each.state is not LookState.CANCELLED]
            if not mine:
                raise Conflict(reason="nothing-to-watch")
            if not any(store.same_nonce(each.nonce, nonce) for each in mine):
                raise BadInput(reason="stale-card")
            if any(each.state is LookState.LOOKING for each in mine):
                raise Conflict(reason="step-running")
            cause, number = mine[-1].cause, max(each.number for each in mine) + 1
            await looks.begin(connection, incident_id, LookKind.RETURN, cause, [self._now()], number)
        await self.keep_up()

    async def _plans(self, ctx: Context, passes: frozenset[str]) -> dict[str, Plan]:
        """The plans of the areas. A pass that IRBot issued is nobody's new method."""
        wanted = {area.step_id for area in AREAS}
        steps = [step for step in self._planner.steps if step.id in wanted]
        plans = await self._planner.plans(ctx, steps, self._settings.check_timeout_seconds)
        held = plans.get(_METHODS)
        if held is not None and held.changes:
            changes = tuple(change for change in held.changes if change.data.get("id") not in passes)
            plans[_METHODS] = replace(held, changes=changes)
        return plans

    async def _prepare_answer(self, incident: Incident, ctx: Context, news: Sequence[News]) -> None:
        """Draws up what the alarm's button asks for: a new lock where sign-in is allowed, a new round of checks."""
        if any(each.remedy is Remedy.LOCK for each in news) and ctx.account.account_enabled:
            steps = [step for step in self._planner.steps if step.phase is Phase.LOCK]
            proposal = await self._planner.proposal(PlanKind.LOCK, ctx, steps)
            async with self._database.write() as connection:
                if await approvals.waiting_of(connection, incident.id) is None:
                    await store.update(connection, incident.id, plan=proposal, nonce=store.new_nonce())
                    data = {"kind": PlanKind.LOCK.value, "steps": list(proposal["steps"])}
                    await timeline.append(connection, incident.id, AuditTag.PLAN_PROPOSED, at=self._now(), data=data)
        try:
            await self._preparation.investigate_again(incident.id)
        except Conflict:
            return  # a round is under way

    async def _end(self, look: Look, incident: Incident, result: Mapping[str, Any], news: Sequence[News]) -> None:
        now = self._now()
        async with self._database.write() as connection:
            if not await looks.end(connection, look, LookState.LOOKED, result, now):
                return
            tag = AuditTag.WATCH_ALARMED if news else AuditTag.WATCH_LOOKED
            data = {"look": look.id, "found": [each.title for each in news], "unread": sorted(result["unread"])}
            await timeline.append(connection, incident.id, tag, at=now, actor_id=SYSTEM, data=data)
            if news:
                await self._posts.want_in_thread(
                    connection, incident, f"alarm:{look.id}", PostKind.ALARM, now, news[0].title
                )
            over = not any(each.state is LookState.WAITING for each in await looks.of(connection, incident.id))
        self._posts.changed.set()
        if over:
            await self._note_over(look, incident)

    async def _note_over(self, look: Look, incident: Incident) -> None:
        async with self._database.read() as connection:
            approval = await approvals.get(connection, look.cause)
            alarms = sum(bool(each.result.get("news")) for each in await looks.of(connection, incident.id))
        many = "1 look" if alarms == 1 else f"{alarms} looks"
        found = f"{many} found something new." if alarms else "Nothing came back."
        outcome = Outcome(State.DONE, f"Watched for {self._settings.watch_days} days. {found}")
        actor = approval.decided_by or approval.requester
        await guided.record(self._ledger, incident, GUIDED.id, outcome, actor, look.id, self._now())

    async def _look_at_sending(self, look: Look, incident: Incident, ctx: Context) -> None:
        """Whether a release shows by now; at the last look it is said that it does not."""
        steps = [step for step in self._planner.steps if step.id == _SENDING]
        plan = (await self._planner.plans(ctx, steps))[_SENDING]
        free = plan.settled is not None and plan.settled.state is State.ALREADY_SO
        last = look.number == len(_SENDING_AGAIN) - 1
        async with self._database.write() as connection:
            if free:
                await looks.cancel_rest(connection, look.cause)
            run = (
                await connection.execute(sa.select(tables.step_runs).where(tables.step_runs.c.id == look.cause))
            ).one()
        if free or last:
            shown = Outcome(State.DONE, "Checked. Microsoft lets this sender send again.")
            late = Outcome(
                State.FAILED, "A day after the release Microsoft still restricts this sender. Ask Microsoft's support."
            )
            await guided.record(
                self._ledger,
                incident,
                _SENDING,
                shown if free else late,
                Actor(**run.actor),
                look.id,
                self._now(),
            )
        async with self._database.write() as connection:
            await looks.end(connection, look, LookState.LOOKED, {"unread": {}}, self._now())
        self._posts.changed.set()


def _result(known: Picture, news: Sequence[News], unread: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "known": known.to_json(),
        "news": [[each.title, each.severity.value, each.remedy.value] for each in news],
        "unread": dict(known.unread if unread is None else unread),
    }
