from __future__ import annotations

from services.microsoft365.exchange import delegates
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.state import Permission
from simulator.server import Simulator

_GONE_SID = "S-1-5-21-1004336348-1177238915-682003330-9999"


async def test_only_entries_that_somebody_made_are_listed(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    adele, joni = sim.world.tenant.user("adele"), sim.world.tenant.user("joni")
    tenant.mailbox("megan").full_access += [
        Permission(adele.id, ["FullAccess"]),
        Permission(joni.id, ["FullAccess"], inherited=True),
        Permission("", ["FullAccess"], sid=_GONE_SID),
    ]
    listed = await delegates.list_access(exchange, megan)
    assert listed.complete
    assert [(entry.user, entry.unresolved) for entry in listed.entries] == [
        ("adele@contoso.com", False),
        (_GONE_SID, True),
    ]


async def test_full_access_is_taken_away_once_and_given_back(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    box = tenant.mailbox("megan")
    box.full_access.append(Permission(sim.world.tenant.user("adele").id, ["FullAccess"]))
    (entry,) = (await delegates.list_access(exchange, megan)).entries
    assert await delegates.remove_access(exchange, megan, entry) is True
    assert box.full_access == []
    assert await delegates.remove_access(exchange, megan, entry) is False
    assert await delegates.restore_access(exchange, megan, entry) is True
    assert (await delegates.list_access(exchange, megan)).entries == (entry,)


async def test_an_entry_of_a_deleted_account_can_be_removed_by_its_number(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    tenant.mailbox("megan").full_access.append(Permission("", ["FullAccess"], sid=_GONE_SID))
    (entry,) = (await delegates.list_access(exchange, megan)).entries
    assert await delegates.remove_access(exchange, megan, entry) is True
    assert tenant.mailbox("megan").full_access == []


async def test_send_as_is_listed_in_both_directions(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    adele = sim.world.tenant.user("adele")
    tenant.mailbox("megan").send_as.append(Permission(adele.id, ["SendAs"]))
    tenant.mailbox("invoices").send_as.append(Permission(megan.object_id, ["SendAs"]))
    tenant.mailbox("lynne").send_as.append(Permission(megan.object_id, ["SendAs"]))

    listed = await delegates.list_send_as(exchange, megan)
    assert [entry.trustee for entry in listed.entries] == ["adele@contoso.com"]
    reach = await delegates.list_send_as_of(exchange, megan)
    assert {entry.mailbox_name for entry in reach.entries} == {"invoices", "lynne"}


async def test_send_as_is_taken_away_once_and_given_back(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    tenant.mailbox("megan").send_as.append(Permission(sim.world.tenant.user("adele").id, ["SendAs"]))
    assert await delegates.remove_send_as(exchange, megan, "adele@contoso.com") is True
    assert tenant.mailbox("megan").send_as == []
    assert await delegates.remove_send_as(exchange, megan, "adele@contoso.com") is False
    assert await delegates.restore_send_as(exchange, megan, "adele@contoso.com") is True
    assert len(tenant.mailbox("megan").send_as) == 1
