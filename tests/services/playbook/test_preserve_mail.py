"""A hold is placed where the licence allows one, says why where not, and ends as if it had never been."""

from __future__ import annotations

from services.playbook.preserve_mail import STEP
from services.playbook.step import State
from tests.services.playbook.mail_scenes import mailbox, settings_of
from tests.services.playbook.tenancy import settled, tenancy


async def test_a_hold_is_placed_without_a_comment_and_taken_back_exactly() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        before = settings_of(held)
        plan = await home.plan(STEP, "megan")
        await home.make(STEP, "megan", plan)
        assert held.settings["LitigationHoldEnabled"] is True
        assert held.settings["RetentionComment"] == ""
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO
        await home.undo(STEP, "megan", plan)
        after = settings_of(held)
        assert {k: v or "" for k, v in after.items()} == {k: v or "" for k, v in before.items()}


async def test_a_hold_of_somebody_else_is_left_alone() -> None:
    async with tenancy() as home:
        mailbox(home, "megan").settings["LitigationHoldEnabled"] = True
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO


async def test_without_the_licence_it_is_named() -> None:
    async with tenancy() as home:
        state, reason = settled(await home.plan(STEP, "invoices"))
        assert state is State.NOT_EVALUATED
        assert "Exchange Online Plan 2" in reason
