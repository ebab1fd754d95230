from __future__ import annotations

import httpx
import pytest

from services.errors import Gone
from services.microsoft365.mailbox import AutomaticReplies, Mailboxes
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

RULE = {
    "id": "AQAA",
    "displayName": ".",
    "sequence": 1,
    "isEnabled": True,
    "isReadOnly": False,
    "hasError": False,
    "conditions": {"subjectContains": ["invoice"]},
    "actions": {
        "forwardTo": [{"emailAddress": {"name": "x", "address": "x@evil.example"}}],
        "redirectTo": [{"emailAddress": {"address": "y@evil.example"}}],
        "delete": True,
        "moveToFolder": "AAMk",
        "stopProcessingRules": True,
    },
}


@pytest.fixture
def mailboxes(wire: GraphBench) -> Mailboxes:
    return Mailboxes(wire.graph)


async def test_settings_say_what_the_mailbox_is_for_and_what_it_answers(wire: GraphBench, mailboxes: Mailboxes) -> None:
    replies = {"status": "alwaysEnabled", "externalAudience": "all", "externalReplyMessage": "Call 555"}
    wire.replies = [httpx.Response(200, json={"userPurpose": "shared", "automaticRepliesSetting": replies})]
    found = await mailboxes.settings("u1")
    assert found.purpose == "shared"
    assert found.automatic_replies == AutomaticReplies("alwaysEnabled", "all", "", "Call 555")


async def test_an_account_without_a_mailbox_says_so(wire: GraphBench, mailboxes: Mailboxes) -> None:
    wire.replies = [error(404, "MailboxNotEnabledForRESTAPI")]
    with pytest.raises(Gone) as caught:
        await mailboxes.inbox_rules("u1")
    assert caught.value.data["reason"] == "no-mailbox"


async def test_a_rule_shows_where_mail_goes(wire: GraphBench, mailboxes: Mailboxes) -> None:
    wire.replies = [page(RULE)]
    (rule,) = await mailboxes.inbox_rules("u1")
    assert rule.forwards_to == ("x@evil.example", "y@evil.example")
    assert rule.deletes
    assert rule.moves_to_folder == "AAMk"
    assert wire.paths == ["GET /v1.0/users/u1/mailFolders/inbox/messageRules"]


async def test_an_id_with_signs_of_an_address_stays_one_part_of_it(wire: GraphBench, mailboxes: Mailboxes) -> None:
    wire.replies = [EMPTY, EMPTY]
    await mailboxes.switch_rule("u1", "AQ/A+?#A==", enabled=False)
    await mailboxes.delete_rule("u1", "AQ/A+?#A==")
    where = "/v1.0/users/u1/mailFolders/inbox/messageRules/AQ%2FA%2B%3F%23A%3D%3D"
    assert [request.url.raw_path.decode() for request in wire.requests] == [where, where]


async def test_a_rule_is_switched_off_deleted_and_put_back_whole(wire: GraphBench, mailboxes: Mailboxes) -> None:
    wire.replies = [page(RULE), EMPTY, EMPTY, httpx.Response(201, json={**RULE, "id": "new"})]
    (rule,) = await mailboxes.inbox_rules("u1")
    await mailboxes.switch_rule("u1", rule.id, enabled=False)
    await mailboxes.delete_rule("u1", rule.id)
    assert await mailboxes.put_back_rule("u1", rule) == "new"
    assert wire.body(1) == {"isEnabled": False}
    assert wire.paths[2] == "DELETE /v1.0/users/u1/mailFolders/inbox/messageRules/AQAA"
    assert wire.body(3) == {
        "displayName": ".",
        "sequence": 1,
        "isEnabled": True,
        "conditions": RULE["conditions"],
        "actions": RULE["actions"],
    }


async def test_silencing_automatic_replies_keeps_their_text(wire: GraphBench, mailboxes: Mailboxes) -> None:
    await mailboxes.set_automatic_replies("u1", AutomaticReplies("disabled", "all", "in", "out"))
    assert wire.body() == {"automaticRepliesSetting": {"status": "disabled"}}
    await mailboxes.set_automatic_replies("u1", AutomaticReplies("alwaysEnabled", "all", "in", "out"))
    assert wire.body()["automaticRepliesSetting"]["externalReplyMessage"] == "out"
