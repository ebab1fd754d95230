"""Nothing leaves the mailbox by itself any more, and every setting comes back as it was."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from services.errors import Gone
from services.playbook.planner import outcome_of
from services.playbook.remove_forwarding import STEP
from services.playbook.step import State
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule
from simulator.stories import STORIES, evicted, harmed
from simulator.tenant import User
from tests.services.playbook.mail_scenes import mailbox, settings_of
from tests.services.playbook.tenancy import settled, tenancy

_TOLD = sorted({story.id for story in STORIES.values() if any(t.evicted_by == STEP.id for t in story.truth)})


@pytest.mark.parametrize("story_id", _TOLD)
async def test_the_storys_forwarding_goes_and_comes_back_field_by_field(story_id: str) -> None:
    story = STORIES[story_id]
    async with tenancy() as home:
        home.tell(story_id)
        user = home.user(story.account)
        held = mailbox(home, user.id)
        before = settings_of(held), _said(user), deepcopy(held.sweep_rules)
        plan = await home.plan(STEP, user)
        await home.make(STEP, user, plan)
        mine = {truth.item for truth in story.truth if truth.evicted_by == STEP.id}
        assert not mine & set(evicted(story, home.sim.world))
        assert harmed(story, home.sim.world) == []
        assert settled(await home.plan(STEP, user))[0] is State.ALREADY_SO
        await home.undo(STEP, user, plan)
        assert (settings_of(held), _said(user), held.sweep_rules) == before
        assert mine <= set(evicted(story, home.sim.world))


def _said(user: User) -> str:
    """The settings in Graph's form; a moment may be written with or without fractions of a second."""
    return json.dumps(user.mailbox_settings, sort_keys=True).replace(".0000000", "")


async def test_both_attributes_and_the_flag_are_one_change() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.settings |= {
            "ForwardingAddress": home.user("reception").id,
            "ForwardingSmtpAddress": "smtp:drop@evil.example",
            "DeliverToMailboxAndForward": True,
        }
        before = settings_of(held)
        plan = await home.plan(STEP, "megan")
        (change,) = plan.changes
        assert "drop@evil.example" in change.before
        assert "Reception" in change.before or "reception" in change.before
        await home.make(STEP, "megan", plan)
        assert held.settings["ForwardingAddress"] is None
        assert held.settings["ForwardingSmtpAddress"] is None
        assert held.settings["DeliverToMailboxAndForward"] is False
        await home.undo(STEP, "megan", plan)
        assert settings_of(held) == before


async def test_the_owners_absence_and_their_old_sweep_rules_are_not_proposed() -> None:
    async with tenancy() as home:
        home.tell("clean")
        new_sweep_rule(mailbox(home, "jose"), "Old news", Sender="news@adatum.example", KeepLatest=1)
        assert settled(await home.plan(STEP, "jose"))[0] is State.ALREADY_SO


async def test_a_sweep_rule_that_is_gone_meanwhile_is_done() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        new_sweep_rule(held, "Tidy", Sender="postmaster@contoso.com", KeepLatest=1)
        plan = await home.plan(STEP, "megan")
        held.sweep_rules.clear()
        await home.make(STEP, "megan", plan)


async def test_an_account_without_a_mailbox_forwards_nothing() -> None:
    async with tenancy() as home:
        ctx = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).state is State.ALREADY_SO
