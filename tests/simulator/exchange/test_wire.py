"""The service's own refusals, shapes and limits, seen by a plain HTTP client."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from simulator.exchange.cmdlets import HANDLERS
from simulator.exchange.parameters import SIGNATURES
from simulator.faults import Fault, Kind
from simulator.roles import ROLES
from simulator.tenant import RoleAssignment
from simulator.tokens import Audience
from tests.simulator.exchange.conftest import Admin


def _give(admin: Admin, *role_ids: str) -> None:
    """The app holds exactly these directory roles."""
    tenant = admin.world.tenant
    app = tenant.app(admin.world.app_id)
    assert app is not None
    tenant.role_assignments = [each for each in tenant.role_assignments if each.principal_id != app.id]
    tenant.role_assignments += [RoleAssignment(role, app.id, role) for role in role_ids]


def test_every_cmdlet_with_parameters_is_answered_and_no_other() -> None:
    assert set(HANDLERS) == {signature.cmdlet for signature in SIGNATURES.values()}


# -- who may ask -------------------------------------------------------------------------------------------------------


def _no_token(admin: Admin) -> str:
    return ""


def _other_audience(admin: Admin) -> str:
    app = admin.world.tenant.app(admin.world.app_id)
    assert app is not None
    return "Bearer " + admin.world.tokens.issue(app, Audience.GRAPH)


def _expired(admin: Admin) -> str:
    token = admin.token()
    admin.world.clock.advance(3700)
    return f"Bearer {token}"


def _forged(admin: Admin) -> str:
    return f"Bearer {admin.token()[:-4]}AAAA"


@pytest.mark.parametrize("header", [_no_token, _other_audience, _expired, _forged])
async def test_a_bad_token_is_401_with_an_empty_body(admin: Admin, header: Callable[[Admin], str]) -> None:
    answer = await admin.post("Get-Mailbox", headers=admin.headers() | {"Authorization": header(admin)})
    assert answer.status_code == 401
    assert answer.content == b""
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_without_the_app_role_it_is_401(admin: Admin) -> None:
    app = admin.world.tenant.app(admin.world.app_id)
    assert app is not None
    app.exchange_roles.clear()
    assert (await admin.post("Get-TransportConfig")).status_code == 401


async def test_another_tenant_s_address_is_401(admin: Admin) -> None:
    url = f"{admin.base}/beta/11111111-1111-4111-8111-111111111111/InvokeCommand"
    assert (await admin.send(url, {"CmdletInput": {"CmdletName": "Get-TransportConfig"}})).status_code == 401


@pytest.mark.parametrize("cmdlet", ["Get-Nonsense", "Get-MailboxStatistics", "", "New-UnifiedGroup"])
async def test_an_unknown_cmdlet_is_refused_like_a_missing_role(admin: Admin, cmdlet: str) -> None:
    answer = await admin.post(cmdlet, {})
    assert answer.status_code == 403
    assert set(answer.content) == {0}
    assert answer.extensions["labelled_gzip"]


@pytest.mark.parametrize(
    ("role", "yes", "no"),
    [
        ("Global Reader", ["Get-Mailbox", "Get-OrganizationConfig"], ["Get-InboxRule", "Set-Mailbox"]),
        (
            "Security Administrator",
            ["Get-BlockedSenderAddress", "Get-AdminAuditLogConfig"],
            ["Get-Mailbox", "Get-OrganizationConfig", "Set-CASMailbox"],
        ),
        ("Helpdesk Administrator", ["Get-MessageTraceV2"], ["Set-Mailbox", "Get-TransportRule"]),
        ("User Administrator", [], ["Get-Mailbox", "Get-TransportConfig"]),
    ],
)
async def test_each_directory_role_opens_its_own_cmdlets(
    admin: Admin, role: str, yes: list[str], no: list[str]
) -> None:
    _give(admin, ROLES[role])
    whom = {"Identity": "megan@contoso.com"}
    for cmdlet in yes:
        parameters = whom if cmdlet == "Get-Mailbox" else {}
        assert (await admin.post(cmdlet, parameters)).status_code == 200, cmdlet
    for cmdlet in no:
        assert (await admin.post(cmdlet, whom)).status_code == 403, cmdlet


async def test_recipient_administrators_have_the_cmdlet_without_the_hold(admin: Admin) -> None:
    _give(admin, "31392ffb-586c-42d1-9346-e59415a2cc4e")
    assert (await admin.post("Set-Mailbox", {"Identity": "megan", "AuditEnabled": True})).status_code == 200
    status, text = await admin.refusal("Set-Mailbox", Identity="megan", LitigationHoldEnabled=True)
    assert status == 403
    assert "LitigationHoldEnabled" in text
    assert (await admin.post("Get-TransportRule")).status_code == 403


async def test_the_module_file_lists_what_the_roles_open(admin: Admin) -> None:
    url = f"{admin.base}/v1.0/{admin.world.tenant.id}/EXOModuleFile?Version=3.9.2"

    async def listed() -> set[str]:
        answer = await admin.client.get(url, headers=admin.headers() | {"CommandName": "*"})
        assert answer.status_code == 200
        return {name for each in answer.json()["value"] for name in each["exportedCmdlets"].split(",")}

    assert await listed() == set(HANDLERS)
    _give(admin, ROLES["Helpdesk Administrator"])
    assert await listed() == {"Get-Mailbox", "Get-Recipient", "Get-MessageTraceV2", "Get-MessageTraceDetailV2"}
    assert (await admin.client.get(url, headers=admin.headers())).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/beta/{tenant}/InvokeCommand", 405),
        ("POST", "/v1.0/{tenant}/InvokeCommand", 405),
        ("POST", "/v2.0/{tenant}/CasMailbox", 404),
        ("PUT", "/beta/{tenant}/$batch", 405),
        ("POST", "/v1.0/{tenant}/EXOModuleFile", 405),
    ],
)
async def test_other_verbs_and_versions_are_refused(admin: Admin, method: str, path: str, status: int) -> None:
    url = admin.base + path.format(tenant=admin.world.tenant.id)
    assert (await admin.client.request(method, url, json={}, headers=admin.headers())).status_code == status


# -- parameters --------------------------------------------------------------------------------------------------------


async def test_an_unknown_parameter_is_named(admin: Admin) -> None:
    status, text = await admin.refusal("Get-Mailbox", Identity="megan", Idnetity="x")
    assert status == 400
    assert "AmbiguousParameterSetException" in text
    assert "Idnetity" in text


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "legal"),
    [
        ("Set-MailboxAutoReplyConfiguration", {"AutoReplyState": "Sometimes"}, "Scheduled"),
        ("Get-MailboxFolderStatistics", {"FolderScope": "D"}, "Drafts"),
        ("Set-CASMailbox", {"ImapEnabled": "perhaps"}, "System.Boolean"),
        ("Set-CASMailbox", {"ActiveSyncBlockedDeviceIDs": {"Remove": ["x"]}}, "MultiValuedProperty"),
        ("Set-Mailbox", {"ForwardingSmtpAddress": "nobody"}, "ProxyAddress"),
        ("Set-Mailbox", {"RetainDeletedItemsFor": "a while"}, "EnhancedTimeSpan"),
    ],
)
async def test_a_bad_value_is_refused_with_what_would_do(
    admin: Admin, cmdlet: str, parameters: dict[str, Any], legal: str
) -> None:
    status, text = await admin.refusal(cmdlet, Identity="megan", **parameters)
    assert status == 400
    assert "ParameterTransformationException" in text
    assert legal in text


async def test_a_unique_prefix_of_an_enumeration_is_accepted(admin: Admin) -> None:
    answer = await admin.post("Set-MailboxAutoReplyConfiguration", {"Identity": "megan", "AutoReplyState": "en"})
    assert answer.status_code == 200
    (row,) = await admin.rows("Get-MailboxAutoReplyConfiguration", Identity="megan")
    assert row["AutoReplyState"] == "Enabled"


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("Get-MailboxPermission", {}),
        ("Set-CASMailbox", {"ImapEnabled": False}),
        ("Remove-MailboxPermission", {"Identity": "megan", "User": "adele"}),
        ("Set-Mailbox", {"Identity": ""}),
    ],
)
async def test_a_missing_parameter_is_an_invalid_operation_without_details(
    admin: Admin, cmdlet: str, parameters: dict[str, Any]
) -> None:
    answer = await admin.post(cmdlet, parameters)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == "Invalid Operation"
    assert "details" not in error


@pytest.mark.parametrize(
    "body", [[], {}, {"CmdletInput": 3}, {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": 3}}]
)
async def test_a_malformed_body_is_refused(admin: Admin, body: Any) -> None:
    url = f"{admin.base}/beta/{admin.world.tenant.id}/InvokeCommand"
    assert (await admin.send(url, body)).status_code in {400, 403}


# -- answers -----------------------------------------------------------------------------------------------------------


async def test_rows_carry_type_side_cars_and_seven_digit_times(admin: Admin) -> None:
    row = (await admin.post("Get-Mailbox", {"Identity": "megan"})).json()["value"][0]
    assert row["Guid@odata.type"] == "#Guid"
    assert row["EmailAddresses@odata.type"] == "#Collection(String)"
    assert row["WhenMailboxCreated@data.type"] == "System.DateTime"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", row["WhenMailboxCreated"])
    assert re.fullmatch(r".*\.\d{7}Z", row["WhenChangedUTC"])
    assert row["RetainDeletedItemsFor"] == "14.00:00:00"
    assert list(row).index("Guid@odata.type") < list(row).index("Guid")


async def test_select_trims_the_properties(admin: Admin) -> None:
    answer = await admin.post("Get-Mailbox", {"Identity": "megan"}, query="?$select=Alias,Guid")
    assert set(answer.json()["value"][0]) == {"Alias", "Guid", "Guid@odata.type"}


async def test_writes_answer_with_no_rows_and_a_warning_where_nothing_changed(admin: Admin) -> None:
    change = {"Identity": "megan", "ImapEnabled": False}
    first = (await admin.post("Set-CASMailbox", change)).json()
    assert (first["value"], first["@adminapi.warnings"]) == ([], [])
    second = (await admin.post("Set-CASMailbox", change)).json()
    assert "no settings of 'megan' have been modified" in second["@adminapi.warnings"][0]
    silent = (await admin.post("Set-CASMailbox", change | {"WarningAction": "SilentlyContinue"})).json()
    assert silent["@adminapi.warnings"] == []


async def test_confirm_asks_back_and_whatif_tells_and_neither_changes(admin: Admin) -> None:
    box = admin.exchange.mailbox("megan")
    asked = (await admin.post("Set-CASMailbox", {"Identity": "megan", "ImapEnabled": False, "Confirm": True})).json()
    assert "@adminapi.confirmationmessage" in asked
    told = (await admin.post("Set-CASMailbox", {"Identity": "megan", "ImapEnabled": False, "WhatIf": True})).json()
    assert told["@adminapi.warnings"][0].startswith("What if")
    assert box.cas["ImapEnabled"] is True


@pytest.mark.parametrize(
    "identity", ["megan@contoso.com", "MEGAN", "Megan Bowen", "smtp:megan@contoso.onmicrosoft.com"]
)
async def test_any_name_of_a_person_resolves(admin: Admin, identity: str) -> None:
    (row,) = await admin.rows("Get-Mailbox", Identity=identity)
    assert row["Alias"] == "megan"


async def test_a_renamed_person_is_found_under_the_new_name_and_not_the_old(admin: Admin) -> None:
    await admin.rows("Get-Mailbox", Identity="megan@contoso.com")
    user = admin.world.tenant.user("megan")
    renamed = {"userPrincipalName": "megan.new@contoso.com", "mailNickname": "megan.new"}
    addresses = {"proxyAddresses": ["SMTP:megan.new@contoso.com"]}
    admin.world.tenant.change(user, renamed | addresses, "test")
    (row,) = await admin.rows("Get-Mailbox", Identity="megan.new@contoso.com")
    assert row["ExternalDirectoryObjectId"] == user.id
    assert (await admin.refusal("Get-Mailbox", Identity="megan@contoso.com"))[0] == 404


async def test_two_people_of_one_name_are_ambiguous_and_an_unknown_one_is_not_found(admin: Admin) -> None:
    status, text = await admin.refusal("Get-Mailbox", Identity="Joni Sherman")
    assert (status, "matches multiple entries" in text) == (400, True)
    status, text = await admin.refusal("Get-Mailbox", Identity="zoe@contoso.com")
    assert (status, text.split("|")[0]) == (404, "Ex6F9304")
    status, text = await admin.refusal("Get-InboxRule", Mailbox="zoe@contoso.com")
    assert text.startswith("Ex41BAF5|")


async def test_an_empty_identity_reaches_everybody(admin: Admin) -> None:
    """The documented danger, which a client must not walk into."""
    everybody = sum(1 for _ in admin.exchange.mailboxes())
    assert len(await admin.rows("Get-Mailbox", Identity=None)) == everybody
    assert len(await admin.rows("Get-MailboxJunkEmailConfiguration", Identity="nobody at all")) == everybody


# -- pages -------------------------------------------------------------------------------------------------------------


async def _page(admin: Admin, url: str, cmdlet: str, headers: dict[str, str]) -> Any:
    body = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": {"ResultSize": "Unlimited"}}}
    return await admin.send(url, body, headers)


async def test_pages_follow_each_other_only_with_the_same_anchor_and_in_time(admin: Admin) -> None:
    headers = admin.headers() | {"Prefer": "odata.maxpagesize=10"}
    first = await admin.post("Get-Mailbox", {"ResultSize": "Unlimited"}, headers=headers)
    assert first.headers["Preference-Applied"] == "odata.maxpagesize=10"
    assert len(first.json()["value"]) == 10
    link = first.json()["@odata.nextLink"]
    second = await _page(admin, link, "Get-Mailbox", headers)
    assert second.json()["value"][0] != first.json()["value"][0]

    elsewhere = headers | {"X-AnchorMailbox": "UPN:adele@contoso.com"}
    stale = await _page(admin, second.json()["@odata.nextLink"], "Get-Mailbox", elsewhere)
    assert stale.status_code == 400
    assert "pagination" in stale.json()["error"]["innererror"]["internalexception"]["message"]

    again = await admin.post("Get-Mailbox", {"ResultSize": "Unlimited"}, headers=headers)
    admin.world.clock.advance(31 * 60)
    late = await _page(admin, again.json()["@odata.nextLink"], "Get-Mailbox", headers | admin.headers())
    assert late.status_code == 400


async def test_without_an_anchor_the_next_page_is_never_found(admin: Admin) -> None:
    headers = admin.headers() | {"Prefer": "odata.maxpagesize=10"}
    del headers["X-AnchorMailbox"]
    first = await admin.post("Get-Mailbox", {"ResultSize": "Unlimited"}, headers=headers)
    second = await _page(admin, first.json()["@odata.nextLink"], "Get-Mailbox", headers)
    assert second.status_code == 400


async def test_the_cap_on_results_is_announced(admin: Admin) -> None:
    (warning,) = await admin.warnings("Get-Mailbox", ResultSize=3)
    assert "more results available" in warning
    assert await admin.warnings("Get-Mailbox", ResultSize="Unlimited") == []


# -- batches -----------------------------------------------------------------------------------------------------------


def _inner(admin: Admin, number: int, cmdlet: str, **parameters: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "method": "POST",
        "url": f"https://outlook.office365.com/adminapi/beta/{admin.world.tenant.id}/InvokeCommand",
        "headers": admin.headers(),
        "body": {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}},
    }


async def test_a_batch_is_200_whatever_its_parts_are(admin: Admin) -> None:
    url = f"{admin.base}/beta/{admin.world.tenant.id}/$batch"
    parts = [
        _inner(admin, 1, "Get-CASMailbox", Identity="megan"),
        _inner(admin, 2, "Get-Mailbox", Identity="nobody"),
        _inner(admin, 3, "Get-Nonsense"),
        _inner(admin, 4, "Set-CASMailbox", Identity="megan", PopEnabled=False) | {"headers": {}},
    ]
    answer = await admin.send(url, {"requests": parts})
    assert answer.status_code == 200
    found = {part["id"]: part["status"] for part in answer.json()["responses"]}
    assert found == {"1": 200, "2": 404, "3": 403, "4": 401}
    assert admin.exchange.mailbox("megan").cas["PopEnabled"] is True


async def test_a_batch_holds_ten_different_ids(admin: Admin) -> None:
    url = f"{admin.base}/beta/{admin.world.tenant.id}/$batch"
    eleven = [_inner(admin, n, "Get-TransportConfig") for n in range(11)]
    assert (await admin.send(url, {"requests": eleven})).status_code == 400
    twice = [_inner(admin, 1, "Get-TransportConfig")] * 2
    assert (await admin.send(url, {"requests": twice})).status_code == 400
    assert (await admin.send(url, {"requests": []})).status_code == 400


# -- trouble -----------------------------------------------------------------------------------------------------------


async def test_too_many_calls_at_once_get_the_plain_text_refusal(admin: Admin) -> None:
    admin.exchange.knobs.busy_seconds = 0.1
    admin.exchange.knobs.concurrent_calls = 2
    answers = await asyncio.gather(*(admin.post("Get-TransportConfig") for _ in range(5)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 3
    assert "maximum number of concurrent requests per tenant" in refused[0].text


@pytest.mark.parametrize(
    ("fault", "status", "part"),
    [
        ({"status": 429, "retry_after": 5}, 429, "Too many requests"),
        ({"status": 503, "code": "ServerBusyException"}, 503, "ServerBusyException"),
        ({"status": 400, "code": "StorageTransientException"}, 400, "may be transient"),
        ({"kind": Kind.HTML502}, 502, "Bad Gateway"),
        ({"status": 401}, 401, ""),
    ],
)
async def test_faults_of_one_cmdlet_leave_the_others_alone(
    admin: Admin, fault: dict[str, Any], status: int, part: str
) -> None:
    admin.world.faults.add(Fault(service="cmdlet", path="^/Get-InboxRule/megan", **fault))
    assert (await admin.post("Get-InboxRule", {"Mailbox": "adele@contoso.com"})).status_code == 200
    answer = await admin.post("Get-InboxRule", {"Mailbox": "megan@contoso.com"})
    assert answer.status_code == status
    assert part in answer.text
    assert answer.headers.get("Retry-After") == ("5" if status == 429 else None)
    assert (await admin.post("Get-InboxRule", {"Mailbox": "megan@contoso.com"})).status_code == 200


async def test_the_retired_message_trace_is_refused(admin: Admin) -> None:
    status, text = await admin.refusal("Get-MessageTrace")
    assert status == 400
    assert "Get-MessageTraceV2" in text


async def test_no_token_is_kept_in_the_record_of_requests(admin: Admin) -> None:
    token = admin.token()
    await admin.post("Get-Mailbox", {"Identity": "megan"})
    await admin.send(
        f"{admin.base}/beta/{admin.world.tenant.id}/$batch", {"requests": [_inner(admin, 1, "Get-TransportConfig")]}
    )
    kept = json.dumps([entry.to_json() for entry in admin.world.journal], default=str)
    assert token.rpartition(".")[2] not in kept
    assert "eyJ" not in kept


async def test_a_reset_world_has_a_fresh_exchange(admin: Admin) -> None:
    await admin.post("Set-CASMailbox", {"Identity": "megan", "ImapEnabled": False})
    admin.world.reset()
    (row,) = await admin.rows("Get-CASMailbox", Identity="megan")
    assert row["ImapEnabled"] is True


async def test_folder_names_are_those_of_the_mailbox_s_language(admin: Admin) -> None:
    box = admin.exchange.mailbox("megan")
    admin.exchange.speak(box, "nb-NO")
    (calendar,) = await admin.rows("Get-MailboxFolderStatistics", Identity="megan", FolderScope="Calendar")
    assert calendar["FolderPath"] == "/Kalender"
    assert (await admin.refusal("Get-MailboxFolderPermission", Identity="megan:\\Calendar"))[0] == 404
    for identity in ("megan:\\Kalender", f"megan:{calendar['FolderId']}", "megan:\\"):
        assert (await admin.post("Get-MailboxFolderPermission", {"Identity": identity})).status_code == 200
