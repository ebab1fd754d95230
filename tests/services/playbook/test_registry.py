"""What holds for every step of the playbook, whichever they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.access import POLICY, Permission
from services.bulk import Bulk
from services.errors import IRBotError
from services.incidents.model import Phase
from services.incidents.subjects import recognise
from services.microsoft365 import Microsoft365, Tokens
from services.playbook import BY_ID, STEPS
from services.playbook.planner import outcome_of
from services.playbook.step import Context, NoUndo, Plan, Risk, Rule, State, Step, Undo
from services.settings import Settings
from simulator.journal import Entry
from simulator.permissions import KNOWN
from simulator.server import Simulator
from tests.graph_contract import BEYOND
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import lists, unpaced

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = ROOT.parent / "shared" / "contracts" / "graph-openapi-slice.json"
CHANGING = [step for step in STEPS if step.risk is not Risk.READ]
CAST = ("megan", "isaiah", "patti", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com", "invoices")

# Whose next plan proposes another move: a policy that only reports is put in force by an approval of its own.
GOES_ON = {"enforce-mfa"}

_EXCHANGE = "Exchange: "

# Requests that only read, whatever their method.
READING = re.compile(
    r"/(checkMemberGroups|getMemberGroups|\$batch|token|getByIds|auditLog/queries|microsoft\.graph\.security\.run\w+)$"
)
EXCHANGE_READS = re.compile(r"^(Get|Search|Test)-")


def each(steps: tuple[Step, ...] | list[Step]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("step", steps, ids=lambda step: step.id)


def test_ids_are_unique_and_of_one_form() -> None:
    assert max(Counter(step.id for step in STEPS).values()) == 1
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", step.id) for step in STEPS)
    assert list(BY_ID.values()) == list(STEPS)


def test_what_touches_everybody_needs_a_second_person() -> None:
    everybody = {"disable-mail-flow", "enforce-mfa", "recommend-licences"}
    assert {step.id for step in STEPS if step.approval is Rule.SECOND_PERSON} >= everybody


def test_phases_come_in_the_playbooks_order() -> None:
    order = [phase for phase in (Phase.PREPARE, Phase.LOCK) if any(step.phase is phase for step in STEPS)]
    first = [next(index for index, step in enumerate(STEPS) if step.phase is phase) for phase in order]
    assert first == sorted(first)


@each(STEPS)
def test_a_step_lives_in_the_file_of_its_name(step: Step) -> None:
    assert (ROOT / "services" / "playbook" / f"{step.id.replace('-', '_')}.py").is_file()


@each(STEPS)
def test_a_step_says_what_people_must_know(step: Step) -> None:
    for text in (step.title, step.why):
        assert text
        assert text.strip() == text
    assert len(step.title) <= 45
    assert step.why.endswith(".")
    assert step.reads
    assert set(step.seed) <= set(range(1, 17))
    assert bool(step.changes) is (step.risk is not Risk.READ)
    assert any(step.may_run in allowed for allowed in POLICY.values())
    assert step.may_run in {Permission.INCIDENT_OPEN, Permission.ACCOUNT_CONTAIN} or step.risk is Risk.READ


@each(STEPS)
def test_a_step_has_an_undo_or_an_honest_reason(step: Step) -> None:
    if isinstance(step.undo, NoUndo):
        assert step.undo.reason.endswith(".")
        assert len(step.undo.reason) > 10
    else:
        assert isinstance(step.undo, Undo)
        assert step.undo.note.endswith(".")
        assert step.risk is not Risk.READ


@each(STEPS)
def test_a_step_needs_permissions_that_exist(step: Step) -> None:
    assert _permissions(step) <= set(KNOWN)
    assert all(re.fullmatch(r"[A-Z][a-z]+-[A-Z][A-Za-z]+(V[0-9])?", cmdlet) for cmdlet in _cmdlets(step))
    assert len(set(step.needs)) == len(step.needs)


def test_the_permissions_are_those_of_the_documented_interface() -> None:
    if not CONTRACT.exists():
        pytest.skip("the documented interface (../shared/contracts) is not here")
    text = CONTRACT.read_text(encoding="utf-8")
    documented = set(re.findall(r"[A-Z][A-Za-z-]+(?:\.[A-Za-z]+)+", text))
    if "User.Read.All" not in documented:
        pytest.skip("the documented interface names no permissions")
    documented |= set().union(*BEYOND.values())
    needed = set().union(*(_permissions(step) for step in STEPS))
    assert needed - documented == set()


@dataclass(frozen=True)
class Home:
    """Microsoft 365 as the product sees it, and where steps keep their lists."""

    m365: Microsoft365
    settings: Settings
    bulk: Bulk


@asynccontextmanager
async def _tenant(sim: Simulator) -> AsyncIterator[Home]:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    settings = Settings(**values)  # type: ignore[arg-type]  # pydantic reads the texts
    tokens = Tokens(settings)
    m365 = unpaced(settings, tokens)
    try:
        async with lists() as bulk:
            yield Home(m365, settings, bulk)
    finally:
        await m365.close()
        await tokens.close()


async def _context(home: Home, object_id: str) -> Context:
    subject, account = await recognise(home.m365, home.settings, object_id)
    now = datetime.now(UTC)
    since = now - timedelta(days=home.settings.look_back_days)
    return Context(home.m365, home.settings, subject, account, now, since, now, bulk=home.bulk, past=OpenPast())


def _permissions(step: Step) -> set[str]:
    """The Graph permissions that a step declares."""
    return {name for name in step.needs if not name.startswith(_EXCHANGE)}


def _cmdlets(step: Step) -> set[str]:
    """The Exchange cmdlets that a step declares."""
    return {name.removeprefix(_EXCHANGE) for name in step.needs if name.startswith(_EXCHANGE)}


def _cmdlet(entry: Entry) -> str:
    return str(((entry.body or {}).get("CmdletInput") or {}).get("CmdletName", ""))


def _writes(entries: list[Entry]) -> list[str]:
    wrote = []
    for entry in entries:
        if entry.service == "graph" and entry.method != "GET" and not READING.search(entry.path):
            wrote.append(f"{entry.method} {entry.path}")
        if entry.service == "exchange":
            cmdlet = _cmdlet(entry)
            if not EXCHANGE_READS.match(cmdlet):
                wrote.append(cmdlet or entry.path)
    return wrote


async def test_plans_only_read_whoever_it_is_about(sim: Simulator) -> None:
    tenant = sim.world.tenant
    async with _tenant(sim) as home:
        for who in CAST:
            ctx = await _context(home, tenant.user(who).id)
            before = len(tenant.changes)
            for step in STEPS:
                sim.world.journal.clear()
                try:
                    plan = await step.plan(ctx)
                except IRBotError as error:  # the runner puts it into words
                    plan = Plan(settled=outcome_of(step, ctx, error, reading=True))
                assert plan.settled or plan.changes, f"{step.id} says nothing of {who}"
                assert _writes(sim.world.journal.entries()) == [], f"{step.id} writes when it plans for {who}"
                assert plan.settled is None or plan.settled.reason or step.risk is Risk.READ
                json.dumps(plan.to_json())
            assert len(tenant.changes) == before


async def test_two_plans_of_an_unchanged_account_are_the_same(sim: Simulator) -> None:
    async with _tenant(sim) as home:
        ctx = await _context(home, sim.world.tenant.user("megan").id)
        for step in STEPS:
            assert (await step.plan(ctx)).same_changes(await step.plan(ctx)), step.id


def test_a_write_would_be_noticed() -> None:
    now = datetime.now(UTC)
    patch = Entry(1, "graph", "PATCH", "/v1.0/users/x", {}, {}, now, now)
    check = replace(patch, method="POST", path="/v1.0/users/x/checkMemberGroups")
    revoke = replace(patch, method="POST", path="/v1.0/users/x/revokeSignInSessions")
    remove = replace(patch, service="exchange", method="POST", body={"CmdletInput": {"CmdletName": "Remove-InboxRule"}})
    look = replace(patch, service="exchange", method="POST", body={"CmdletInput": {"CmdletName": "Get-InboxRule"}})
    assert _writes([patch, check, revoke, remove, look]) == [
        "PATCH /v1.0/users/x",
        "POST /v1.0/users/x/revokeSignInSessions",
        "Remove-InboxRule",
    ]


def _after_the_lock(step: Step, ctx: Context) -> Context:
    """Evictions happen to accounts that are locked."""
    if step.phase is not Phase.EVICT:
        return ctx
    return replace(ctx, account=replace(ctx.account, account_enabled=False))


@each(CHANGING)
async def test_a_step_shows_what_it_did_and_doing_it_twice_is_doing_it_once(sim: Simulator, step: Step) -> None:
    assert step.apply is not None
    assert step.verify is not None
    async with _tenant(sim) as home:
        megan = sim.world.tenant.user("megan")
        ctx = _after_the_lock(step, await _context(home, megan.id))
        plan = await step.plan(ctx)
        for change in plan.changes:
            await step.apply(ctx, change)
            assert await step.verify(ctx, change), f"{step.id} does not show {change.item}"
        once = _picture(sim)
        for change in plan.changes:
            await step.apply(ctx, change)
            assert await step.verify(ctx, change)
        assert _picture(sim) == once
        again = await step.plan(await _context(home, megan.id))
        anew = {change.item for change in again.changes} - {change.item for change in plan.changes}
        goes_on = step.id in GOES_ON and len(anew) == len(again.changes)
        assert not again.changes or goes_on or again.same_changes(plan)


@each(STEPS)
async def test_a_step_works_with_exactly_the_permissions_that_it_declares(sim: Simulator, step: Step) -> None:
    async with _tenant(sim) as home:
        ctx = _after_the_lock(step, await _context(home, sim.world.tenant.user("megan").id))
        sim.world.bot.permissions = _permissions(step)
        sim.world.journal.clear()
        plan = await step.plan(ctx)
        assert plan.settled is None or plan.settled.state in {State.DONE, State.ALREADY_SO}, plan.settled
        for change in plan.changes:
            assert step.apply is not None
            assert step.verify is not None
            await step.apply(ctx, change)
            assert await step.verify(ctx, change)
        called = {_cmdlet(entry) for entry in sim.world.journal.entries(service="exchange")}
        assert called <= _cmdlets(step)


@each([step for step in CHANGING if isinstance(step.undo, Undo)])
async def test_an_undo_puts_back_what_was_there_twice_as_once(sim: Simulator, step: Step) -> None:
    assert step.apply is not None
    assert isinstance(step.undo, Undo)
    async with _tenant(sim) as home:
        megan = sim.world.tenant.user("megan")
        ctx = _after_the_lock(step, await _context(home, megan.id))
        plan: Plan = await step.plan(ctx)
        before = _picture(sim)
        for change in plan.changes:
            await step.apply(ctx, change)
        for _ in range(2):
            for change in plan.changes:
                back = replace(change, before=change.after, after=change.before)
                await step.undo.apply(ctx, back)
                assert await step.undo.verify(ctx, back)
        if plan.changes:
            assert _picture(sim) == before


def _picture(sim: Simulator) -> str:
    """The account as it is, without the moments and numbers that each repetition moves."""
    megan = sim.world.tenant.user("megan")
    moving = {"signInSessionsValidFromDateTime", "lastPasswordChangeDateTime"}
    kept = {name: value for name, value in megan.properties.items() if name not in moving}
    sessions = [(session.id, session.revoked_at is None) for session in megan.sessions]
    return json.dumps([kept, sessions, megan.methods, megan.rules, megan.mailbox_settings], default=str, sort_keys=True)
