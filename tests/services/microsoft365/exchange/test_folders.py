from __future__ import annotations

import pytest

from services.errors import Ambiguous, Conflict, Gone
from services.microsoft365.exchange import folders, mailboxes
from services.microsoft365.exchange.folders import Folder, FolderPermission
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.cmdlets.folders import publish
from simulator.exchange.state import FolderPermission as Entry
from simulator.server import Simulator


async def _calendar(exchange: RestBackend, mailbox: Mailbox) -> Folder:
    (folder,) = await folders.list_folders(exchange, mailbox, "Calendar")
    return folder


async def test_a_mailbox_in_german_has_german_folders_and_they_are_found_by_kind(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    tenant.speak(tenant.mailbox("megan"), "de-DE")
    calendar = await _calendar(exchange, megan)
    assert (calendar.name, calendar.path, calendar.kind) == ("Kalender", "/Kalender", "Calendar")
    assert any(folder.name == "Posteingang" for folder in await folders.list_folders(exchange, megan))
    (published,) = await folders.list_publishing(exchange, megan)
    assert not published.on


async def test_a_folder_entry_is_removed_by_the_person_behind_the_name(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    box = tenant.mailbox("megan").folder("Calendar")
    adele = sim.world.tenant.user("adele")
    box.permissions.append(Entry(adele.id, ["Editor"], ["Delegate"]))
    calendar = await _calendar(exchange, megan)
    entries = await folders.list_permissions(exchange, megan, calendar)
    (entry,) = [each for each in entries if not each.of_everybody]
    assert (entry.user, entry.rights, entry.delegate) == ("Adele Vance", ("Editor",), True)

    trustee = await folders.find_trustee(exchange, megan, calendar, entry)
    assert trustee == adele.id
    assert await folders.remove_permission(exchange, megan, calendar, trustee) is True
    assert await folders.remove_permission(exchange, megan, calendar, trustee) is False
    assert await folders.restore_permission(exchange, megan, calendar, trustee, entry.rights) is True
    assert await folders.restore_permission(exchange, megan, calendar, trustee, entry.rights) is False
    assert [each.user_id for each in box.permissions] == ["Default", "Anonymous", adele.id]


async def test_of_two_people_with_one_name_the_one_with_the_entry_is_found(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    second = sim.world.tenant.user("joni.sherman2")
    tenant.mailbox("megan").folder("Inbox").permissions.append(Entry(second.id, ["Reviewer"]))
    (inbox,) = await folders.list_folders(exchange, megan, "Inbox")
    entry = (await folders.list_permissions(exchange, megan, inbox))[-1]
    assert await folders.find_trustee(exchange, megan, inbox, entry) == second.id

    tenant.mailbox("megan").folder("Inbox").permissions.append(Entry(sim.world.tenant.user("joni").id, ["Reviewer"]))
    with pytest.raises(Ambiguous):
        await folders.find_trustee(exchange, megan, inbox, entry)


async def test_a_name_that_nobody_has_is_said_to_be_gone(exchange: RestBackend, megan: Mailbox) -> None:
    calendar = await _calendar(exchange, megan)
    with pytest.raises(Gone):
        await folders.find_trustee(exchange, megan, calendar, FolderPermission("Nobody Here", "", ("Editor",), False))


async def test_the_entries_of_everybody_are_closed_and_not_removed(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    box = tenant.mailbox("megan").folder("Calendar")
    box.permissions[0].rights = ["Reviewer"]
    calendar = await _calendar(exchange, megan)
    with pytest.raises(Conflict):
        await folders.remove_permission(exchange, megan, calendar, "Default")
    await folders.set_permission(exchange, megan, calendar, "Default", ("AvailabilityOnly",))
    assert box.permissions[0].rights == ["AvailabilityOnly"]


async def test_an_object_in_place_of_the_user_s_name_is_understood(megan: Mailbox) -> None:
    row = {
        "User": {"DisplayName": "Adele Vance", "ADRecipient": {"PrimarySmtpAddress": "adele@contoso.com"}},
        "AccessRights": ["Editor"],
        "SharingPermissionFlags": "Delegate, CanViewPrivateItems",
    }
    entry = folders._permission(row)
    assert (entry.user, entry.address, entry.delegate) == ("Adele Vance", "adele@contoso.com", True)


async def test_a_published_calendar_is_taken_off_the_web_and_can_be_published_again(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    box = tenant.mailbox("megan").folder("Calendar")
    publish("megan@contoso.com", box, "salt")
    box.publishing["DetailLevel"] = "FullDetails"
    (before,) = await folders.list_publishing(exchange, megan)
    assert before.on
    assert before.web_address.startswith("https://outlook.office365.com/owa/calendar/")
    await folders.stop_publishing(exchange, megan, before.folder)
    (after,) = await folders.list_publishing(exchange, megan)
    assert (after.on, after.web_address) == (False, "")
    await folders.restore_publishing(exchange, megan, before)
    (back,) = await folders.list_publishing(exchange, megan)
    assert (back.on, back.detail) == (True, "FullDetails")


async def test_a_folder_of_a_mailbox_that_is_gone_is_gone(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.tenant.user("megan").mailbox = None
    with pytest.raises(Gone) as gone:
        await folders.list_folders(exchange, megan)
    assert gone.value.data["what"] == "mailbox"
    with pytest.raises(Gone):
        await mailboxes.find(exchange, megan.object_id)
