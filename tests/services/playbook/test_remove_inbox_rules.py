"""The suspicious rules go, the hidden ones too; people's own stay; and a removed rule comes back as it was."""

from __future__ import annotations

from copy import deepcopy

import pytest

from services.errors import Gone
from services.playbook.planner import outcome_of
from services.playbook.remove_inbox_rules import STEP
from services.playbook.step import Context, State
from simulator.stories import STORIES, evicted, harmed
from tests.services.playbook.mail_scenes import add_rule, mailbox, rules_picture, speak, to
from tests.services.playbook.tenancy import settled, tenancy

_TOLD = sorted({story.id for story in STORIES.values() if any(t.evicted_by == STEP.id for t in story.truth)})


@pytest.mark.parametrize("story_id", _TOLD)
async def test_the_storys_rules_go_and_the_owners_stay(story_id: str) -> None:
    story = STORIES[story_id]
    async with tenancy() as home:
        home.tell(story_id)
        user = home.user(story.account)
        plan = await home.plan(STEP, user)
        assert all(change.after == "Removed" and change.before in {"On", "Off"} for change in plan.changes)
        await home.make(STEP, user, plan)
        mine = {truth.item for truth in story.truth if truth.evicted_by == STEP.id}
        assert not mine & set(evicted(story, home.sim.world))
        assert harmed(story, home.sim.world) == []
        assert settled(await home.plan(STEP, user))[0] is State.ALREADY_SO


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "ru-RU"])
async def test_rules_come_back_as_they_were_in_any_language_but_for_their_number(locale: str) -> None:
    async with tenancy() as home:
        speak(home, "megan", locale)
        user = home.user("megan")
        hide = {"moveToFolder": "rssfeeds", "markAsRead": True, "stopProcessingRules": True}
        add_rule(user, "Own", conditions={"subjectContains": ["lunch"]}, actions={"assignCategories": ["Blue"]})
        add_rule(user, "..", conditions={"bodyOrSubjectContains": ["IBAN", "invoice"]}, actions=hide)
        add_rule(
            user,
            "Mail home",
            conditions={"fromAddresses": to("lynne@contoso.com", "Lynne Robbins")},
            exceptions={"subjectContains": ["lunch"]},
            actions={"redirectTo": to("drop@evil.example"), "delete": True},
            isEnabled=False,
        )
        before = [_as_exchange_sees_it(rule) for rule in rules_picture(user)]
        numbers = {rule["displayName"]: rule["id"] for rule in user.rules}
        plan = await home.plan(STEP, "megan")
        assert [change.before for change in plan.changes] == ["On", "Off"]
        await home.make(STEP, "megan", plan)
        assert [rule["displayName"] for rule in user.rules] == ["Own"]
        await home.undo(STEP, "megan", plan)
        assert [_as_exchange_sees_it(rule) for rule in rules_picture(user)] == before
        assert {rule["displayName"] for rule in user.rules if rule["id"] == numbers[rule["displayName"]]} == {"Own"}


def _as_exchange_sees_it(rule: dict[str, object]) -> dict[str, object]:
    """A folder may be named by its kind or by its name; that a rule has no exceptions may be said or not."""
    kept = {key: value for key, value in deepcopy(rule).items() if value not in ({}, False) or key == "isEnabled"}
    actions = kept.get("actions")
    if isinstance(actions, dict):
        actions.pop("moveToFolder", None)
    return kept


async def test_a_hidden_rule_without_a_name_comes_back_visible_and_with_one() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.add_rule("", hidden=True, RedirectTo=["drop@evil.example"])
        plan = await home.plan(STEP, "megan")
        await home.make(STEP, "megan", plan)
        assert held.rules == []
        await home.undo(STEP, "megan", plan)
        (back,) = home.user("megan").rules
        assert back["displayName"] == "Restored rule"
        assert back["actions"]["redirectTo"][0]["emailAddress"]["address"] == "drop@evil.example"


async def test_exchanges_own_rule_of_that_name_is_left_while_the_intruders_goes() -> None:
    async with tenancy() as home:
        mailbox(home, "megan").add_rule("Junk E-mail Rule", hidden=True, RedirectTo=["drop@evil.example"])
        plan = await home.plan(STEP, "megan")
        assert len(plan.changes) == 1
        await home.make(STEP, "megan", plan)
        assert mailbox(home, "megan").rules == []


async def test_a_rule_that_is_gone_meanwhile_counts_as_removed() -> None:
    async with tenancy() as home:
        add_rule(home.user("megan"), "..", actions={"delete": True})
        plan = await home.plan(STEP, "megan")
        home.user("megan").rules.clear()
        await home.make(STEP, "megan", plan)


async def test_an_account_without_a_mailbox_has_nothing_to_remove() -> None:
    async with tenancy() as home:
        ctx: Context = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).state is State.ALREADY_SO
