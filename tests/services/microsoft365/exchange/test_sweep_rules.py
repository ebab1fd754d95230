from __future__ import annotations

import pytest

from services.errors import Gone
from services.microsoft365.exchange import sweep_rules
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule


async def test_sweep_rules_are_listed_switched_removed_and_made_again(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    new_sweep_rule(tenant.mailbox("megan"), "From IT", Sender="it-support@contoso.com", KeepLatest=1)
    (rule,) = await sweep_rules.list_rules(exchange, megan)
    assert (rule.sender, rule.keep_latest, rule.keep_days, rule.enabled) == ("it-support@contoso.com", 1, None, True)
    await sweep_rules.disable_rule(exchange, megan, rule.rule_id)
    assert not (await sweep_rules.list_rules(exchange, megan))[0].enabled
    await sweep_rules.enable_rule(exchange, megan, rule.rule_id)
    await sweep_rules.remove_rule(exchange, megan, rule.rule_id)
    assert await sweep_rules.list_rules(exchange, megan) == ()
    with pytest.raises(Gone):
        await sweep_rules.remove_rule(exchange, megan, rule.rule_id)
    await sweep_rules.restore_rule(exchange, megan, rule)
    (back,) = await sweep_rules.list_rules(exchange, megan)
    assert (back.name, back.sender, back.keep_latest) == (rule.name, rule.sender, 1)
