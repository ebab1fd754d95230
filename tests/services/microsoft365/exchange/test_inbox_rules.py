from __future__ import annotations

import pytest

from services.errors import Gone
from services.microsoft365.exchange import inbox_rules
from services.microsoft365.exchange.inbox_rules import InboxRule, RuleRecipient
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.graph_rules import graph_id
from simulator.server import Simulator

_VISIBLE = {
    "id": graph_id(1 << 63 | 77),
    "displayName": ".",
    "sequence": 1,
    "isEnabled": True,
    "conditions": {"bodyOrSubjectContains": ["invoice", "payment"]},
    "actions": {
        "moveToFolder": "rssfeeds",
        "markAsRead": True,
        "forwardTo": [{"emailAddress": {"name": "drop", "address": "drop@evil.example"}}],
        "stopProcessingRules": True,
    },
}


@pytest.fixture
def scene(sim: Simulator, tenant: Exchange) -> None:
    sim.world.tenant.user("megan").rules.append({**_VISIBLE})
    tenant.mailbox("megan").add_rule("", hidden=True, RedirectTo=["hidden@evil.example"])


async def _one(exchange: RestBackend, megan: Mailbox, name: str) -> InboxRule:
    listed = await inbox_rules.list_rules(exchange, megan)
    return next(rule for rule in listed.rules if rule.name == name)


@pytest.mark.usefixtures("scene")
async def test_both_listings_together_tell_which_rules_are_hidden(exchange: RestBackend, megan: Mailbox) -> None:
    listed = await inbox_rules.list_rules(exchange, megan)
    assert listed.complete
    assert {(rule.name, rule.hidden) for rule in listed.people_s} == {(".", False), ("", True)}
    assert [rule.name for rule in listed.rules if rule.of_the_system] == ["Junk E-mail Rule"]


@pytest.mark.usefixtures("scene")
async def test_what_a_rule_does_is_read_into_plain_fields(exchange: RestBackend, megan: Mailbox) -> None:
    rule = await _one(exchange, megan, ".")
    assert rule.forward_to == (RuleRecipient("drop@evil.example", "drop@evil.example", inside=False),)
    assert rule.words == ("invoice", "payment")
    assert rule.move_to_folder == "RSS Feeds"
    assert rule.marks_as_read
    assert rule.stops_other_rules
    assert not rule.deletes
    assert rule.conditions == 1
    hidden = await _one(exchange, megan, "")
    assert [recipient.address for recipient in hidden.redirect_to] == ["hidden@evil.example"]
    assert hidden.conditions == 0
    assert int(hidden.rule_id) > 2**63


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("name", [".", ""])
async def test_a_rule_is_turned_off_and_on_by_its_number_even_when_hidden(
    exchange: RestBackend, megan: Mailbox, name: str
) -> None:
    rule = await _one(exchange, megan, name)
    await inbox_rules.disable_rule(exchange, megan, rule.rule_id)
    await inbox_rules.disable_rule(exchange, megan, rule.rule_id)
    assert not (await _one(exchange, megan, name)).enabled
    await inbox_rules.enable_rule(exchange, megan, rule.rule_id)
    assert (await _one(exchange, megan, name)).enabled


@pytest.mark.usefixtures("scene")
async def test_a_disabled_rule_is_off_in_graph_too(exchange: RestBackend, megan: Mailbox, sim: Simulator) -> None:
    rule = await _one(exchange, megan, ".")
    await inbox_rules.disable_rule(exchange, megan, rule.rule_id)
    assert sim.world.tenant.user("megan").rules[0]["isEnabled"] is False


@pytest.mark.usefixtures("scene")
async def test_a_removed_rule_comes_back_from_its_record(exchange: RestBackend, megan: Mailbox, sim: Simulator) -> None:
    rule = await _one(exchange, megan, ".")
    await inbox_rules.remove_rule(exchange, megan, rule.rule_id)
    assert sim.world.tenant.user("megan").rules == []
    with pytest.raises(Gone) as gone:
        await inbox_rules.remove_rule(exchange, megan, rule.rule_id)
    assert gone.value.data["what"] == "inbox-rule"

    new_id = await inbox_rules.restore_rule(exchange, megan, rule)
    back = await _one(exchange, megan, ".")
    assert back.rule_id == new_id != rule.rule_id
    assert back.settings == rule.settings


@pytest.mark.usefixtures("scene")
async def test_a_hidden_rule_that_was_off_comes_back_visible_and_off(exchange: RestBackend, megan: Mailbox) -> None:
    hidden = await _one(exchange, megan, "")
    await inbox_rules.disable_rule(exchange, megan, hidden.rule_id)
    hidden = await _one(exchange, megan, "")
    await inbox_rules.remove_rule(exchange, megan, hidden.rule_id)
    await inbox_rules.restore_rule(exchange, megan, hidden)
    back = await _one(exchange, megan, "Restored rule")
    assert not back.hidden
    assert not back.enabled


async def test_a_colleague_is_told_from_somebody_outside_and_restored_as_the_same_person(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    inside = {"emailAddress": {"name": "Adele", "address": "adele@contoso.com"}}
    rule = _VISIBLE | {"displayName": "to a colleague", "actions": {"redirectTo": [inside]}}
    sim.world.tenant.user("megan").rules.append(rule)
    found = await _one(exchange, megan, "to a colleague")
    (recipient,) = found.redirect_to
    assert (recipient.name, recipient.inside) == ("Adele Vance", True)
    await inbox_rules.remove_rule(exchange, megan, found.rule_id)
    await inbox_rules.restore_rule(exchange, megan, found)
    (again,) = sim.world.tenant.user("megan").rules
    assert again["actions"]["redirectTo"][0]["emailAddress"]["address"] == "adele@contoso.com"


async def test_a_clean_mailbox_has_only_the_system_s_rules(exchange: RestBackend, megan: Mailbox) -> None:
    listed = await inbox_rules.list_rules(exchange, megan)
    assert listed.people_s == ()
    assert listed.rules


async def test_automatic_replies_keep_hidden_rules_that_are_normal(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.tenant.user("megan").mailbox_settings["automaticRepliesSetting"]["status"] = "alwaysEnabled"
    listed = await inbox_rules.list_rules(exchange, megan)
    assert len(listed.rules) == 3
    assert listed.people_s == ()


async def test_a_damaged_rule_is_listed_and_the_warning_kept(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.tenant.user("megan").rules.append({**_VISIBLE, "hasError": True})
    listed = await inbox_rules.list_rules(exchange, megan)
    assert any(rule.damaged for rule in listed.people_s)
    assert any("contains errors" in warning for warning in listed.warnings)
