"""An incident whose checks and removals say what a test wants, a courier that can fail, passes in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from services.access import Access, Permission
from services.approvals import Approval, PlanKind
from services.channel import Actor, Conversation
from services.database import Database
from services.durable import Durable
from services.errors import IRBotError
from services.incidents.model import Incident, Phase
from services.microsoft365.sign_in_methods import AccessPass, SignInMethod
from services.playbook.gate import NEEDS
from services.playbook.planner import Planner
from services.playbook.runner import Runner
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step, general_words
from services.playbook.watch_for_return import AREAS
from services.recovery.gates import Gates
from services.recovery.passes import Passes
from services.recovery.past import IncidentPast
from services.recovery.watch import Watch
from services.secrets import Secret
from tests.services.fakes import PERSONAL, settings
from tests.services.playbook.bench import RunnerBench, Things

CODE = "9k*Qz_7+"
KIND = "temporaryAccessPassAuthenticationMethod"
CLEAN = Plan(settled=Outcome(State.ALREADY_SO, "Nothing is left."))
LOOKED = Plan(settled=Outcome(State.DONE, "Nothing was found."))


class Script:
    """What the plan of each step says; until a test says otherwise, nothing is left anywhere."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.read: list[str] = []

    def steps(self) -> tuple[Step, ...]:
        """A step for everything that the gate and the watch look at."""
        checks = {step_id for need in NEEDS for step_id in need.checks} | {
            area.step_id for area in AREAS if not area.planned
        }
        removals = {step_id for need in NEEDS for step_id in need.removals} | {
            area.step_id for area in AREAS if area.planned
        }
        return (
            self._step("unblock-sending", Phase.RECOVER, reads=False),
            *(self._step(step_id, Phase.SCOPE, reads=True) for step_id in sorted(checks)),
            *(self._step(step_id, Phase.EVICT, reads=False) for step_id in sorted(removals)),
        )

    def _step(self, step_id: str, phase: Phase, *, reads: bool) -> Step:
        async def plan(ctx: Context) -> Plan:
            self.read.append(step_id)
            return self.plans.get(step_id, LOOKED if reads else CLEAN)

        async def apply(ctx: Context, change: Change) -> None:
            self.plans.pop(step_id, None)

        async def verify(ctx: Context, change: Change) -> bool:
            return step_id not in self.plans

        return Step(
            id=step_id,
            seed=(),
            phase=phase,
            title=step_id,
            why="Because.",
            reads=("things",),
            changes=() if reads else ("things",),
            needs=(),
            may_run=Permission.ACCOUNT_CONTAIN,
            risk=Risk.READ if reads else Risk.REVERSIBLE,
            approval=Rule.NONE if reads else Rule.CONFIRM,
            undo=NoUndo("It is a test."),
            plan=plan,
            apply=None if reads else apply,
            verify=None if reads else verify,
            explain=general_words,
        )


@dataclass
class FakeMethods:
    """Passes of one account."""

    held: list[SignInMethod] = field(default_factory=list)
    made: int = 0
    fail: dict[str, IRBotError] = field(default_factory=dict)

    async def list(self, object_id: str) -> tuple[SignInMethod, ...]:
        if "list" in self.fail:
            raise self.fail["list"]
        return tuple(self.held)

    async def remove(self, object_id: str, method: SignInMethod) -> None:
        self.held = [each for each in self.held if each.id != method.id]

    async def create_pass(self, object_id: str, *, minutes: int, usable_once: bool) -> AccessPass:
        self.made += 1
        self.held = [SignInMethod(f"pass-{self.made}", KIND, "", None)]
        if "create" in self.fail:
            raise self.fail["create"]
        return AccessPass(f"pass-{self.made}", Secret(CODE), minutes, usable_once)


@dataclass
class FakeCourier:
    """What was shown where. `fail[method]` raises; `before` runs when a pass is about to be shown."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    fail: dict[str, BaseException] = field(default_factory=dict)

    async def reach(self, person: Actor, incident: Incident) -> Conversation:
        if "reach" in self.fail:
            raise self.fail["reach"]
        return replace(PERSONAL, id=f"chat-{person.object_id}")

    async def show(self, where: Conversation, incident: Incident, access_pass: AccessPass, until: datetime) -> str:
        if "show" in self.fail:
            raise self.fail["show"]
        self.shown.append((where.id, access_pass.code.reveal()))
        return f"activity-{len(self.shown)}"

    async def hide(self, where: Conversation, activity_id: str, incident: Incident) -> None:
        if "hide" in self.fail:
            raise self.fail["hide"]
        self.hidden.append(activity_id)


class RecoveryDesk:
    """The parts of giving an account back over one database. `replica` makes a second process on the same one."""

    def __init__(self, bench: RunnerBench, script: Script, own: Sequence[Step]) -> None:
        self.bench = bench
        self.script = script
        self.things = Things()
        self.courier = FakeCourier()
        self.methods = FakeMethods()
        cast("Any", bench.m365).sign_in_methods = self.methods
        steps = (*bench.steps, *own)
        options = settings(watch_days=5)
        database, m365, now = bench.database, bench.m365.typed, bench.clock
        access = Access(options, m365, database)
        durable = cast("Durable", bench.durable)
        self.passes = Passes(database, m365, self.courier, now, timedelta(minutes=15))
        self.past = IncidentPast(database, steps, self.passes, 5)
        self.planner = Planner(
            m365=m365,
            settings=options,
            ledger=bench.ledger,
            posts=bench.posts,
            steps=steps,
            now=now,
            past=self.past,
        )
        shared: dict[str, Any] = {
            "database": database,
            "m365": m365,
            "settings": options,
            "access": access,
            "durable": durable,
            "posts": bench.posts,
            "planner": self.planner,
            "ledger": bench.ledger,
            "now": now,
        }
        self.gates = Gates(past=self.past, **shared)
        self.watch = Watch(preparation=bench.preparation, **shared)
        self.runner = Runner(rules=bench.rules, **shared)

    @classmethod
    async def start(cls, database: Database, *own: Step) -> RecoveryDesk:
        script = Script()
        bench = await RunnerBench.start(database, (Things().step(), *script.steps(), *own))
        return cls(bench, script, ())

    async def context(self, **more: Any) -> Context:
        """What a step of this incident gets while an approval is carried out."""
        from services.incidents.subjects import recognise

        incident = await self.bench.incident()
        subject, account = await recognise(self.bench.m365.typed, settings(), incident.subject.object_id)
        return replace(self.planner.context(incident, subject, account), **more)

    async def carried_out(self, kind: PlanKind = PlanKind.LOCK) -> Approval:
        """A lock, or an eviction, that was approved and done; and the round of checks that follows is over."""
        from services.incidents import store

        plans = {"shut-things": Plan((Things().change("a"),))}
        self.bench.clock.pass_by(minutes=1)
        approval = await self.bench.approved(kind, plans)
        await self.bench.runner.execute(approval.id)
        async with self.bench.database.write() as connection:
            await store.update(
                connection,
                self.bench.incident_id,
                investigation={"nonce": store.new_nonce(), "done": True},
                eviction={"kind": "evict", "steps": {step: CLEAN.to_json() for step in ("remove-sign-in-methods",)}},
            )
        return await self.bench.now(approval)

    async def run_jobs(self, name: str, job: Callable[[str], Any]) -> int:
        """Runs what was started by this name, once each; how many that were."""
        keys = [key for started, key in self.bench.durable.started if started == name]
        self.bench.durable.started = [each for each in self.bench.durable.started if each[0] != name]
        for key in keys:
            await job(key)
        return len(keys)
