"""Where mail goes by itself: both attributes, a contact that stands for an address outside, replies, sweep rules."""

from __future__ import annotations

import pytest

from services.errors import Gone, MissingRole
from services.playbook.check_forwarding import STEP
from services.playbook.planner import outcome_of
from services.playbook.step import Severity, State
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule
from simulator.stories import STORIES
from tests.services.playbook.mail_scenes import mailbox, take_role
from tests.services.playbook.tenancy import settled, tenancy

_ALARMING = [("invoice-fraud", "lee", "recipient"), ("synced-account", "patti", "smtp")]


@pytest.mark.parametrize(("story_id", "account", "key"), _ALARMING)
async def test_the_storys_forwarding_is_an_alarm_that_names_the_address(story_id: str, account: str, key: str) -> None:
    async with tenancy() as home:
        told = home.tell(story_id)
        plan = await home.plan(STEP, account)
        (finding,) = [each for each in plan.findings if each.key == key]
        assert finding.severity is Severity.ALARM
        assert any(name in finding.title for name in told.trace("forwarding").names if "@" in name)
        assert settled(plan) == (State.DONE, "Mail is forwarded.")


async def test_the_reply_of_the_intruder_is_shown_and_its_text_is_kept_off_the_card() -> None:
    async with tenancy() as home:
        home.tell("synced-account")
        plan = await home.plan(STEP, "patti")
        (finding,) = [each for each in plan.findings if each.key == "automatic-reply"]
        assert finding.severity is Severity.WARNING
        assert finding.reasons == ("It links to contoso-orders.example", "Read its text")
        assert all("new order portal" not in f"{f.title}{f.reasons}{f.data}" for f in plan.findings)
        assert "new order portal" in str(plan.evidence["automatic reply"])


async def test_a_sweep_rule_that_carries_mail_out_of_sight_is_found_with_its_sender() -> None:
    async with tenancy() as home:
        home.tell("shared-mailbox")
        plan = await home.plan(STEP, "reception")
        (finding,) = [each for each in plan.findings if each.key.startswith("sweep:")]
        assert "Tidy up" in finding.title
        assert any("postmaster@contoso.com" in reason for reason in finding.reasons)
        assert finding.severity is Severity.WARNING


async def test_a_clean_mailbox_with_an_out_of_office_reply_has_notes_only() -> None:
    async with tenancy() as home:
        home.tell("clean")
        new_sweep_rule(mailbox(home, "jose"), "Old news", Sender="news@adatum.example", KeepLatest=1)
        plan = await home.plan(STEP, "jose")
        assert {finding.severity for finding in plan.findings} == {Severity.NOTE}
        assert settled(plan) == (State.DONE, "No mail is forwarded.")


async def test_forwarding_inside_is_worth_a_look_and_says_whether_a_copy_stays() -> None:
    async with tenancy() as home:
        reception = home.user("reception")
        mailbox(home, "megan").settings |= {"ForwardingAddress": reception.id, "DeliverToMailboxAndForward": True}
        (finding,) = (await home.plan(STEP, "megan")).findings
        assert finding.severity is Severity.WARNING
        assert "A copy stays in the mailbox" in finding.reasons


async def test_forwarding_to_a_name_that_leads_nowhere_is_an_alarm() -> None:
    async with tenancy() as home:
        mailbox(home, "megan").settings["ForwardingAddress"] = "11111111-2222-4333-8444-555555555555"
        (finding,) = (await home.plan(STEP, "megan")).findings
        assert finding.severity is Severity.ALARM
        assert "Nobody could be found behind that name" in finding.reasons


def test_every_story_with_forwarding_is_tested() -> None:
    told = {story.id for story in STORIES.values() for truth in story.truth if truth.step == STEP.id}
    assert told == {story_id for story_id, _, _ in _ALARMING} | {"shared-mailbox"}


async def test_without_a_mailbox_or_a_role_it_says_which() -> None:
    async with tenancy() as home:
        guest = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(guest)
        assert outcome_of(STEP, guest, gone.value, reading=True).reason == "The account has no mailbox."
        take_role(home)
        ctx = await home.context("megan")
        with pytest.raises(MissingRole) as refused:
            await STEP.plan(ctx)
        outcome = outcome_of(STEP, ctx, refused.value, reading=True)
        assert outcome.state is State.NOT_EVALUATED
        assert "Exchange Administrator" in outcome.reason
