"""IMAP, POP and SMTP AUTH go off for everybody but those who are left out, and come back exactly where IRBot was."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.access import Permission
from services.errors import Bug, Conflict
from services.playbook.disable_imap_everywhere import STEP
from services.playbook.legacy_mail import IMAP_POP, SMTP_AUTH, kind_of
from services.playbook.step import Change, Plan, Report, Rule, State, Undo
from simulator.exchange import exchange_of
from simulator.faults import Fault, Kind
from tests.services.playbook.mail_scenes import mailbox, refuse
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

NOBODY_LEFT = "IMAP, POP and SMTP AUTH are off for everybody."


def _picture(home: Tenancy) -> Any:
    exchange = exchange_of(home.sim.world)
    return deepcopy(
        (
            {view.owner.id: view.cas for view in exchange.cas_views()},
            exchange.organisation.cas_plans,
            exchange.organisation.transport_config,
        )
    )


def _uses(home: Tenancy, who: str, client: str, *, days_ago: int = 2, error: int = 0, interactive: bool = True) -> None:
    home.sim.world.tenant.records.add_sign_in(
        home.user(who),
        datetime.now(UTC) - timedelta(days=days_ago),
        client=client,
        error=error,
        interactive=interactive,
    )


def _with(home: Tenancy, **settings: object) -> Tenancy:
    return replace(home, settings=home.settings.model_copy(update=settings))


def _lists(plan: Plan, kind: str = IMAP_POP) -> list[Change]:
    return [change for change in plan.changes if kind_of(change) == kind]


def _open(home: Tenancy, switch: str = "ImapEnabled") -> set[str]:
    return {view.owner.display_name for view in exchange_of(home.sim.world).cas_views() if view.cas[switch]}


async def test_everything_is_closed_and_put_back_exactly() -> None:
    async with tenancy() as home:
        mailbox(home, "lynne").cas |= {"SmtpClientAuthenticationDisabled": False, "PopEnabled": False}
        mailbox(home, "lee").cas |= {"ImapEnabled": False, "PopEnabled": False}
        before = _picture(home)
        plan = await home.plan(STEP, "megan")
        assert (STEP.approval, STEP.may_run) == (Rule.SECOND_PERSON, Permission.ACCOUNT_CONTAIN)
        (everybody,) = _lists(plan)
        count = sum(1 for _ in exchange_of(home.sim.world).cas_views()) - 1
        assert everybody.what == f"IMAP and POP off on {count} mailboxes"
        assert everybody.before.endswith(f"and {count - 3} more")
        (override,) = _lists(plan, SMTP_AUTH)
        assert override.what == "SMTP AUTH off on 1 mailbox"
        assert {change.item.partition(":")[0] for change in plan.changes} == {
            "plan",
            "organisation",
            IMAP_POP,
            SMTP_AUTH,
        }
        await home.make(STEP, "megan", plan)
        assert _open(home) == _open(home, "PopEnabled") == set()
        assert mailbox(home, "lynne").cas["SmtpClientAuthenticationDisabled"] is True
        assert settled(await home.plan(STEP, "megan")) == (State.ALREADY_SO, NOBODY_LEFT)
        await home.undo(STEP, "megan", plan)
        assert _picture(home) == before


async def test_who_uses_it_today_has_a_line_that_can_be_left_out() -> None:
    async with tenancy() as home:
        _uses(home, "joni", "IMAP4")
        _uses(home, "joni", "POP3", days_ago=5, interactive=False)
        _uses(home, "grady", "Authenticated SMTP")
        _uses(home, "lee", "IMAP4", error=50126)  # somebody tried, and did not get in
        _uses(home, "diego", "Browser")
        plan = await home.plan(STEP, "megan")
        assert plan.unread == ()
        first, everybody = _lists(plan)
        when = f"{datetime.now(UTC) - timedelta(days=2):%d %b %Y}"
        assert first.what == f"IMAP and POP off for joni@contoso.com, who uses it today (IMAP, POP, last on {when})"
        organisation = next(change for change in plan.changes if change.item == "organisation")
        assert organisation.what == "SMTP AUTH of the organisation, used today by grady@contoso.com"
        assert [finding.title for finding in plan.findings] == [
            f"joni@contoso.com uses IMAP, POP, last on {when}",
            f"grady@contoso.com uses SMTP AUTH, last on {when}",
        ]
        chosen = replace(plan, changes=tuple(change for change in plan.changes if change is not first))
        await home.make(STEP, "megan", chosen)
        assert _open(home) == {"Joni Sherman"}
        # The one who was left out was known, and is no surprise to the reading back.
        ctx = replace(await home.context("megan"), report=Report())
        assert STEP.verify is not None
        assert await STEP.verify(ctx, everybody)
        assert ctx.report.notes == {}


async def test_more_users_than_a_card_can_hold_share_a_line() -> None:
    async with tenancy() as home:
        users = [view.owner.id for view in exchange_of(home.sim.world).cas_views()][:23]
        for object_id in users:
            _uses(home, object_id, "IMAP4")
        lists = _lists(await home.plan(STEP, "megan"))
        assert len(lists) == 22
        assert lists[-2].what == "IMAP and POP off on 3 mailboxes that use it today"


async def test_the_settings_leave_people_out() -> None:
    async with tenancy() as tenant:
        mailbox(tenant, "joni").cas["SmtpClientAuthenticationDisabled"] = False
        home = _with(tenant, legacy_mail_exclusions=(tenant.user("joni").id.upper(), tenant.user("grady").id))
        plan = await home.plan(STEP, "megan")
        (everybody,) = _lists(plan)
        assert everybody.what.endswith("(2 left out by the settings)")
        assert _lists(plan, SMTP_AUTH) == []
        await home.make(STEP, "megan", plan)
        assert _open(home) == {"Joni Sherman", "Grady Archie"}
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_without_the_licence_the_usage_is_not_evaluated_and_the_rest_is_planned() -> None:
    async with tenancy() as home:
        home.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
        _uses(home, "joni", "IMAP4")
        plan = await home.plan(STEP, "megan")
        (words,) = plan.unread
        assert words.startswith("Who uses IMAP, POP and SMTP AUTH today was not evaluated.")
        assert "Entra ID P1" in words
        assert len(_lists(plan)) == 1
        await home.make(STEP, "megan", plan)
        assert NOBODY_LEFT in settled(await home.plan(STEP, "megan"))[1]
        assert words in settled(await home.plan(STEP, "megan"))[1]


async def test_a_list_that_could_not_be_read_is_no_plan() -> None:
    async with tenancy() as home:
        refuse(home, "Get-CASMailbox")
        with pytest.raises(Exception, match="missing-role"):
            await home.plan(STEP, "megan")


async def test_an_approved_plan_is_the_same_list_whatever_came_since() -> None:
    async with tenancy() as home:
        _uses(home, "joni", "Authenticated SMTP")
        plan = await home.plan(STEP, "megan")
        mailbox(home, "lee").cas |= {"ImapEnabled": False, "PopEnabled": False}
        approved = replace(await home.context("megan"), approved=plan)
        assert (await STEP.plan(approved)).same_changes(plan)
        assert not (await STEP.plan(await home.context("megan"))).same_changes(plan)


async def test_an_approval_does_not_fit_another_list() -> None:
    async with tenancy() as home:
        plan = await home.plan(STEP, "megan")
        mailbox(home, "lee").cas |= {"ImapEnabled": False, "PopEnabled": False}
        (mine,), (other,) = _lists(plan), _lists(await home.plan(STEP, "megan"))
        ctx = await home.context("megan")
        for forged, error in (
            (replace(mine, data=other.data), Bug),
            (replace(mine, data={**mine.data, "digest": other.data["digest"]}), Conflict),
            (replace(mine, data={**mine.data, "job": "00000000-0000-4000-8000-000000000000"}), Conflict),
        ):
            with pytest.raises(error):
                await STEP.plan(replace(ctx, approved=Plan((forged,))))


async def test_new_mailboxes_and_those_that_are_on_again_are_told() -> None:
    async with tenancy() as home:
        _uses(home, "joni", "IMAP4")
        mailbox(home, "lee").cas |= {"ImapEnabled": False, "PopEnabled": False}
        plan = await home.plan(STEP, "megan")
        await home.make(STEP, "megan", plan)
        mailbox(home, "lee").cas["ImapEnabled"] = True
        mailbox(home, "grady").cas["PopEnabled"] = True
        ctx = await home.context("megan")
        everybody = _lists(plan)[-1]
        assert STEP.verify is not None
        assert not await STEP.verify(ctx, everybody)
        new, again = sorted(ctx.report.notes.values(), key=len, reverse=True)
        assert new.startswith("IMAP and POP: 1 on in mailboxes that are new or were off before.")
        assert again == f"{everybody.what}: 1 are not so any more."
        assert ctx.report.shortfalls == {}


async def test_what_exchange_refuses_for_one_is_told_and_the_others_are_closed_and_can_be_put_back() -> None:
    async with tenancy() as home:
        held = mailbox(home, "joni")
        fault = Fault(
            kind=Kind.STATUS,
            service="cmdlet",
            method="POST",
            path=f"^/Set-CASMailbox/{held.guid}",
            status=400,
            code="RecipientTaskException",
            message="No.",
            times=None,
        )
        home.sim.world.faults.add(fault)
        before = _picture(home)
        plan = await home.plan(STEP, "megan")
        (everybody,) = _lists(plan)
        told: list[str] = []

        async def tell(words: str) -> None:
            told.append(words)

        ctx = replace(await home.context("megan"), report=Report(tell))
        assert STEP.apply is not None
        assert STEP.verify is not None
        await STEP.apply(ctx, everybody)
        assert told[0].startswith("IMAP and POP: 0 of ")
        assert await STEP.verify(ctx, everybody)
        assert _open(home) == {"Joni Sherman"}
        (words,) = ctx.report.shortfalls.values()
        assert "1 not done. Exchange Online did not accept this change." in words
        assert isinstance(STEP.undo, Undo)
        await STEP.undo.apply(ctx, everybody)
        assert await STEP.undo.verify(ctx, everybody)
        assert _picture(home) == before


async def test_a_service_that_bears_less_than_we_ask_slows_us_down_and_nothing_is_lost() -> None:
    async with tenancy() as home:
        knobs = exchange_of(home.sim.world).knobs
        plan = await home.plan(STEP, "megan")
        knobs.concurrent_calls, knobs.busy_seconds = 6, 0.02
        await home.make(STEP, "megan", replace(plan, changes=tuple(_lists(plan))))
        assert _open(home) == set()
        refused = [entry for entry in home.sim.world.journal.entries(service="cmdlet") if entry.status == 429]
        assert refused
        switched = [change.target_id for change in home.sim.world.tenant.changes if change.property == "ImapEnabled"]
        assert len(switched) == len(set(switched))


async def test_a_plan_for_new_mailboxes_that_vanished_is_done() -> None:
    async with tenancy() as home:
        plan = await home.plan(STEP, "megan")
        exchange_of(home.sim.world).organisation.cas_plans.clear()
        ctx = await home.context("megan")
        assert STEP.verify is not None
        assert await STEP.verify(ctx, plan.changes[0])
