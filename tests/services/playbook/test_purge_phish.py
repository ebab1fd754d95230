"""The intruder's mail is found in colleagues' mailboxes and pulled back, or listed for a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.playbook.purge_phish import STEP
from services.playbook.step import Plan, State
from services.settings import Cloud
from simulator.config import SimulatorConfig
from simulator.faults import Fault, Kind
from simulator.tenant import Json
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        made.tell("mass-phishing")
        yield made


def bait(tenant: Tenancy, folder: str = "") -> list[tuple[str, Json]]:
    """The intruder's mail in colleagues' mailboxes, with whose it is."""
    megan = tenant.user("megan").id
    sent = tenant.sim.world.tenant.records.mail[megan]
    [subject] = {str(row["subject"]) for row in sent if "c0ntoso-files" in row["body"]["content"]}
    return [
        (owner, row)
        for owner, rows in tenant.sim.world.tenant.records.mail.items()
        for row in rows
        if owner != megan and row["subject"] == subject and (not folder or row["parentFolderId"] == folder)
    ]


async def test_every_mailbox_that_holds_it_is_one_item(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    assert len(plan.changes) == len(bait(tenant)) > 20
    assert {(change.before, change.after) for change in plan.changes} == {("In the mailbox", "Pulled back")}
    assert len({change.item for change in plan.changes}) == len(plan.changes)
    [finding] = plan.findings
    assert f"lies in {len(plan.changes)} mailboxes" in finding.title
    assert "…@contoso.com" in finding.reasons[0]


async def test_it_is_pulled_back_and_can_be_put_back(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    few = Plan(plan.changes[:3])
    await tenant.make(STEP, "megan", few)
    assert len(bait(tenant, "recoverableitemsdeletions")) == 3
    assert len(tenant.sim.world.tenant.records.remediations) == 3
    assert len((await tenant.plan(STEP, "megan")).changes) == len(plan.changes) - 3
    await tenant.undo(STEP, "megan", few)
    assert len(bait(tenant, "inbox")) == len(plan.changes)


async def test_the_senders_copy_and_what_the_owner_sent_are_left_alone(tenant: Tenancy) -> None:
    plan = await tenant.plan(STEP, "megan")
    assert {request["remediateSendersCopy"] for request in tenant.sim.world.tenant.records.remediations} <= {False}
    assert not any(change.item == "mailbox:megan@contoso.com" for change in plan.changes)
    async with tenancy() as quiet:
        state, _ = settled(await quiet.plan(STEP, "megan"))
    assert state is State.ALREADY_SO


async def test_what_a_colleague_threw_away_meanwhile_does_not_void_the_rest(tenant: Tenancy) -> None:
    before = await tenant.plan(STEP, "megan")
    owner, row = bait(tenant)[0]
    tenant.sim.world.tenant.records.mail[owner].remove(row)
    after = await tenant.plan(STEP, "megan")
    assert len(after.changes) == len(before.changes) - 1
    kept = {change.item: change for change in before.changes}
    assert all(Plan((kept[change.item],)).same_changes(Plan((change,))) for change in after.changes)


async def test_without_the_licence_a_person_gets_the_list(tenant: Tenancy) -> None:
    tenant.sim.world.tenant.licences = {"SPE_E3", "AAD_PREMIUM_P2"}
    plan = await tenant.plan(STEP, "megan")
    state, reason = settled(plan)
    assert state is State.NOT_EVALUATED
    assert "Microsoft Defender for Office 365 P2" in reason
    [todo] = plan.todo
    words = " ".join(todo.instructions)
    assert f"{len(bait(tenant))} mailboxes" in words
    assert all(row["internetMessageId"] in words for _, row in bait(tenant)[:1])
    assert not any(f"{name}@contoso.com" in words for name in ("alex", "adele", "lynne", "joni"))
    assert len(plan.evidence["delivered mail"]) == len(bait(tenant))


async def test_a_licence_that_cannot_be_read_is_said_and_a_person_gets_the_list(tenant: Tenancy) -> None:
    fault = Fault(kind=Kind.STATUS, status=403, code="Authorization_RequestDenied", path="/subscribedSkus$", times=None)
    tenant.sim.world.faults.add(fault)
    plan = await tenant.plan(STEP, "megan")
    state, reason = settled(plan)
    assert state is State.NOT_EVALUATED
    assert reason.startswith("Whether Microsoft Defender for Office 365 P2 is licensed could not be told.")
    assert plan.todo


async def test_where_microsoft_does_not_offer_it_a_person_gets_the_list(tenant: Tenancy) -> None:
    ctx = await tenant.context("megan")
    plan = await STEP.plan(replace(ctx, settings=ctx.settings.model_copy(update={"cloud": Cloud.GCC_HIGH})))
    assert settled(plan) == (State.NOT_EVALUATED, settled(plan)[1])
    assert settled(plan)[1].startswith("Microsoft does not offer this in your cloud.")
    assert plan.todo


async def test_a_mailbox_that_cannot_be_looked_into_is_said_and_stops_no_other(tenant: Tenancy) -> None:
    owner = bait(tenant)[0][0]
    path = f"/users/{owner}/messages"
    tenant.sim.world.faults.add(Fault(kind=Kind.STATUS, status=403, code="ErrorAccessDenied", path=path, times=None))
    plan = await tenant.plan(STEP, "megan")
    assert len(plan.changes) == len(bait(tenant)) - 1
    assert plan.unread == ("1 mailbox could not be looked into: Exchange does not let IRBot into this mailbox.",)


async def test_mailboxes_that_nobody_could_look_into_are_not_called_clean(tenant: Tenancy) -> None:
    tenant.sim.world.faults.add(
        Fault(kind=Kind.STATUS, status=403, code="ErrorAccessDenied", method="GET", path="/messages$", times=None)
    )
    state, reason = settled(await tenant.plan(STEP, "megan"))
    assert state is State.NOT_EVALUATED
    assert "could not be looked into" in reason


async def test_defender_takes_its_time_and_so_it_does_not_show_at_once() -> None:
    async with tenancy(SimulatorConfig(audit_query_seconds=0, remediation_seconds=600)) as slow:
        slow.tell("mass-phishing")
        plan = await slow.plan(STEP, "megan")
        ctx = await slow.context("megan")
        assert STEP.apply is not None
        assert STEP.verify is not None
        await STEP.apply(ctx, plan.changes[0])
        assert not await STEP.verify(ctx, plan.changes[0])
        slow.sim.world.clock.advance(601)
        assert await STEP.verify(ctx, plan.changes[0])


async def test_a_guests_mail_is_not_ours(tenant: Tenancy) -> None:
    guest = tenant.user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    state, _ = settled(await tenant.plan(STEP, guest))
    assert state is State.NOT_EVALUATED
