"""Every rule is judged, the hidden ones too; what could not be read is never clean."""

from __future__ import annotations

import pytest

from services.errors import Gone, IRBotError, MissingRole
from services.playbook.check_inbox_rules import STEP
from services.playbook.planner import outcome_of
from services.playbook.step import Severity, State
from simulator.stories import STORIES
from tests.services.playbook.mail_scenes import add_rule, mailbox, take_role
from tests.services.playbook.tenancy import settled, tenancy

_TOLD = sorted({story.id for story in STORIES.values() if any(t.step == STEP.id for t in story.truth)})


@pytest.mark.parametrize("story_id", _TOLD)
async def test_every_rule_that_the_story_wants_found_is_an_alarm(story_id: str) -> None:
    story = STORIES[story_id]
    async with tenancy() as home:
        told = home.tell(story_id)
        plan = await home.plan(STEP, home.user(story.account))
        alarms = {finding.key for finding in plan.findings if finding.severity is Severity.ALARM}
        for truth in story.truth:
            if truth.step == STEP.id:
                assert alarms & told.trace(truth.item).names, truth.item
        assert all(finding.reasons for finding in plan.findings)
        genuine = {name for trace in told.traces if not trace.by_intruder for name in trace.names}
        assert not alarms & genuine
        state, reason = settled(plan)
        assert state is State.DONE
        assert f"{len(alarms)} of them suspicious" in reason


async def test_a_clean_mailbox_is_not_called_proven_clean() -> None:
    async with tenancy() as home:
        home.tell("clean")
        plan = await home.plan(STEP, "jose")
        assert {finding.severity for finding in plan.findings} <= {Severity.NOTE}
        assert "It cannot be proven" in settled(plan)[1]


async def test_a_rule_that_is_off_says_so_and_the_evidence_holds_all_of_them() -> None:
    async with tenancy() as home:
        user = home.user("megan")
        add_rule(user, "..", actions={"delete": True}, isEnabled=False)
        mailbox(home, "megan").add_rule("", hidden=True, RedirectTo=["drop@evil.example"])
        plan = await home.plan(STEP, "megan")
        assert {finding.title for finding in plan.findings} == {
            "Inbox rule “..” (off)",
            "Inbox rule “(no name)”",
        }
        assert {rule["name"] for rule in plan.evidence["inbox rules"]} == {"..", "", "Junk E-mail Rule"}


async def test_a_damaged_rule_is_shown_as_damaged() -> None:
    async with tenancy() as home:
        filing = {"moveToFolder": "archive"}
        add_rule(home.user("megan"), "Broken", conditions={"subjectContains": ["x1"]}, actions=filing, hasError=True)
        (finding,) = (await home.plan(STEP, "megan")).findings
        assert finding.severity is Severity.NOTE
        assert any("Damaged" in reason for reason in finding.reasons)


async def test_an_account_without_a_mailbox_has_no_rules() -> None:
    async with tenancy() as home:
        ctx = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).reason == "The account has no mailbox."


async def test_a_missing_role_is_not_evaluated_and_named() -> None:
    async with tenancy() as home:
        take_role(home)
        ctx = await home.context("megan")
        with pytest.raises(IRBotError) as refused:
            await STEP.plan(ctx)
        assert isinstance(refused.value, MissingRole)
        outcome = outcome_of(STEP, ctx, refused.value, reading=True)
        assert outcome.state is State.NOT_EVALUATED
        assert "Exchange Administrator" in outcome.reason
