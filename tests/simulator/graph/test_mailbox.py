"""Mailbox settings and visible inbox rules."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from simulator.exchange import exchange_of
from simulator.exchange.graph_rules import visible
from simulator.tenant import Json
from tests.simulator.graph.caller import GraphCaller

RULES = "/users/megan@contoso.com/mailFolders/inbox/messageRules"


@pytest.fixture
def rule(graph: GraphCaller) -> Json:
    """A rule in Megan's mailbox."""
    row = {
        "id": "AQAAA1",
        "displayName": ".",
        "sequence": 1,
        "isEnabled": True,
        "hasError": False,
        "isReadOnly": False,
        "conditions": {"bodyOrSubjectContains": ["invoice"]},
        "actions": {"delete": True, "stopProcessingRules": True},
        "exchangeOnly": {"Hidden": True},
    }
    graph.sim.world.tenant.user("megan").rules.append(row)
    return row


async def test_rules_are_listed_disabled_and_deleted(graph: GraphCaller, rule: Json) -> None:
    [shown] = (await graph.get(RULES)).value
    assert shown["displayName"] == "."
    assert "exchangeOnly" not in shown
    changed = await graph.patch(f"{RULES}/{rule['id']}", {"isEnabled": False})
    assert (changed.status, changed.body["isEnabled"]) == (200, False)
    assert (await graph.delete(f"{RULES}/{rule['id']}")).status == 204
    gone = await graph.get(f"{RULES}/{rule['id']}")
    assert (gone.status, gone.code) == (404, "ErrorItemNotFound")
    assert [change.what for change in graph.sim.world.tenant.changes] == ["Update inbox rule", "Delete inbox rule"]


async def test_an_id_with_a_slash_is_found_when_it_is_escaped_and_only_then(graph: GraphCaller, rule: Json) -> None:
    rule["id"] = "AQ/A+A=="
    assert (await graph.get(f"{RULES}/AQ%2FA%2BA%3D%3D")).body["id"] == rule["id"]
    assert (await graph.get(f"{RULES}/AQ/A+A==")).status in {400, 404}


async def test_read_only_rules_and_wrong_requests_are_refused(graph: GraphCaller, rule: Json) -> None:
    assert (await graph.patch(f"{RULES}/{rule['id']}", {"isEnable": False})).status == 400
    assert (await graph.patch(f"{RULES}/{rule['id']}", {"isReadOnly": False})).status == 400
    rule["isReadOnly"] = True
    assert (await graph.patch(f"{RULES}/{rule['id']}", {"isEnabled": False})).status == 400
    assert (await graph.delete(f"{RULES}/{rule['id']}")).status == 400
    other = await graph.get("/users/megan@contoso.com/mailFolders/sentitems/messageRules")
    assert other.status == 400


async def test_settings_show_replies_and_no_forwarding(graph: GraphCaller) -> None:
    path = "/users/megan@contoso.com/mailboxSettings"
    reply = await graph.get(path)
    assert reply.body["userPurpose"] == "user"
    assert not any("forward" in name.lower() for name in reply.body)
    off = await graph.patch(path, {"automaticRepliesSetting": {"status": "alwaysEnabled"}})
    assert off.body["automaticRepliesSetting"]["status"] == "alwaysEnabled"
    assert off.body["automaticRepliesSetting"]["externalAudience"] == "none"
    assert (await graph.patch(path, {"forwarding": "x"})).status == 400
    assert (await graph.patch(path, {"userPurpose": "room"})).status == 400


@pytest.mark.parametrize("who", ["ravi", "emergency1@contoso.com"])
async def test_accounts_without_a_mailbox_say_so(graph: GraphCaller, who: str) -> None:
    tenant = graph.sim.world.tenant
    user = next(user for user in tenant.users.values() if user.upn.startswith(who))
    reply = await graph.get(f"/users/{user.id}/mailboxSettings")
    assert (reply.status, reply.code) == (404, "MailboxNotEnabledForRESTAPI")


async def test_a_shared_mailbox_needs_no_licence(graph: GraphCaller) -> None:
    reply = await graph.get("/users/invoices@contoso.com/mailboxSettings")
    assert reply.body["userPurpose"] == "shared"


async def test_a_rule_is_put_back_and_both_services_know_it(graph: GraphCaller) -> None:
    body = {"displayName": "To archive", "sequence": 2, "conditions": {"subjectContains": ["news"]}}
    assert (await graph.post(RULES, body)).status == 400
    made = await graph.post(RULES, body | {"actions": {"moveToFolder": "archive"}})
    assert (made.status, made.body["isEnabled"]) == (201, True)
    shown = await graph.get(f"{RULES}/{quote(made.body['id'], safe='')}")
    assert shown.body["conditions"] == {"subjectContains": ["news"]}
    world = graph.sim.world
    exchange = exchange_of(world)
    mailbox = exchange.mailbox("megan")
    [rule] = visible(world.tenant.user("megan"), mailbox)
    assert rule.properties["SubjectContainsWords"] == ["news"]
    assert (await graph.post(RULES, body | {"actions": {}, "isReadOnly": True})).status == 400
    assert (await graph.post(RULES, body | {"actions": {}, "colour": "red"})).status == 400
