"""Every protocol that is on goes off for this mailbox alone, and comes back exactly, SMTP AUTH's third state too."""

from __future__ import annotations

from copy import deepcopy

import pytest

from services.errors import Gone
from services.playbook.planner import outcome_of
from services.playbook.step import State
from services.playbook.switch_off_mail_protocols import STEP
from tests.services.playbook.mail_scenes import mailbox
from tests.services.playbook.tenancy import settled, tenancy


@pytest.mark.parametrize("disabled", [None, False, True])
async def test_all_goes_off_and_comes_back_with_the_three_states_of_smtp_auth(disabled: bool | None) -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.cas |= {"SmtpClientAuthenticationDisabled": disabled, "PopEnabled": False}
        before, others = deepcopy(held.cas), deepcopy(mailbox(home, "lynne").cas)
        plan = await home.plan(STEP, "megan")
        items = {change.item for change in plan.changes}
        assert ("SmtpAuth" in items) is (disabled is not True)
        assert {"ImapEnabled", "ActiveSyncEnabled", "MAPIEnabled", "EwsEnabled", "OWAEnabled"} <= items
        assert "PopEnabled" not in items
        await home.make(STEP, "megan", plan)
        assert held.cas["SmtpClientAuthenticationDisabled"] is True
        assert not any(held.cas[item] for item in items - {"SmtpAuth"})
        assert settled(await home.plan(STEP, "megan"))[0] is State.ALREADY_SO
        await home.undo(STEP, "megan", plan)
        assert held.cas == before
        assert mailbox(home, "lynne").cas == others


async def test_a_protocol_that_the_service_does_not_know_is_not_proposed() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.cas["OneWinNativeOutlookEnabled"] = None
        assert "OneWinNativeOutlookEnabled" not in {change.item for change in (await home.plan(STEP, "megan")).changes}


async def test_an_account_without_a_mailbox_has_none() -> None:
    async with tenancy() as home:
        ctx = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).state is State.ALREADY_SO
