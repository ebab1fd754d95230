from __future__ import annotations

import pytest

from services.errors import Gone, MissingRole
from services.microsoft365.exchange import snapshots
from services.microsoft365.exchange.delegates import Listed
from services.microsoft365.exchange.inbox_rules import InboxRules
from services.microsoft365.exchange.recorded import dump
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.state import FolderPermission, Permission
from simulator.server import Simulator


async def test_everything_about_a_mailbox_is_read_at_once_and_nothing_changes(
    exchange: RestBackend, tenant: Exchange, sim: Simulator
) -> None:
    megan, adele = sim.world.tenant.user("megan"), sim.world.tenant.user("adele")
    box = tenant.mailbox("megan")
    box.full_access.append(Permission(adele.id, ["FullAccess"]))
    box.folder("Inbox").permissions.append(FolderPermission(adele.id, ["Reviewer"]))
    box.add_rule("hidden", hidden=True, DeleteMessage=True)

    taken = await snapshots.take(exchange, megan.id, megan.upn)
    assert set(taken.areas) == set(snapshots.AREAS)
    assert taken.unread == {}
    access, rules = taken.areas["access"], taken.areas["inbox-rules"]
    assert isinstance(access, Listed)
    assert [entry.user for entry in access.entries] == ["adele@contoso.com"]
    assert isinstance(rules, InboxRules)
    assert [rule.name for rule in rules.people_s] == ["hidden"]
    assert "Adele Vance" in str(taken.areas["folder-permissions"])
    assert dump(taken.areas)
    written = [entry for entry in sim.world.journal.entries(service="cmdlet") if not entry.path.startswith("/Get-")]
    assert written == []


async def test_an_area_that_our_roles_do_not_open_keeps_its_reason_and_the_others_are_read(
    exchange: RestBackend, tenant: Exchange, sim: Simulator
) -> None:
    tenant.knobs.without_cmdlets = frozenset({"Get-InboxRule", "Get-App"})
    taken = await snapshots.take(exchange, sim.world.tenant.user("megan").id)
    assert set(taken.unread) == {"inbox-rules", "add-ins"}
    assert all(isinstance(error, MissingRole) for error in taken.unread.values())


async def test_without_a_mailbox_there_is_no_snapshot(exchange: RestBackend, sim: Simulator) -> None:
    with pytest.raises(Gone):
        await snapshots.take(exchange, sim.world.tenant.user("emergency1").id)


READERS = dict(zip(snapshots.AREAS, snapshots._READERS, strict=True))


@pytest.mark.parametrize("cmdlet", sorted(set(snapshots.take.needs) - {"Get-Mailbox"}))
async def test_one_cmdlet_less_leaves_exactly_the_areas_unread_that_declare_it(
    exchange: RestBackend, tenant: Exchange, sim: Simulator, cmdlet: str
) -> None:
    tenant.mailbox("megan").settings["GrantSendOnBehalfTo"] = [sim.world.tenant.user("adele").id]
    tenant.knobs.without_cmdlets = frozenset({cmdlet})
    taken = await snapshots.take(exchange, sim.world.tenant.user("megan").id)
    recipients = taken.areas["on-behalf"]
    unread = set(taken.unread)
    if isinstance(recipients, dict) and any(isinstance(each, MissingRole) for each in recipients.values()):
        unread.add("on-behalf")  # names that lead nowhere keep their own reasons
    assert unread == {name for name, reader in READERS.items() if cmdlet in reader.needs}
    assert all(isinstance(error, MissingRole) for error in taken.unread.values())
