"""A runner over a real database, a Microsoft 365 in memory and steps that a test makes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from services import approvals
from services.access import Access, Permission
from services.approvals import Approval, Approvals, PlanKind, RuleBook, plans_to_json
from services.channel import Actor
from services.database import Database
from services.durable import Durable
from services.errors import IRBotError
from services.incidents import store, timeline
from services.incidents.model import Incident, Phase
from services.playbook import STEPS
from services.playbook.ledger import Effect, EffectState, Ledger, Run, effects_of, runs_of
from services.playbook.on_demand import OnDemand
from services.playbook.planner import Planner
from services.playbook.preparation import Preparation
from services.playbook.runner import Runner
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo
from services.posts import Posts
from tests.services.fakes import CHANNEL, VAULT, Clock, FakeM365, actor, settings, subject

ALEX, ADELE = actor("alex"), actor("adele")
THE_LOCK = tuple(step for step in STEPS if step.phase is Phase.LOCK)


class Killed(BaseException):
    """The process dies here."""


class FakeDurable:
    """Notes what is started, and holds the lease as long as a test wants."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []
        self.lease = True

    async def start(self, name: str, key: str) -> None:
        self.started.append((name, key))

    def holds_lease(self) -> bool:
        return self.lease


@dataclass
class Things:
    """A step of a test's own over things that are open or shut. `on_apply` runs before or after each effect."""

    id: str = "shut-things"
    phase: Phase = Phase.LOCK
    open: dict[str, bool] = field(default_factory=lambda: {"a": True})
    shuts: bool = True  # whether an effect shows
    before: Callable[[str], None] = lambda item: None
    after: Callable[[str], None] = lambda item: None
    before_undo: Callable[[str], None] = lambda item: None
    on_plan: Callable[[], None] = lambda: None
    own_words: Outcome | None = None
    applied: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    value: str = "Open"
    unlisted: set[str] = field(default_factory=set)  # what plans do not see
    unread: tuple[str, ...] = ()  # and what they say of it
    before_verify: Callable[[str], None] = lambda item: None

    def step(self) -> Step:
        return Step(
            id=self.id,
            seed=(),
            phase=self.phase,
            title="Shut things",
            why="Because.",
            reads=("things",),
            changes=("things",),
            needs=(),
            may_run=Permission.ACCOUNT_CONTAIN,
            risk=Risk.REVERSIBLE,
            approval=Rule.CONFIRM,
            undo=Undo("Can be undone.", "Things", self._undo, self._verify_undo),
            plan=self._plan,
            apply=self._apply,
            verify=self._verify,
            explain=self._explain,
        )

    def change(self, item: str) -> Change:
        return Change(item, f"Thing {item}", self.value, "Shut")

    async def _plan(self, ctx: Context) -> Plan:
        self.on_plan()
        is_seen = self.open.keys() - self.unlisted
        changes = tuple(self.change(item) for item, is_open in self.open.items() if is_open and item in is_seen)
        if changes:
            return Plan(changes, unread=self.unread)
        return Plan(settled=Outcome(State.ALREADY_SO, "All is shut."), unread=self.unread)

    async def _apply(self, ctx: Context, change: Change) -> None:
        self.before(change.item)
        self.applied.append(change.item)
        if self.shuts:
            self.open[change.item] = False
        self.after(change.item)

    async def _verify(self, ctx: Context, change: Change) -> bool:
        self.before_verify(change.item)
        return not self.open.get(change.item, False)  # what is gone is shut

    async def _undo(self, ctx: Context, change: Change) -> None:
        self.before_undo(change.item)
        self.undone.append(change.item)
        self.open[change.item] = True

    async def _verify_undo(self, ctx: Context, change: Change) -> bool:
        return self.open[change.item]

    def _explain(self, ctx: Context, error: IRBotError) -> Outcome | None:
        return self.own_words


