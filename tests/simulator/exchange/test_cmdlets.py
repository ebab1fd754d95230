"""Traps of single cmdlets that a client meets in the real service."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of, opath
from simulator.exchange.errors import CmdletError
from simulator.exchange.graph_rules import graph_id, rule_id
from simulator.server import Simulator
from simulator.sizes import Size
from tests.simulator.exchange.conftest import Admin


async def test_only_includehidden_shows_the_hidden_rules_and_nothing_the_wiped_ones(admin: Admin) -> None:
    box = admin.exchange.mailbox("megan")
    box.add_rule("hidden", hidden=True, DeleteMessage=True)
    box.add_rule("wiped", hidden=True, DeleteMessage=True).out_of_sight = True
    assert await admin.rows("Get-InboxRule", Mailbox="megan") == []
    names = {row["Name"] for row in await admin.rows("Get-InboxRule", Mailbox="megan", IncludeHidden=True)}
    assert names == {"hidden", "Junk E-mail Rule"}


async def test_a_rule_made_in_exchange_shows_in_graph_s_form_and_back(admin: Admin) -> None:
    made = await admin.rows(
        "New-InboxRule",
        Mailbox="megan",
        Name="to adele",
        SubjectContainsWords=["invoice"],
        ExceptIfFrom=["lynne"],
        ForwardTo=["adele@contoso.com"],
        MoveToFolder="megan:\\Archive",
        MarkImportance="low",
    )
    (shown,) = admin.world.tenant.user("megan").rules
    assert shown["displayName"] == "to adele"
    assert shown["conditions"] == {"subjectContains": ["invoice"]}
    assert shown["exceptions"]["fromAddresses"][0]["emailAddress"]["address"] == "lynne@contoso.com"
    assert shown["actions"]["markImportance"] == "low"
    assert rule_id(shown["id"]) == made[0]["RuleIdentity"]
    assert made[0]["ForwardTo"][0].startswith('"Adele Vance" [EX:')
    assert made[0]["MoveToFolder"] == "Archive"
    (row,) = await admin.rows("Get-InboxRule", Mailbox="megan")
    assert row == made[0]


@pytest.mark.parametrize("number", [1 << 63, (1 << 64) - 1, 1 << 63 | 77])
def test_rule_numbers_survive_the_way_through_graph(number: int) -> None:
    assert rule_id(graph_id(number)) == number


async def test_changing_a_rule_drops_those_that_only_outlook_runs(admin: Admin) -> None:
    box = admin.exchange.mailbox("megan")
    rule = box.add_rule("shady", hidden=True, DeleteMessage=True)
    box.add_rule("in Outlook only", hidden=True, MarkAsRead=True).client_only = True
    identity = f"{box.exchange_guid}\\{rule.rule_id}"
    assert await admin.warnings("Disable-InboxRule", Identity=identity)
    assert [each.name for each in box.rules] == ["shady"]


@pytest.mark.parametrize("cmdlet", ["Disable-InboxRule", "Remove-InboxRule"])
async def test_a_rule_that_is_not_there_is_refused_in_json_inside_the_text(admin: Admin, cmdlet: str) -> None:
    box = admin.exchange.mailbox("megan")
    status, text = await admin.refusal(cmdlet, Identity=f"{box.exchange_guid}\\42")
    assert status == 400
    assert "ErrorInboxRuleDoesNotExist" in text


async def test_an_app_without_a_mailbox_of_its_own_must_name_one(admin: Admin) -> None:
    for cmdlet in ("Get-InboxRule", "Get-SweepRule", "Get-App"):
        assert (await admin.refusal(cmdlet))[0] == 404


async def test_a_synced_mailbox_may_be_forwarded_and_not_shared(admin: Admin) -> None:
    assert (
        await admin.post("Set-Mailbox", {"Identity": "patti", "ForwardingSmtpAddress": "a@b.example"})
    ).status_code == 200
    status, text = await admin.refusal("Set-Mailbox", Identity="patti", GrantSendOnBehalfTo=["adele"])
    assert status == 400
    assert "synchronized from your on-premises organization" in text


async def test_a_refused_change_leaves_everything_as_it_was(admin: Admin) -> None:
    before = dict(admin.exchange.mailbox("invoices").settings)
    status, _ = await admin.refusal(
        "Set-Mailbox", Identity="invoices", LitigationHoldEnabled=True, ForwardingSmtpAddress="a@b.example"
    )
    assert status == 400
    assert admin.exchange.mailbox("invoices").settings == before


async def test_permissions_come_with_the_owner_and_comma_joined_rights(admin: Admin) -> None:
    rows = await admin.rows("Get-MailboxPermission", Identity="megan")
    assert {row["User"] for row in rows} == {"NT AUTHORITY\\SELF"}
    assert rows[0]["AccessRights"] == ["FullAccess, ReadPermission"]
    (warning,) = await admin.warnings(
        "Remove-MailboxPermission", Identity="megan", User="adele", AccessRights=["FullAccess"]
    )
    assert "ACE doesn't exist on the object" in warning


async def test_a_device_without_accountonly_is_erased_whole(admin: Admin) -> None:
    box = admin.exchange.mailbox("megan")
    device = box.add_device(str(uuid4()), "D1", "iPhone", "EAS", admin.exchange.clock.now(), ClientVersion="14.1")
    (row,) = await admin.rows("Get-MobileDevice", Mailbox="megan")
    assert "§iPhone§" in row["Identity"]
    assert (await admin.refusal("Clear-MobileDevice", Identity=row["Guid"], AccountOnly=True))[0] == 400
    await admin.rows("Clear-MobileDevice", Identity=row["Identity"])
    assert device.wipe_status == "DeviceWipePending"


async def test_default_and_anonymous_stay_on_every_folder(admin: Admin) -> None:
    status, text = await admin.refusal("Remove-MailboxFolderPermission", Identity="megan:\\Calendar", User="Default")
    assert status == 400
    assert "CannotRemoveSpecialUserException" in text
    status, _ = await admin.refusal(
        "Set-MailboxFolderPermission", Identity="megan:\\Inbox", User="Default", AccessRights=["LimitedDetails"]
    )
    assert status == 400


async def test_a_calendar_s_new_address_is_new_every_time(admin: Admin) -> None:
    await admin.rows("Set-MailboxCalendarFolder", Identity="megan:\\Calendar", PublishEnabled=True)
    (first,) = await admin.rows("Get-MailboxCalendarFolder", Identity="megan:\\Calendar")
    await admin.rows("Set-MailboxCalendarFolder", Identity="megan:\\Calendar", ResetUrl=True)
    (second,) = await admin.rows("Get-MailboxCalendarFolder", Identity="megan:\\Calendar")
    assert first["PublishedCalendarUrl"] != second["PublishedCalendarUrl"]


async def test_every_change_is_in_the_tenant_s_own_record(admin: Admin) -> None:
    await admin.rows("Set-Mailbox", Identity="megan", ForwardingSmtpAddress="drop@evil.example")
    (change,) = admin.world.tenant.changes_of(admin.world.tenant.user("megan").id)
    assert (change.what, change.property, change.after) == (
        "Set-Mailbox",
        "ForwardingSmtpAddress",
        "smtp:drop@evil.example",
    )


async def test_changes_are_in_the_audit_log_and_reads_are_not(admin: Admin) -> None:
    await admin.rows("Set-Mailbox", Identity="megan", ForwardingSmtpAddress="drop@evil.example")
    await admin.rows("Get-Mailbox", Identity="megan")
    await admin.refusal("Set-Mailbox", Identity="nobody", AuditEnabled=True)
    since, until = "2000-01-01T00:00:00", "2100-01-01T00:00:00"
    assert await admin.rows("Search-UnifiedAuditLog", StartDate=since, EndDate=until) == []
    admin.world.clock.advance(2 * 3600)
    (row,) = await admin.rows("Search-UnifiedAuditLog", StartDate=since, EndDate=until)
    data = json.loads(row["AuditData"])
    assert (row["Operations"], row["UserIds"], row["ResultCount"]) == ("Set-Mailbox", "IRBot", 1)
    assert {"Name": "ForwardingSmtpAddress", "Value": "smtp:drop@evil.example"} in data["Parameters"]
    assert not row["CreationDate"].endswith(("Z", "+00:00"))

    await admin.rows("Set-AdminAuditLogConfig", UnifiedAuditLogIngestionEnabled=False)
    await admin.rows("Set-CASMailbox", Identity="megan", PopEnabled=False)
    admin.world.clock.advance(2 * 3600)
    assert len(await admin.rows("Search-UnifiedAuditLog", StartDate=since, EndDate=until)) == 1


async def test_the_server_filters_by_its_own_language(admin: Admin) -> None:
    await admin.rows("Set-CASMailbox", Identity="megan", ImapEnabled=False, PopEnabled=False)
    still_open = await admin.rows("Get-CASMailbox", Filter="ImapEnabled -eq 'True' -or PopEnabled -eq 'True'")
    assert "megan" not in {row["Identity"] for row in still_open}
    assert len(still_open) == sum(1 for _ in admin.exchange.mailboxes()) - 1


@pytest.mark.parametrize(
    ("text", "row", "fits"),
    [
        ("Name -eq 'a'", {"Name": "A"}, True),
        ("Name -ne 'a'", {"Name": "A"}, False),
        ("Name -like 'jo*' -and Kind -eq 'User'", {"Name": "Joni", "Kind": "User"}, True),
        ("-not (Name -eq 'a' -or Name -eq 'b')", {"Name": "b"}, False),
        ("Name -eq 'O''Connor'", {"Name": "O'Connor"}, True),
        ("Forward -ne $null", {"Forward": None}, False),
        ("Addresses -like '*@x.example'", {"Addresses": ["a@x.example"]}, True),
    ],
)
def test_filters(text: str, row: dict[str, object], fits: bool) -> None:
    assert opath.compile_filter(text)(row) is fits


@pytest.mark.parametrize(
    "text", ["Name", "Name -eq", "-eq 'a'", "(Name -eq 'a'", "Imap -eq $true", "Name -eq 'a' extra", "!!"]
)
def test_a_filter_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(CmdletError):
        opath.compile_filter(text)


async def test_protocols_of_a_large_tenant_are_read_and_set_without_making_its_people() -> None:
    async with Simulator(SimulatorConfig(size=Size.MEDIUM)) as sim:
        exchange, people = exchange_of(sim.world), sim.world.tenant.users
        unseen = people.unseen
        views = list(exchange.cas_views())
        assert len(views) > unseen > 1900
        stranger = views[-1]
        switched = exchange.need_cas_view(str(stranger.guid))
        exchange.keep_cas(switched, {"ImapEnabled": False})
        assert exchange.need_cas_view(stranger.owner.id).cas["ImapEnabled"] is False
        assert people.unseen == unseen
        # Who is looked at after all has what was set before.
        made = exchange.mailbox(stranger.owner.id)
        assert people.unseen == unseen - 1
        assert made.cas["ImapEnabled"] is False
        assert (made.guid, made.alias) == (stranger.guid, stranger.alias)
        assert exchange.primary_address(exchange.user(made)) == stranger.address
