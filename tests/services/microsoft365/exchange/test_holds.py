from __future__ import annotations

from datetime import timedelta

import pytest

from services.errors import MissingLicence
from services.microsoft365.exchange import holds, mailboxes
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.server import Simulator


async def test_a_hold_is_placed_once_and_taken_back(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    assert await holds.place_hold(exchange, megan, "Kept for review", duration_days=90) is True
    held = (await mailboxes.find(exchange, megan.object_id)).hold
    assert (held.on, held.duration, held.comment) == (True, "90", "Kept for review")
    assert held.since is not None
    assert await holds.place_hold(exchange, megan, "Kept for review", duration_days=90) is False
    await holds.restore_hold(exchange, megan, megan.hold)
    assert (await mailboxes.find(exchange, megan.object_id)).hold.on is False


async def test_without_the_licence_a_hold_says_so_and_retention_can_be_lengthened(
    exchange: RestBackend, sim: Simulator, tenant: Exchange
) -> None:
    invoices = await mailboxes.find(exchange, sim.world.tenant.user("invoices").id)
    assert not invoices.may_be_held
    with pytest.raises(MissingLicence) as missing:
        await holds.place_hold(exchange, invoices)
    assert missing.value.data["licence"] == "Exchange Online Plan 2"

    assert await holds.lengthen_retention(exchange, invoices) is True
    after = (await mailboxes.find(exchange, invoices.object_id)).retention
    assert after.deleted_items == timedelta(days=30)
    await holds.restore_retention(exchange, invoices, invoices.retention)
    assert (await mailboxes.find(exchange, invoices.object_id)).retention == invoices.retention
