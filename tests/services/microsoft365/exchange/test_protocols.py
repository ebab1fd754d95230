from __future__ import annotations

import pytest

from services.errors import Gone, IRBotError
from services.microsoft365.exchange import protocols
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.protocols import Plan, Protocol
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.faults import Fault, Kind
from simulator.server import Simulator


async def test_protocols_of_one_mailbox_go_off_and_come_back_as_they_were(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    box = tenant.mailbox("megan")
    box.cas["PopEnabled"] = False
    before = await protocols.read(exchange, megan)
    assert Protocol.IMAP in before.on
    assert Protocol.POP in before.off
    assert before.smtp_auth is None

    everything = dict.fromkeys(Protocol, False)
    assert await protocols.switch(exchange, megan, everything, smtp_auth=False) is True
    assert await protocols.switch(exchange, megan, everything, smtp_auth=False) is False
    off = await protocols.read(exchange, megan)
    assert off.on == frozenset()
    assert off.smtp_auth is False

    await protocols.restore(exchange, megan, before, tuple(Protocol))
    assert await protocols.read(exchange, megan) == before
    assert box.cas["PopEnabled"] is False


async def test_an_explicit_yes_to_smtp_auth_is_told_from_no_opinion(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    tenant.mailbox("megan").cas["SmtpClientAuthenticationDisabled"] = False
    assert (await protocols.read(exchange, megan)).smtp_auth is True


async def test_every_mailbox_is_listed_and_one_of_many_is_closed_and_put_back(
    exchange: RestBackend, tenant: Exchange
) -> None:
    tenant.mailbox("lynne").cas["SmtpClientAuthenticationDisabled"] = False
    listed = [box async for page in protocols.each_page(exchange) for box in page]
    assert len(listed) == sum(1 for _ in tenant.mailboxes())
    lynne = next(box for box in listed if box.object_id == tenant.mailbox("lynne").object_id)
    closed = {"imap": False, "pop": False, "smtp_auth": False}
    assert await protocols.set_one(exchange, lynne.guid, closed) is True
    assert await protocols.set_one(exchange, lynne.guid, closed) is False
    now = await protocols.read_one(exchange, lynne.guid)
    assert (now.imap, now.pop, now.smtp_auth) == (False, False, False)
    await protocols.set_one(exchange, lynne.guid, {"imap": True, "pop": True, "smtp_auth": True})
    assert await protocols.read_one(exchange, lynne.guid) == lynne
    await protocols.set_one(exchange, lynne.guid, {"smtp_auth": None})
    assert tenant.mailbox("lynne").cas["SmtpClientAuthenticationDisabled"] is None


async def test_a_list_that_breaks_off_is_an_error_and_not_a_short_list(exchange: RestBackend, sim: Simulator) -> None:
    fault = Fault(kind=Kind.STATUS, service="cmdlet", method="POST", path="^/Get-CASMailbox", status=400, code="Broken")
    sim.world.faults.add(fault)
    with pytest.raises(IRBotError):
        [page async for page in protocols.each_page(exchange)]


async def test_a_mailbox_that_vanished_is_gone(exchange: RestBackend) -> None:
    ghost = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Gone):
        await protocols.read_one(exchange, ghost)
    with pytest.raises(Gone):
        await protocols.set_one(exchange, ghost, {"imap": False})


async def test_plans_for_new_mailboxes_can_be_closed(exchange: RestBackend) -> None:
    plans = await protocols.list_plans(exchange)
    assert any(plan.imap for plan in plans)
    for plan in plans:
        await protocols.set_plan(exchange, Plan(plan.identity, plan.display_name, imap=False, pop=False))
    assert not any(plan.imap or plan.pop for plan in await protocols.list_plans(exchange))


async def test_smtp_auth_of_the_organisation(exchange: RestBackend) -> None:
    assert await protocols.read_organisation_smtp_auth(exchange) is True
    assert await protocols.set_organisation_smtp_auth(exchange, on=False) is True
    assert await protocols.read_organisation_smtp_auth(exchange) is False
    assert await protocols.set_organisation_smtp_auth(exchange, on=False) is False


@pytest.mark.parametrize("missing", ["ImapEnabled", "SmtpClientAuthenticationDisabled"])
async def test_an_answer_without_the_switch_is_unreadable_and_not_off(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, missing: str
) -> None:
    del tenant.mailbox("megan").cas[missing]
    with pytest.raises(Exception, match="unreadable-answer"):
        await protocols.read(exchange, megan)
