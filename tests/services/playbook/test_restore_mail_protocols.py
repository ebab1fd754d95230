"""Each protocol comes back as it was, SMTP AUTH's third state too; what the owner had off stays off."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from services.playbook import switch_off_mail_protocols
from services.playbook.restore_mail_protocols import STEP
from services.playbook.step import State
from tests.services.playbook.mail_scenes import mailbox
from tests.services.playbook.open_past import OpenPast
from tests.services.playbook.tenancy import settled, tenancy


@pytest.mark.parametrize("disabled", [None, False, True])
async def test_all_comes_back_and_goes_again_with_the_undo(disabled: bool | None) -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.cas |= {"SmtpClientAuthenticationDisabled": disabled, "PopEnabled": False}
        before = deepcopy(held.cas)
        off = await home.plan(switch_off_mail_protocols.STEP, "megan")
        await home.make(switch_off_mail_protocols.STEP, "megan", off)
        locked = deepcopy(held.cas)
        ctx = replace(await home.context("megan"), past=OpenPast({switch_off_mail_protocols.STEP.id: off.changes}))
        plan = await STEP.plan(ctx)
        assert {change.item for change in plan.changes} == {change.item for change in off.changes}
        await home.make(STEP, "megan", plan)
        assert held.cas == before
        assert settled(await STEP.plan(ctx))[0] is State.ALREADY_SO
        await home.undo(STEP, "megan", plan)
        assert held.cas == locked


async def test_a_shut_gate_keeps_them_off() -> None:
    async with tenancy() as home:
        off = await home.plan(switch_off_mail_protocols.STEP, "megan")
        await home.make(switch_off_mail_protocols.STEP, "megan", off)
        past = OpenPast({switch_off_mail_protocols.STEP.id: off.changes}, shut="No mail is forwarded: no.")
        state, reason = settled(await STEP.plan(replace(await home.context("megan"), past=past)))
        assert state is State.REFUSED
        assert "No mail is forwarded: no." in reason
