"""The process dies at every boundary of every step, one after another: nothing is lost, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from services.access import Access
from services.approvals import Approval, ApprovalState, PlanKind
from services.bulk import Bulk
from services.database import Database
from services.durable import Durable
from services.errors import IRBotError
from services.incidents import store
from services.playbook import STEPS
from services.playbook.ledger import EffectState
from services.playbook.past import Past
from services.playbook.planner import Planner
from services.playbook.runner import Runner
from services.playbook.step import Change, Context, State, Step, Undo
from tests.services.fakes import CHANNEL, settings
from tests.services.playbook.bench import ALEX, Killed, RunnerBench
from tests.services.playbook.dump import dump
from tests.services.playbook.open_past import taken_away
from tests.services.playbook.test_permission_truth import Tenant, chosen, locked_for, people, tenant
from tests.services.playbook.test_undo_parity import differences
from tests.thorough import a_few

WITH_EFFECTS = [step for step in STEPS if step.apply is not None]
# Whose requests are not told apart by their number: why a second one of the same number does no harm.
SENT_AGAIN: Mapping[str, str] = {
    "disable-imap-everywhere": "each process counts the mailboxes that are left; its own test counts by mailbox",
    "remove-inbox-rules": "a rule is switched off before it is deleted, and one that is off is switched off in vain",
}
_MOST_DEATHS = 150

# A step of each kind, with few boundaries: one switch, several items, an order, a number, an undo.
_ALWAYS = {
    "block-sign-in",
    "clear-recovery-details",
    "issue-access-pass",
    "remove-inbox-rules",
    "remove-sign-in-methods",
    "restore-roles",
    "revoke-sessions",
    "scramble-password",
}

Made = Callable[[Context, Change], Awaitable[None]]
Seen = Callable[[Context, Change], Awaitable[bool]]
Boundary = tuple[str, str, int]


@dataclass
class Deaths:
    """Kills the process once at each boundary: before each request that changes something, before what was done is
    written down, and before it is read back."""

    died: list[Boundary] = field(default_factory=list)
    sent: Counter[Boundary] = field(default_factory=Counter)
    item: str = ""
    requests: int = 0

    async def gate(self) -> None:
        """Asked right before each request that changes something."""
        self.requests += 1
        boundary = ("request", self.item, self.requests)
        self._die_once(boundary)
        self.sent[boundary] += 1

    def around(self, step: Step) -> Step:
        """The step, with a death at each of its boundaries."""
        assert step.apply is not None
        assert step.verify is not None
        undo = step.undo
        if isinstance(undo, Undo):
            undo = replace(undo, apply=self._made(undo.apply, "undo"), verify=self._seen(undo.verify, "undo"))
        return replace(step, apply=self._made(step.apply, ""), verify=self._seen(step.verify, ""), undo=undo)

    def _made(self, apply: Made, way: str) -> Made:
        async def made(ctx: Context, change: Change) -> None:
            self.item, self.requests = f"{way} {change.item}", 0
            try:
                await apply(ctx, change)
            except IRBotError:  # the service said no, so the last request has done nothing
                self.sent[("request", self.item, self.requests)] -= 1
                raise
            self._die_once((f"{way} not written down", change.item, 0))

        return made

    def _seen(self, verify: Seen, way: str) -> Seen:
        async def seen(ctx: Context, change: Change) -> bool:
            self._die_once((f"{way} not read back", change.item, 0))
            return await verify(ctx, change)

        return seen

    def _die_once(self, boundary: Boundary) -> None:
        if boundary not in self.died:
            self.died.append(boundary)
            raise Killed


@dataclass
class Case:
    """An incident about somebody of the simulated tenant, and the runner of one process after another."""

    home: Tenant
    bench: RunnerBench
    step: Step
    past: Past  # lies in the database, and so outlives a process

    @classmethod
    async def start(cls, database: Database, home: Tenant, step: Step, who: str) -> Case:
        case = cls(home, RunnerBench(database, (step,)), step, taken_away(home.sim.world))
        case.bench.clock.time = home.now
        subject, _ = (await people())[who]
        incident, _ = await store.open_incident(database, subject, ALEX, CHANNEL, home.now)
        case.bench.incident_id = incident.id
        case.next_process()
        return case

    def next_process(self) -> None:
        bench, home = self.bench, self.home
        options = home.settings.model_copy(update={"verify_patience_seconds": 0.01})
        planner = Planner(
            m365=home.m365,
            settings=options,
            ledger=bench.ledger,
            posts=bench.posts,
            steps=(self.step,),
            now=bench.clock,
            bulk=Bulk(bench.database, owner="next", may_act=bench.durable.holds_lease, now=bench.clock),
            past=self.past,
        )
        bench.runner = Runner(
            database=bench.database,
            m365=home.m365,
            settings=options,
            access=Access(settings(), bench.m365.typed, bench.database),
            durable=cast("Durable", bench.durable),
            posts=bench.posts,
            rules=bench.rules,
            planner=planner,
            ledger=bench.ledger,
            now=bench.clock,
        )

    async def carried_out(self, approval: Approval) -> int:
        """The approval is executed by as many processes as it takes; returns how many died."""
        for deaths in range(_MOST_DEATHS):
            try:
                await self.bench.runner.execute(approval.id)
            except BaseExceptionGroup as ended:
                if ended.subgroup(Killed) is None:
                    raise
                self.next_process()
            else:
                assert (await self.bench.now(approval)).state is ApprovalState.USED
                return deaths
        raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", a_few(WITH_EFFECTS, lambda step: step.id in _ALWAYS, lambda step: step.id))
async def test_a_death_at_each_boundary_loses_nothing_and_does_nothing_twice(step: Step, database: Database) -> None:
    who, deaths = chosen(step)[0], Deaths()
    subject, account = (await people())[who]
    async with tenant(gate=deaths.gate) as home:
        user = home.sim.world.tenant.user(who)
        user.properties["accountEnabled"] = locked_for(step, home.context(subject, account)).account.account_enabled
        case = await Case.start(database, home, deaths.around(step), who)
        before = dump(home.sim)
        plan = await case.bench.runner.plan_now(case.bench.incident_id, step.id)
        assert plan.changes

        assert await case.carried_out(await case.bench.approved(PlanKind.STEPS, {step.id: plan})) >= 3
        run = await case.bench.run(step.id)
        assert (run.state, run.finished_at is not None) == (State.DONE, True), run.reason
        assert [each.step_id for each in await case.bench.runs()] == [step.id]
        assert set(await case.bench.effects(step.id)) == {change.item for change in plan.changes}
        assert set((await case.bench.effects(step.id)).values()) <= {EffectState.SENT, EffectState.SHOWN}
        _nothing_twice(step, deaths)

        if isinstance(step.undo, Undo):
            undo = await case.bench.runner.undo_plan(case.bench.incident_id)
            assert {change.item for change in undo[step.id].changes} == {change.item for change in plan.changes}
            case.bench.clock.pass_by(minutes=1)
            assert await case.carried_out(await case.bench.approved(PlanKind.UNDO, undo)) >= 3
            run = await case.bench.run(step.id)
            assert run.state is State.UNDONE, run.reason
            assert differences(step, before, dump(home.sim)) == {}
            _nothing_twice(step, deaths)

        events = [event for event, _ in await case.bench.events()]
        assert events.count("effect:attempted") == len(plan.changes) * (2 if isinstance(step.undo, Undo) else 1)
        assert events.count("step:ended") == events.count("approval:used") == len(await case.bench.runs())


def _nothing_twice(step: Step, deaths: Deaths) -> None:
    assert deaths.sent
    twice = [boundary for boundary, count in deaths.sent.items() if count > 1]
    assert not twice or step.id in SENT_AGAIN, twice


def test_what_is_sent_again_has_a_reason() -> None:
    assert set(SENT_AGAIN) <= {step.id for step in WITH_EFFECTS}
    assert all(SENT_AGAIN.values())
