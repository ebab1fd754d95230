from __future__ import annotations

import pytest

from services.errors import Gone
from services.microsoft365.exchange import protocols
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.protocols import OpenMailbox, Plan, Protocol
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
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


async def test_every_mailbox_is_listed_and_many_are_closed_ten_at_a_time(
    exchange: RestBackend, tenant: Exchange, sim: Simulator
) -> None:
    tenant.mailbox("lynne").cas["SmtpClientAuthenticationDisabled"] = False
    listed = await protocols.list_all(exchange)
    assert listed.complete
    assert len(listed.mailboxes) == sum(1 for _ in tenant.mailboxes())
    outcomes = await protocols.close_many(exchange, listed.mailboxes, smtp_auth_too=True)
    assert set(outcomes.values()) == {None}
    assert all(not box.cas["ImapEnabled"] and not box.cas["PopEnabled"] for box in tenant.mailboxes())
    batches = sim.world.journal.entries(service="exchange", path=r"\$batch$")
    assert len(batches) == -(-len(listed.mailboxes) // 10)

    assert set((await protocols.restore_many(exchange, listed.mailboxes)).values()) == {None}
    assert await protocols.list_all(exchange) == listed


async def test_one_mailbox_that_vanished_does_not_stop_the_others(exchange: RestBackend, tenant: Exchange) -> None:
    listed = (await protocols.list_all(exchange)).mailboxes[:12]
    ghost = OpenMailbox("ghost", "00000000-0000-4000-8000-000000000000", "ghost@contoso.com", True, True, None)
    outcomes = await protocols.close_many(exchange, (ghost, *listed))
    assert isinstance(outcomes.pop("ghost"), Gone)
    assert set(outcomes.values()) == {None}
    assert len(outcomes) == 12


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
