"""Off the list of restricted senders: last, by Microsoft's own cap, and only where no mail leaves by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.errors import Conflict
from services.playbook.step import State
from services.playbook.unblock_sending import STEP
from simulator.exchange import exchange_of
from simulator.exchange.cmdlets.mail_flow import restrict
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


def _restricted(home: Tenancy, who: str) -> None:
    organisation = exchange_of(home.sim.world).organisation
    entry = restrict(home.sim.world.clock.now(), home.user(who).properties["mail"], 2043)
    organisation.blocked_senders.append(entry)


async def test_a_sender_leaves_the_list_and_the_plan_says_what_microsoft_says() -> None:
    async with tenancy() as home:
        _restricted(home, "megan")
        ctx = replace(await home.context("megan"), past=OpenPast())
        plan = await STEP.plan(ctx)
        [change] = plan.changes
        for words in ("2043 people outside", "at most a day", "only a few times"):
            assert words in change.what
        left = exchange_of(home.sim.world).organisation.unblocks_left
        await home.make(STEP, "megan", plan)
        assert exchange_of(home.sim.world).organisation.unblocks_left == left - 1
        assert settled(await STEP.plan(ctx))[0] is State.ALREADY_SO


async def test_nobody_sends_before_the_account_is_given_back_or_while_mail_leaves_by_itself() -> None:
    async with tenancy() as home:
        _restricted(home, "megan")
        ctx = replace(await home.context("megan"), past=OpenPast())
        blocked = replace(ctx, account=replace(ctx.account, account_enabled=False))
        assert settled(await STEP.plan(blocked))[0] is State.REFUSED
        shut = replace(ctx, past=OpenPast(shut="No mail is forwarded: no."))
        state, reason = settled(await STEP.plan(shut))
        assert state is State.REFUSED
        assert "No mail is forwarded" in reason


async def test_the_cap_of_the_service_is_said_in_words() -> None:
    async with tenancy() as home:
        _restricted(home, "megan")
        exchange_of(home.sim.world).organisation.unblocks_left = 0
        ctx = replace(await home.context("megan"), past=OpenPast())
        [change] = (await STEP.plan(ctx)).changes
        assert STEP.apply is not None
        with pytest.raises(Conflict) as refused:
            await STEP.apply(ctx, change)
        outcome = STEP.explain(ctx, refused.value)
        assert outcome is not None
        assert outcome.state is State.REFUSED
        assert "support" in outcome.reason


async def test_a_release_that_takes_its_time_is_not_taken_for_shown() -> None:
    async with tenancy() as home:
        _restricted(home, "megan")
        exchange_of(home.sim.world).knobs.unblock_minutes = 60
        ctx = replace(await home.context("megan"), past=OpenPast())
        [change] = (await STEP.plan(ctx)).changes
        assert change.later
        assert STEP.apply is not None
        assert STEP.verify is not None
        await STEP.apply(ctx, change)
        assert not await STEP.verify(ctx, change)
        home.sim.world.clock.advance(3601)
        assert await STEP.verify(ctx, change)
