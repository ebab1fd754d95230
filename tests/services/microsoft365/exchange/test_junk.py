from __future__ import annotations

import pytest

from services.errors import Conflict
from services.microsoft365.exchange import junk
from services.microsoft365.exchange.junk import JunkLists
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.server import Simulator


async def test_junk_entries_are_taken_out_one_by_one(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    lists = tenant.mailbox("megan").junk
    lists |= {
        "TrustedSendersAndDomains": ["evil.example", "friend.example"],
        "BlockedSendersAndDomains": ["bank.example"],
    }
    assert (await junk.read(exchange, megan)).trusted_senders == ("evil.example", "friend.example")
    bad = JunkLists(trusted_senders=("evil.example",), blocked_senders=("bank.example",))
    assert await junk.remove_entries(exchange, megan, bad) is True
    assert lists["TrustedSendersAndDomains"] == ["friend.example"]
    assert lists["BlockedSendersAndDomains"] == []
    assert await junk.remove_entries(exchange, megan, bad) is False
    await junk.restore_entries(exchange, megan, bad)
    assert set((await junk.read(exchange, megan)).trusted_senders) == {"evil.example", "friend.example"}
    assert await junk.remove_entries(exchange, megan, JunkLists()) is False


async def test_a_mailbox_that_was_never_opened_has_no_junk_lists_yet(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    tenant.mailbox("megan").opened = False
    with pytest.raises(Conflict):
        await junk.read(exchange, megan)


async def test_an_answer_for_everybody_is_not_taken_for_one_mailbox(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.tenant.user("megan").mailbox = None  # an unknown identity makes the service answer for all
    with pytest.raises(Conflict) as conflict:
        await junk.read(exchange, megan)
    assert conflict.value.data["reason"] == "other-mailbox-answered"
