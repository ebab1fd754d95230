"""Each deed shows where the real cloud shows it, and not where the real cloud hides it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulator.stories import STORIES, Story, Told
from simulator.stories.acts.apps import BringsApp, Consents
from simulator.stories.acts.identity import AddsMethod, PairsPhone, RegistersDevice
from simulator.stories.acts.mail import SendsMail
from simulator.stories.acts.mailbox import HidesRule, MakesRule
from simulator.stories.acts.signing_in import GuessesPassword, SignsIn
from simulator.stories.story import Action
from tests.simulator.stories.cloud import Cloud

Tell = Callable[[str], Told]


def _all(kind: type[Action]) -> Any:
    found = [
        pytest.param(story, act, id=f"{story.id}:{act.key}")
        for story in STORIES.values()
        for act in (*story.intruder_actions, *story.look_alikes)
        if isinstance(act, kind)
    ]
    assert found
    return pytest.mark.parametrize(("story", "act"), found)


# -- rules -------------------------------------------------------------------------------------------------------------


@_all(MakesRule)
async def test_a_plain_rule_shows_in_graph_and_in_exchange(
    cloud: Cloud, tell: Tell, story: Story, act: MakesRule
) -> None:
    mine = tell(story.id)
    names = mine.trace(act.key).names
    rules = await cloud.all(f"/users/{mine.account_id}/mailFolders/inbox/messageRules")
    (rule,) = [row for row in rules if row["id"] in names]
    assert rule["displayName"] == act.name
    rows = await cloud.exchange.rows("Get-InboxRule", Mailbox=mine.account_id)
    (row,) = [row for row in rows if str(row["RuleIdentity"]) in names]
    assert row["Name"] == act.name
    folder = rule["actions"].get("moveToFolder")
    shown = await cloud.graph.get(f"/users/{mine.account_id}/mailFolders/{folder or 'inbox'}")
    if act.standard_folder == "Calendar":
        assert (shown.status, row["MoveToFolder"]) == (404, "Kalender"), "Graph has no mail folder for a calendar"
    elif folder is not None:
        assert shown.body["displayName"] == row["MoveToFolder"]
    condition = next(iter(act.conditions.values()))
    assert next(iter(rule["conditions"].values())) == condition
    assert condition in row.values()


@_all(HidesRule)
async def test_a_hidden_rule_shows_only_to_whoever_asks_for_hidden_ones(
    cloud: Cloud, tell: Tell, story: Story, act: HidesRule
) -> None:
    mine = tell(story.id)
    names = mine.trace(act.key).names

    async def rules(**more: Any) -> list[str]:
        return [str(row["RuleIdentity"]) for row in await cloud.exchange.rows("Get-InboxRule", **more)]

    assert names & set(await rules(Mailbox=mine.account_id, IncludeHidden=True))
    assert not names & set(await rules(Mailbox=mine.account_id))
    shown = await cloud.all(f"/users/{mine.account_id}/mailFolders/inbox/messageRules")
    assert act.name not in {row["displayName"] for row in shown}
    assert not names & {row["id"] for row in shown}


async def test_a_sweep_rule_is_none_of_the_inbox_rules(cloud: Cloud, tell: Tell) -> None:
    mine = tell("shared-mailbox")
    assert [row["Name"] for row in await cloud.exchange.rows("Get-SweepRule", Mailbox=mine.account_id)] == ["Tidy up"]
    rows = await cloud.exchange.rows("Get-InboxRule", Mailbox=mine.account_id, IncludeHidden=True)
    assert "Tidy up" not in {row["Name"] for row in rows}


async def test_folders_speak_the_owners_language_in_both_services(cloud: Cloud, tell: Tell) -> None:
    mine = tell("synced-account")
    shown = await cloud.all(f"/users/{mine.account_id}/mailFolders?$top=100")
    assert {"Posteingang", "RSS-Feeds", "Schichtpläne"} <= {row["displayName"] for row in shown}
    rows = await cloud.exchange.rows("Get-MailboxFolderStatistics", Identity=mine.account_id)
    names = {row["FolderType"]: row["Name"] for row in rows}
    assert (names["Inbox"], names["Calendar"], names["User Created"]) == ("Posteingang", "Kalender", "Schichtpläne")


# -- forwarding and replies --------------------------------------------------------------------------------------------


async def test_forwarding_through_a_contact_leaves_the_smtp_attribute_empty(cloud: Cloud, tell: Tell) -> None:
    mine = tell("invoice-fraud")
    (row,) = await cloud.exchange.rows("Get-Mailbox", Identity=mine.account_id)
    assert (row["ForwardingAddress"], row["ForwardingSmtpAddress"]) == ("lgu-archive", None)
    assert row["DeliverToMailboxAndForward"] is True
    (contact,) = await cloud.exchange.rows("Get-Recipient", Identity=row["ForwardingAddress"])
    assert contact["RecipientTypeDetails"] == "MailContact"
    assert contact["PrimarySmtpAddress"] == "lee.gu.archive@outlook-mail.example"
    traced = await _traced(cloud, f"recipientAddress eq '{contact['PrimarySmtpAddress']}'")
    assert len(traced) > 20
    assert {each["senderAddress"] for each in traced} > {"anna@fabrikam.com"}


@pytest.mark.parametrize("story_id", ["invoice-fraud", "synced-account"])
async def test_graph_says_nothing_of_forwarding(cloud: Cloud, tell: Tell, story_id: str) -> None:
    mine = tell(story_id)
    names = mine.trace("forwarding").names - {mine.account_id}
    user = await cloud.graph.get(f"/beta/users/{mine.account_id}")
    settings = await cloud.graph.get(f"/users/{mine.account_id}/mailboxSettings")
    rules = await cloud.graph.get(f"/users/{mine.account_id}/mailFolders/inbox/messageRules")
    for reply in (user, settings, rules):
        assert reply.status == 200
        assert not [name for name in names if name in str(reply.body)]


async def test_forwarding_to_an_address_is_the_smtp_attribute(cloud: Cloud, tell: Tell) -> None:
    mine = tell("synced-account")
    (row,) = await cloud.exchange.rows("Get-Mailbox", Identity=mine.account_id)
    assert row["ForwardingSmtpAddress"] == "smtp:plant.orders@outlook-mail.example"
    assert row["ForwardingAddress"] is None
    assert row["IsDirSynced"] is True


@pytest.mark.parametrize(("story_id", "key"), [("synced-account", "auto-reply"), ("clean", "out-of-office")])
async def test_automatic_replies_show_in_both_services(cloud: Cloud, tell: Tell, story_id: str, key: str) -> None:
    mine = tell(story_id)
    names = mine.trace(key).names
    setting = (await cloud.graph.get(f"/users/{mine.account_id}/mailboxSettings")).body["automaticRepliesSetting"]
    assert setting["status"] == "scheduled"
    assert setting["externalReplyMessage"] in names
    (row,) = await cloud.exchange.rows("Get-MailboxAutoReplyConfiguration", Identity=mine.account_id)
    assert row["AutoReplyState"] == "Scheduled"
    rules = await cloud.exchange.rows("Get-InboxRule", Mailbox=mine.account_id, IncludeHidden=True)
    assert any(row["Name"].startswith("Microsoft.Exchange.OOF.") for row in rules)


# -- signing in --------------------------------------------------------------------------------------------------------


@_all(SignsIn)
async def test_a_sign_in_by_hand_shows_in_both_versions(cloud: Cloud, tell: Tell, story: Story, act: SignsIn) -> None:
    mine = tell(story.id)
    by_hand = [row for row in await cloud.sign_ins(mine) if row["ipAddress"] == story.intruder.ip]
    assert any(row["status"]["errorCode"] == 0 and row["clientAppUsed"] == act.client for row in by_hand)
    without = [row for row in await cloud.sign_ins(mine, interactive=False) if row["ipAddress"] == story.intruder.ip]
    assert without
    assert not {row["id"] for row in by_hand} & {row["id"] for row in without}
    assert len(by_hand) < 60, "the intruder's lines are few among the others"


@pytest.mark.parametrize(("story_id", "key"), [("token-replay", "token"), ("consent-phishing", "token")])
async def test_a_stolen_token_shows_only_among_the_non_interactive_ones_of_beta(
    cloud: Cloud, tell: Tell, story_id: str, key: str
) -> None:
    mine, story = tell(story_id), STORIES[story_id]
    assert mine.trace(key)
    without = [row for row in await cloud.sign_ins(mine, interactive=False) if row["ipAddress"] == story.intruder.ip]
    assert len(without) > 20
    assert all(row["isInteractive"] is False for row in without)
    v1 = await cloud.all(f"/auditLogs/signIns?$filter=ipAddress eq '{story.intruder.ip}'")
    beta = await cloud.all(f"/beta/auditLogs/signIns?$filter=ipAddress eq '{story.intruder.ip}'")
    assert (v1, beta) == ([], [])


async def test_a_replayed_token_carries_the_users_own_device(cloud: Cloud, tell: Tell) -> None:
    mine = tell("token-replay")
    rows = await cloud.sign_ins(mine, interactive=False)
    stolen = [row for row in rows if row["ipAddress"] == STORIES["token-replay"].intruder.ip]
    own = [row for row in rows if row["ipAddress"] != STORIES["token-replay"].intruder.ip]
    assert {row["deviceDetail"]["deviceId"] for row in stolen} <= {row["deviceDetail"]["deviceId"] for row in own}
    start, end = (min(row["createdDateTime"] for row in stolen), max(row["createdDateTime"] for row in stolen))
    assert [row for row in own if start < row["createdDateTime"] < end], "the user works at the same time"


@_all(GuessesPassword)
async def test_tries_that_failed_are_in_the_log_with_their_reason(
    cloud: Cloud, tell: Tell, story: Story, act: GuessesPassword
) -> None:
    mine = tell(story.id)
    since = mine.trace(act.key).at - timedelta(seconds=1)
    failed = [row for row in await cloud.sign_ins(mine) if row["status"]["errorCode"] == act.error]
    stamp = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len([row for row in failed if row["createdDateTime"] >= stamp]) >= act.tries
    assert act.failure in {row["status"]["failureReason"] for row in failed}


async def test_sign_ins_come_late_and_the_first_page_is_not_all(cloud: Cloud, tell: Tell) -> None:
    mine = tell("mass-phishing")
    held = [row for row in cloud.sim.world.tenant.records.sign_ins if row["userId"] == mine.account_id]
    ours = [row for row in held if row["ipAddress"] == STORIES["mass-phishing"].intruder.ip]
    shown = [*await cloud.sign_ins(mine), *await cloud.sign_ins(mine, interactive=False)]
    late = {row["id"] for row in ours} - {row["id"] for row in shown}
    assert late, "the newest renewal has not arrived"
    cloud.later(timedelta(minutes=20))
    again = [*await cloud.sign_ins(mine), *await cloud.sign_ins(mine, interactive=False)]
    assert late <= {row["id"] for row in again}


async def test_an_address_leads_to_the_others_who_met_the_intruder(cloud: Cloud, tell: Tell) -> None:
    mine = tell("synced-account")
    ip = STORIES["synced-account"].intruder.ip
    rows = await cloud.all(f"/auditLogs/signIns?$filter=ipAddress eq '{ip}'")
    let_in = {row["userPrincipalName"] for row in rows if row["status"]["errorCode"] == 0}
    assert let_in == {mine.upn, "joni@contoso.com"}
    assert len({row["userPrincipalName"] for row in rows}) > 10


async def test_risk_in_real_time_marks_the_sign_in_for_whoever_has_the_licence(cloud: Cloud, tell: Tell) -> None:
    mine = tell("method-and-device")

    async def levels() -> set[str]:
        return {row["riskLevelDuringSignIn"] for row in await cloud.sign_ins(mine)}

    assert await levels() == {"none", "high"}
    cloud.sim.world.tenant.licences = {"SPB"}
    assert await levels() == {"hidden"}


async def test_a_rule_that_was_removed_is_remembered_by_the_audit_log_alone(cloud: Cloud, tell: Tell) -> None:
    mine = tell("invoice-fraud")
    rows = await cloud.audit(mine, "New-InboxRule", "Remove-InboxRule")
    assert [row["operation"] for row in rows if row["objectId"] == "lee@contoso.com\\inv"] == [
        "New-InboxRule",
        "Remove-InboxRule",
    ]
    hidden = await cloud.exchange.rows("Get-InboxRule", Mailbox=mine.account_id, IncludeHidden=True)
    assert "inv" not in {row["Name"] for row in hidden}


async def test_a_traveller_is_away_for_as_long_as_the_journey_takes(cloud: Cloud, tell: Tell) -> None:
    mine = tell("clean")
    rows = [*await cloud.sign_ins(mine), *await cloud.sign_ins(mine, interactive=False)]
    at = sorted((row["createdDateTime"], row["location"]["city"], row["deviceDetail"]["deviceId"]) for row in rows)
    lisbon = [moment for moment, city, _ in at if city == "Lisbon"]
    assert len(lisbon) > 10
    between = {city for moment, city, _ in at if lisbon[0] <= moment <= lisbon[-1]}
    assert between == {"Lisbon"}
    devices = {device for _, city, device in at if city == "Lisbon"}
    assert len(devices) == 1
    assert devices <= {device for _, city, device in at if city != "Lisbon"}
    locations = await cloud.all("/identity/conditionalAccess/namedLocations")
    assert [row["displayName"] for row in locations if row["isTrusted"]] == ["Contoso VPN"]


@pytest.mark.parametrize("story", [each for each in STORIES.values() if each.id in {"mass-phishing", "token-replay"}])
async def test_risk_shows_where_the_licence_is(cloud: Cloud, tell: Tell, story: Story) -> None:
    mine = tell(story.id)
    risky = await cloud.graph.get(f"/identityProtection/riskyUsers/{mine.account_id}")
    assert (risky.status, risky.body["riskState"]) == (200, "atRisk")
    detections = await cloud.all(f"/identityProtection/riskDetections?$filter=userId eq '{mine.account_id}'")
    assert story.intruder.ip in {row["ipAddress"] for row in detections}
    cloud.sim.world.tenant.licences = {"SPB"}
    assert (await cloud.graph.get(f"/identityProtection/riskyUsers/{mine.account_id}")).status == 403


async def test_without_a_licence_there_is_no_sign_in_log(cloud: Cloud, tell: Tell) -> None:
    mine = tell("token-replay")
    cloud.sim.world.tenant.licences = {"O365_BUSINESS_ESSENTIALS"}
    refused = await cloud.graph.get(f"/auditLogs/signIns?$filter=userId eq '{mine.account_id}'")
    assert refused.status == 403


# -- methods, devices, apps --------------------------------------------------------------------------------------------


@_all(AddsMethod)
async def test_a_new_method_shows_with_its_date_and_in_the_directory_audit(
    cloud: Cloud, tell: Tell, story: Story, act: AddsMethod
) -> None:
    mine = tell(story.id)
    trace = mine.trace(act.key)
    methods = (await cloud.graph.get(f"/beta/users/{mine.account_id}/authentication/methods")).value
    (method,) = [row for row in methods if row["id"] in trace.names]
    assert method["createdDateTime"] == trace.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if trace.at > mine.now - timedelta(days=30):
        changed = await _changed(cloud, mine.account_id)
        assert ("User registered security info", trace.at.strftime("%Y-%m-%dT%H:%M:%SZ")) in changed


@_all(RegistersDevice)
async def test_a_registered_device_shows_with_its_date(
    cloud: Cloud, tell: Tell, story: Story, act: RegistersDevice
) -> None:
    mine = tell(story.id)
    for relation in ("registeredDevices", "ownedDevices"):
        rows = (await cloud.graph.get(f"/users/{mine.account_id}/{relation}")).value
        (device,) = [row for row in rows if row["displayName"] == act.name]
        assert device["registrationDateTime"] == mine.trace(act.key).at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert device["isManaged"] is act.managed


@_all(PairsPhone)
async def test_a_phone_is_a_partnership_of_the_mailbox_and_no_device_of_the_directory(
    cloud: Cloud, tell: Tell, story: Story, act: PairsPhone
) -> None:
    mine = tell(story.id)
    rows = await cloud.exchange.rows("Get-MobileDevice", Mailbox=mine.account_id)
    (row,) = [row for row in rows if row["DeviceId"] == act.device_id]
    assert row["ClientType"] == act.client
    devices = await cloud.all(f"/users/{mine.account_id}/registeredDevices")
    assert act.model not in {device["displayName"] for device in devices}


@_all(BringsApp)
async def test_an_app_shows_its_publisher(cloud: Cloud, tell: Tell, story: Story, act: BringsApp) -> None:
    mine = tell(story.id)
    (app,) = [row for row in await cloud.all("/servicePrincipals") if row["displayName"] == act.name]
    assert app["id"] in mine.trace(act.key).names
    assert bool((app["verifiedPublisher"] or {}).get("displayName")) is bool(act.publisher)
    assert app["appOwnerOrganizationId"] != cloud.sim.world.tenant.id


@_all(Consents)
async def test_a_consent_is_the_users_own_grant(cloud: Cloud, tell: Tell, story: Story, act: Consents) -> None:
    mine = tell(story.id)
    grants = (await cloud.graph.get(f"/users/{mine.account_id}/oauth2PermissionGrants")).value
    (grant,) = [row for row in grants if row["id"] in mine.trace(act.key).names]
    assert (grant["consentType"], grant["scope"]) == ("Principal", act.scope)


# -- mail and mail flow ------------------------------------------------------------------------------------------------


@_all(SendsMail)
async def test_what_was_sent_is_traced_to_every_recipient(
    cloud: Cloud, tell: Tell, story: Story, act: SendsMail
) -> None:
    mine = tell(story.id)
    address = cloud.sim.world.tenant.users[mine.account_id].properties["mail"]
    traced = [row for row in await _traced(cloud, f"senderAddress eq '{address}'") if row["subject"] == act.subject]
    assert len({row["recipientAddress"] for row in traced}) == act.inside + act.outside + len(act.named)
    sent = await cloud.all(f"/users/{mine.account_id}/mailFolders/sentitems/messages?$top=100")
    kept = [row for row in sent if row["subject"] == act.subject]
    assert bool(kept) is (act.kept_in == "sentitems")


async def test_phishing_lies_in_the_inboxes_of_colleagues(cloud: Cloud, tell: Tell) -> None:
    tell("mass-phishing")
    alex = cloud.sim.world.tenant.user("alex").id
    got = await cloud.all(f"/users/{alex}/mailFolders/inbox/messages")
    assert [row for row in got if row["subject"].startswith("Contoso shared a document")]
    restricted = await cloud.exchange.rows("Get-BlockedSenderAddress")
    assert [row["SenderAddress"] for row in restricted] == ["megan@contoso.com"]


async def test_questions_to_the_victim_lie_in_the_rss_folder(cloud: Cloud, tell: Tell) -> None:
    mine = tell("mass-phishing")
    rows = await cloud.all(f"/users/{mine.account_id}/mailFolders/rssfeeds/messages")
    assert len(rows) == 9
    inbox = await cloud.all(f"/users/{mine.account_id}/mailFolders/inbox/messages?$top=100")
    assert not {row["subject"] for row in rows} & {row["subject"] for row in inbox}


async def test_mail_flow_and_delegates_of_the_administrator(cloud: Cloud, tell: Tell) -> None:
    mine = tell("global-administrator")
    rules = {row["Name"]: row for row in await cloud.exchange.rows("Get-TransportRule")}
    assert rules["Compliance archive"]["BlindCopyTo"] == ["archive@contoso-compliance.example"]
    assert rules["Compliance archive"]["CreatedBy"] == mine.upn
    assert rules["Allow partner"]["SetSCL"] == -1
    connectors = {row["Name"]: row for row in await cloud.exchange.rows("Get-InboundConnector")}
    assert connectors["Inbound relay"]["TreatMessagesAsInternal"] is True
    access = await cloud.exchange.rows("Get-MailboxPermission", Identity=mine.account_id)
    assert {"reception@contoso.com", "henrietta@contoso.com"} <= {row["User"] for row in access}
    (mailbox,) = await cloud.exchange.rows("Get-Mailbox", Identity=mine.account_id)
    assert mailbox["GrantSendOnBehalfTo"] == ["reception"]


async def test_an_inbox_that_everybody_may_read(cloud: Cloud, tell: Tell) -> None:
    mine = tell("shared-mailbox")
    rows = await cloud.exchange.rows("Get-MailboxFolderPermission", Identity=f"{mine.account_id}:\\Inbox")
    assert [row["AccessRights"] for row in rows if row["User"] == "Default"] == [["Reviewer"]]


# -- the audit log -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("story_id", "operation"),
    [
        ("invoice-fraud", "New-InboxRule"),
        ("invoice-fraud", "Set-Mailbox"),
        ("invoice-fraud", "New-MailContact"),
        ("invoice-fraud", "MailItemsAccessed"),
        ("consent-phishing", "Consent to application."),
        ("token-replay", "FileDownloaded"),
        ("global-administrator", "New-TransportRule"),
        ("global-administrator", "New-InboundConnector"),
        ("global-administrator", "Add-MailboxPermission"),
        ("guest", "FileDownloaded"),
        ("guest", "AnonymousLinkCreated"),
        ("shared-mailbox", "Send"),
    ],
)
async def test_the_audit_log_tells_who_did_it_from_where(
    cloud: Cloud, tell: Tell, story_id: str, operation: str
) -> None:
    mine, story = tell(story_id), STORIES[story_id]
    rows = await cloud.audit(mine, operation)
    assert rows
    assert {row["operation"] for row in rows} == {operation}
    addresses = {row["clientIp"] for row in rows}
    assert (story.intruder.ip in addresses) is (operation != "Consent to application.")
    searched = await cloud.exchange.rows(
        "Search-UnifiedAuditLog",
        StartDate="2020-01-01T00:00:00Z",
        EndDate=cloud.sim.world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        UserIds=[mine.upn],
        Operations=[operation],
        ResultSize=5000,
    )
    assert len(searched) == len(rows)


async def test_a_hidden_rule_left_a_record_that_arrives_late(cloud: Cloud, tell: Tell) -> None:
    mine = tell("mass-phishing")
    assert await cloud.audit(mine, "UpdateInboxRules") == [], "the deed is less than an hour old"
    cloud.later(timedelta(minutes=80))
    (row,) = await cloud.audit(mine, "UpdateInboxRules")
    assert row["clientIp"] == STORIES["mass-phishing"].intruder.ip


async def test_a_query_that_ran_before_a_record_arrived_never_gets_it(cloud: Cloud, tell: Tell) -> None:
    mine = tell("mass-phishing")
    world = cloud.sim.world
    made = await cloud.graph.post(
        "/security/auditLog/queries",
        {
            "displayName": "early",
            "filterStartDateTime": "2020-01-01T00:00:00Z",
            "filterEndDateTime": (world.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "userPrincipalNameFilters": [mine.upn],
            "operationFilters": ["UpdateInboxRules"],
        },
    )
    cloud.later(timedelta(hours=3))
    assert await cloud.all(f"/security/auditLog/queries/{made.body['id']}/records") == []
    assert len(await cloud.audit(mine, "UpdateInboxRules")) == 1


async def _traced(cloud: Cloud, condition: str) -> list[dict[str, Any]]:
    now = cloud.sim.world.clock.now()
    times = [(now - timedelta(days=10 - 1e-4)), now]
    start, end = (each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in times)
    path = f"/admin/exchange/tracing/messageTraces?$filter={condition} and receivedDateTime ge {start}"
    return await cloud.all(f"{path} and receivedDateTime le {end}&$top=1000")


async def _changed(cloud: Cloud, object_id: str) -> set[tuple[str, str]]:
    path = f"/auditLogs/directoryAudits?$filter=targetResources/any(t: t/id eq '{object_id}')"
    return {(row["activityDisplayName"], row["activityDateTime"]) for row in await cloud.all(path)}