class RunnerBench:
    """An open incident about Megan with everything that runs steps around it."""

    def __init__(self, database: Database, steps: Sequence[Step]) -> None:
        self.database = database
        self.m365 = FakeM365.staffed()
        self.clock = Clock()
        self.posts = Posts(database)
        self.durable = FakeDurable()
        self.steps = steps
        options = settings()
        self.rules = rules = RuleBook(options, steps)
        access = Access(options, self.m365.typed, database)
        self.approvals = Approvals(database, access, self.posts, options, rules, self.clock)
        self.ledger = Ledger(database, VAULT)
        durable = cast("Durable", self.durable)
        self.planner = planner = Planner(
            m365=self.m365.typed, settings=options, ledger=self.ledger, posts=self.posts, steps=steps, now=self.clock
        )
        self.preparation = Preparation(
            database=database,
            m365=self.m365.typed,
            settings=options,
            durable=durable,
            posts=self.posts,
            planner=planner,
            ledger=self.ledger,
            now=self.clock,
        )
        self.on_demand = OnDemand(
            database=database,
            m365=self.m365.typed,
            settings=options,
            durable=durable,
            posts=self.posts,
            planner=planner,
            ledger=self.ledger,
            now=self.clock,
        )
        self.runner = Runner(
            database=database,
            m365=self.m365.typed,
            settings=options,
            access=access,
            durable=durable,
            posts=self.posts,
            rules=rules,
            planner=planner,
            ledger=self.ledger,
            now=self.clock,
        )
        self.incident_id = ""

    @classmethod
    async def start(cls, database: Database, steps: Sequence[Step] = THE_LOCK) -> RunnerBench:
        bench = cls(database, steps)
        incident, _ = await store.open_incident(database, subject(), ALEX, CHANNEL, bench.clock())
        bench.incident_id = incident.id
        return bench

    async def incident(self) -> Incident:
        async with self.database.read() as connection:
            return await store.get(connection, self.incident_id)

    async def propose(self, **plans: Plan) -> None:
        """Puts these plans before the responders; without any, those that the steps draw up."""
        incident = await self.incident()
        if not plans:
            await self.preparation.prepare(f"{incident.id}:{incident.nonce}")
            return
        by_id = {step_id.replace("_", "-"): plan for step_id, plan in plans.items()}
        async with self.database.write() as connection:
            plan = {"kind": PlanKind.LOCK.value, "steps": plans_to_json(by_id)}
            await store.update(connection, self.incident_id, plan=plan)

    async def approved(
        self, kind: PlanKind = PlanKind.LOCK, plans: Mapping[str, Plan] | None = None, by: Actor = ALEX
    ) -> Approval:
        """Asked by Alex and approved by whom the rule asks for."""
        incident = await self.incident()
        asked = await self.approvals.ask(incident.id, incident.nonce, ALEX, CHANNEL, kind=kind, plans=plans)
        by = ADELE if asked.rule is Rule.SECOND_PERSON else by
        return await self.approvals.approve(asked.id, asked.nonce, by, CHANNEL)

    async def locked(self) -> Approval:
        """Proposed, approved and executed."""
        if (await self.incident()).plan.get("kind") != PlanKind.LOCK:
            await self.propose()
        approval = await self.approved()
        await self.runner.execute(approval.id)
        return await self.now(approval)

    async def undone(self) -> Approval:
        """What can be undone, approved and executed."""
        plans = await self.runner.undo_plan(self.incident_id)
        self.clock.pass_by(minutes=1)
        approval = await self.approved(PlanKind.UNDO, plans)
        await self.runner.execute(approval.id)
        return await self.now(approval)

    async def now(self, approval: Approval) -> Approval:
        async with self.database.read() as connection:
            return await approvals.get(connection, approval.id)

    async def runs(self) -> tuple[Run, ...]:
        async with self.database.read() as connection:
            return await runs_of(connection, self.incident_id)

    async def run(self, step_id: str) -> Run:
        """The newest run of a step."""
        return [run for run in await self.runs() if run.step_id == step_id][-1]

    async def states(self) -> dict[str, State]:
        return {run.step_id: run.state for run in await self.runs()}

    async def effects(self, step_id: str) -> dict[str, EffectState]:
        return {effect.item: effect.state for effect in await self.effect_rows(step_id)}

    async def effect_rows(self, step_id: str) -> tuple[Effect, ...]:
        async with self.database.read() as connection:
            return await effects_of(connection, (await self.run(step_id)).id)

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """The timeline, which is whole."""
        async with self.database.read() as connection:
            entries = await timeline.read(connection, self.incident_id)
            length = (await store.get(connection, self.incident_id)).revision
        assert timeline.first_break(self.incident_id, entries, length) is None
        return [(entry.event, dict(entry.data)) for entry in entries]
