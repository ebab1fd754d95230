from __future__ import annotations

from uuid import uuid4

import pytest

from services.errors import Ambiguous, Conflict, Gone, IRBotError, OnPremises
from services.microsoft365.exchange import delegates, mailboxes
from services.microsoft365.exchange.backend import Record, Result
from services.microsoft365.exchange.mailboxes import Mailbox, Recipient
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.state import MailContact
from simulator.server import Simulator


async def test_a_mailbox_is_found_by_object_id_and_named_by_guid_from_then_on(
    megan: Mailbox, sim: Simulator, tenant: Exchange
) -> None:
    assert megan.object_id == sim.world.tenant.user("megan").id
    assert megan.identity == str(tenant.mailbox("megan").exchange_guid)
    assert megan.address == "megan@contoso.com"
    assert megan.may_be_held


@pytest.mark.parametrize("name", ["miriam.o'connor", "jose", "joni.sherman2", "invoices", "reception"])
async def test_names_with_apostrophes_and_look_alikes_lead_to_the_right_mailbox(
    exchange: RestBackend, sim: Simulator, name: str
) -> None:
    user = sim.world.tenant.user(name)
    found = await mailboxes.find(exchange, user.id, user.upn)
    assert found.user_principal_name == user.upn


@pytest.mark.parametrize("name", ["emergency1", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"])
async def test_an_account_without_a_mailbox_is_said_to_have_none(
    exchange: RestBackend, sim: Simulator, name: str
) -> None:
    user = sim.world.tenant.user(name)
    with pytest.raises(Gone) as gone:
        await mailboxes.find(exchange, user.id, user.upn)
    assert gone.value.data["what"] == "mailbox"


async def test_an_answer_about_another_mailbox_is_refused(
    exchange: RestBackend, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await exchange.invoke(
        "Get-Mailbox", {"Identity": sim.world.tenant.user("adele").id}, anchor=mailboxes.ORGANISATION
    )

    class Mistaken:
        async def invoke(self, *args: object, **kwargs: object) -> Result:
            return other

    with pytest.raises(Conflict) as conflict:
        await mailboxes.find(Mistaken(), sim.world.tenant.user("megan").id)  # type: ignore[arg-type]  # a part of it
    assert conflict.value.data["reason"] == "other-mailbox-answered"


@pytest.mark.parametrize(
    "row",
    [
        {"MailboxOwnerId": "adele", "Identity": "x\\1"},
        {"Identity": "adele:\\Calendar"},
        {"ExternalDirectoryObjectId": str(uuid4()), "Identity": "megan"},
    ],
)
async def test_rows_of_another_mailbox_are_refused(megan: Mailbox, row: Record) -> None:
    with pytest.raises(Conflict):
        mailboxes.own(Result((row,)), megan, "Get-Something")


@pytest.mark.parametrize(
    "owner",
    ["megan", "MEGAN@CONTOSO.COM", "Megan Bowen", "eur.prod/Hosted/contoso/megan", "CN=megan,OU=contoso,DC=EUR"],
)
async def test_rows_that_name_the_mailbox_in_any_known_form_are_accepted(megan: Mailbox, owner: str) -> None:
    assert mailboxes.own(Result(({"MailboxOwnerId": owner},)), megan, "Get-Something")


async def test_both_kinds_of_forwarding_are_cleared_at_once_and_can_be_put_back(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    contact = MailContact(str(uuid4()), uuid4(), "partner", "A Partner", "drop@evil.example")
    tenant.organisation.contacts.append(contact)
    settings = tenant.mailbox("megan").settings
    settings |= {
        "ForwardingAddress": contact.object_id,
        "ForwardingSmtpAddress": "smtp:drop@evil.example",
        "DeliverToMailboxAndForward": True,
    }
    before = (await mailboxes.find(exchange, megan.object_id)).forwarding
    assert before.on
    assert (before.recipient, before.smtp_address, before.keeps_copy) == ("partner", "drop@evil.example", True)
    assert (await mailboxes.resolve_recipient(exchange, before.recipient)) == Recipient(
        "partner", "A Partner", "drop@evil.example", "MailContact", contact.object_id, external=True
    )

    assert await mailboxes.clear_forwarding(exchange, megan) is True
    assert (settings["ForwardingAddress"], settings["ForwardingSmtpAddress"]) == (None, None)
    assert settings["DeliverToMailboxAndForward"] is False
    assert await mailboxes.clear_forwarding(exchange, megan) is False

    await mailboxes.restore_forwarding(exchange, megan, before)
    assert (await mailboxes.find(exchange, megan.object_id)).forwarding == before


async def test_several_recipients_come_back_each_with_its_own_answer(exchange: RestBackend, megan: Mailbox) -> None:
    found = await mailboxes.resolve_recipients(exchange, ("megan", "nobody", "adele"))
    assert isinstance(found["megan"], Recipient)
    assert isinstance(found["nobody"], Gone)
    assert isinstance(found["adele"], Recipient)
    assert found["adele"].address == "adele@contoso.com"


async def test_a_name_of_two_people_is_ambiguous_and_both_are_listed(exchange: RestBackend) -> None:
    with pytest.raises(Ambiguous):
        await mailboxes.resolve_recipient(exchange, "Joni Sherman")
    found = await mailboxes.recipients_named(exchange, "Joni Sherman")
    assert {each.address for each in found} == {"joni@contoso.com", "joni.sherman2@contoso.com"}
    assert await mailboxes.recipients_named(exchange, "Miriam O'Connor")


async def test_send_on_behalf_goes_one_by_one_and_is_refused_for_synced_people(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    adele, joni = sim.world.tenant.user("adele"), sim.world.tenant.user("joni")
    tenant.mailbox("megan").settings["GrantSendOnBehalfTo"] = [adele.id, joni.id]
    before = await mailboxes.find(exchange, megan.object_id)
    holders = await delegates.list_on_behalf(exchange, before)
    assert {each.object_id for each in holders.values() if not isinstance(each, IRBotError)} == {adele.id, joni.id}

    assert await delegates.remove_on_behalf(exchange, megan, (adele.id,)) is True
    assert tenant.mailbox("megan").settings["GrantSendOnBehalfTo"] == [joni.id]
    assert await delegates.remove_on_behalf(exchange, megan, (adele.id,)) is False
    await delegates.restore_on_behalf(exchange, megan, (adele.id,))
    assert set(tenant.mailbox("megan").settings["GrantSendOnBehalfTo"]) == {adele.id, joni.id}

    patti = await mailboxes.find(exchange, sim.world.tenant.user("patti").id)
    with pytest.raises(OnPremises):
        await delegates.remove_on_behalf(exchange, patti, (adele.id,))
