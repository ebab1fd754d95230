from __future__ import annotations

from uuid import uuid4

from services.microsoft365.exchange import mail_flow
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.defaults import new_inbound_connector, new_outbound_connector, new_transport_rule


async def test_rules_are_read_with_what_makes_them_suspect_and_switched_off_not_removed(
    exchange: RestBackend, tenant: Exchange
) -> None:
    rules = tenant.organisation.transport_rules
    rules.append(
        new_transport_rule(
            "sync",
            uuid4(),
            tenant.clock.now(),
            "isaiah@contoso.com",
            Priority=1,
            BlindCopyTo=["drop@evil.example"],
            SetSCL="-1",
        )
    )
    listed = await mail_flow.list_transport_rules(exchange)
    assert listed.complete
    rule = next(each for each in listed.rules if each.name == "sync")
    assert (rule.copies_to, rule.bypasses_filter, rule.enabled) == (("drop@evil.example",), True, True)
    assert rule.changed is not None

    await mail_flow.disable_transport_rule(exchange, rule.guid)
    await mail_flow.disable_transport_rule(exchange, rule.guid)
    assert [each["State"] for each in rules] == ["Enabled", "Disabled"]
    await mail_flow.enable_transport_rule(exchange, rule.guid)
    assert rules[1]["State"] == "Enabled"


async def test_all_three_classes_of_outbound_connectors_are_found(exchange: RestBackend, tenant: Exchange) -> None:
    now = tenant.clock.now()
    tenant.organisation.inbound_connectors.append(
        new_inbound_connector("relay", uuid4(), now, SenderIPAddresses=["203.0.113.7"])
    )
    tenant.organisation.outbound_connectors += [
        new_outbound_connector("plain", uuid4(), now),
        new_outbound_connector("scoped", uuid4(), now, IsTransportRuleScoped=True, SmartHosts=["mx.evil.example"]),
        new_outbound_connector("testing", uuid4(), now, TestMode=True),
    ]
    found = {connector.name: connector for connector in await mail_flow.list_connectors(exchange)}
    assert set(found) == {"relay", "plain", "scoped", "testing"}
    assert found["relay"].inbound
    assert found["relay"].addresses == ("203.0.113.7",)
    assert found["scoped"].smart_hosts == ("mx.evil.example",)

    assert await mail_flow.switch_connector(exchange, found["relay"], on=False) is True
    assert await mail_flow.switch_connector(exchange, found["relay"], on=False) is False
    assert await mail_flow.switch_connector(exchange, found["scoped"], on=False) is True
    off = {connector.name for connector in await mail_flow.list_connectors(exchange) if not connector.enabled}
    assert off == {"relay", "scoped"}


async def test_journal_rules_and_where_forwarding_may_go(exchange: RestBackend, tenant: Exchange) -> None:
    tenant.organisation.journal_rules.append(
        {
            "Name": "archive",
            "Identity": "archive",
            "Enabled": True,
            "JournalEmailAddress": "j@evil.example",
            "Recipient": None,
            "Scope": "Global",
        }
    )
    (rule,) = await mail_flow.list_journal_rules(exchange)
    assert (rule.journal_address, rule.enabled) == ("j@evil.example", True)
    await mail_flow.disable_journal_rule(exchange, rule.name)
    assert not (await mail_flow.list_journal_rules(exchange))[0].enabled
    await mail_flow.enable_journal_rule(exchange, rule.name)
    assert (await mail_flow.list_journal_rules(exchange))[0].enabled

    policies = {policy.name: policy for policy in await mail_flow.list_forwarding_policies(exchange)}
    assert policies["*"].allows
    assert policies["Default"].mode == "Automatic"
