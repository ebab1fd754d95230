"""Holds, junk lists, automatic replies, signatures, add-ins, audit: the smaller areas."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.errors import Conflict, MissingLicence
from services.microsoft365.exchange import add_ins, auditing, auto_replies, holds, junk, mailboxes, signatures
from services.microsoft365.exchange.junk import JunkLists
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from services.microsoft365.exchange.signatures import Signature
from simulator.exchange import Exchange
from simulator.exchange.cmdlets.client_settings import new_app
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


async def test_an_automatic_reply_is_stopped_where_graph_sees_it_and_put_back(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    replies = sim.world.tenant.user("megan").mailbox_settings["automaticRepliesSetting"]
    replies |= {"status": "alwaysEnabled", "externalAudience": "all", "externalReplyMessage": "Pay to a new account"}
    before = await auto_replies.read(exchange, megan)
    assert (before.on, before.state, before.external_audience) == (True, "Enabled", "All")
    assert await auto_replies.switch_off(exchange, megan) is True
    assert replies["status"] == "disabled"
    assert await auto_replies.switch_off(exchange, megan) is False
    await auto_replies.restore(exchange, megan, before)
    assert replies["status"] == "alwaysEnabled"
    assert replies["externalReplyMessage"] == "Pay to a new account"


async def test_a_signature_is_emptied_and_put_back(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    tenant.mailbox("megan").message_configuration |= {"SignatureHtml": "<b>new bank</b>", "AutoAddSignature": True}
    before = await signatures.read(exchange, megan)
    assert before.html == "<b>new bank</b>"
    assert await signatures.write(exchange, megan, Signature("", "", False, False, "")) is True
    assert (await signatures.read(exchange, megan)).html == ""
    await signatures.write(exchange, megan, before)
    assert await signatures.read(exchange, megan) == before


async def test_add_ins_are_disabled_and_only_own_ones_removed(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    apps = tenant.mailbox("megan").apps
    apps += [
        new_app("Mail Helper", "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "Unknown"),
        new_app("Bing Maps", "22222222-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "Microsoft", Scope="Organization"),
    ]
    own, organisation = await add_ins.list_add_ins(exchange, megan)
    assert own.enabled
    await add_ins.disable(exchange, megan, own.app_id)
    assert not (await add_ins.list_add_ins(exchange, megan))[0].enabled
    await add_ins.enable(exchange, megan, own.app_id)
    await add_ins.remove(exchange, megan, own.app_id)
    with pytest.raises(Conflict):
        await add_ins.remove(exchange, megan, organisation.app_id)
    assert [each.name for each in await add_ins.list_add_ins(exchange, megan)] == ["Bing Maps"]


async def test_audit_switches_and_the_bypass(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, sim: Simulator
) -> None:
    assert await auditing.read(exchange) == auditing.Auditing(unified_log=True, mailbox_logs=True)
    tenant.organisation.audit_config["UnifiedAuditLogIngestionEnabled"] = False
    assert not (await auditing.read(exchange)).unified_log
    assert await auditing.switch_unified_log(exchange, on=True) is True
    (entry,) = sim.world.journal.entries(service="cmdlet", path="Set-AdminAuditLogConfig")
    assert "8cc370d3-822a-4ab8-a926-bb94bd0641a9" in entry.headers["x-anchormailbox"]

    tenant.mailbox("megan").audit_bypass = True
    assert await auditing.is_bypassed(exchange, megan)
    assert await auditing.set_bypass(exchange, megan, on=False) is True
    assert not await auditing.is_bypassed(exchange, megan)


async def test_an_organisation_that_was_never_customised_says_what_is_missing(
    exchange: RestBackend, tenant: Exchange
) -> None:
    tenant.knobs.customised = False
    with pytest.raises(Conflict) as conflict:
        await auditing.switch_unified_log(exchange, on=False)
    assert conflict.value.data["reason"] == "organisation-not-customised"
