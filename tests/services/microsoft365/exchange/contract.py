"""What every way into Exchange must do: one class of tests, run on each of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.errors import Bug, Gone, MissingLicence, MissingRole, OnPremises
from services.microsoft365.exchange import holds, inbox_rules, junk, mailboxes, mobile_devices, preflight, protocols
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend, Result, checked
from services.microsoft365.exchange.junk import JunkLists
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.protocols import Protocol
from simulator.exchange import Exchange
from simulator.server import Simulator


class ExchangeContract:
    """Needs the fixtures `backend`, `sim` and `tenant`."""

    async def _mailbox(self, backend: ExchangeBackend, sim: Simulator, name: str) -> Mailbox:
        user = sim.world.tenant.user(name)
        return await mailboxes.find(backend, user.id, user.upn)

    async def test_a_mailbox_is_read_with_its_times_and_spans(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        megan = await self._mailbox(backend, sim, "megan")
        assert megan.retention.deleted_items == timedelta(days=14)
        await holds.place_hold(backend, megan, "Kept for review")
        held = (await self._mailbox(backend, sim, "megan")).hold
        assert held.since is not None
        assert abs(held.since - tenant.clock.now()) < timedelta(minutes=5)

    async def test_a_value_is_cleared_with_null_and_a_second_time_changes_nothing(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        settings = tenant.mailbox("megan").settings
        settings |= {"ForwardingSmtpAddress": "smtp:drop@evil.example", "DeliverToMailboxAndForward": True}
        megan = await self._mailbox(backend, sim, "megan")
        assert megan.forwarding.smtp_address == "drop@evil.example"
        assert await mailboxes.clear_forwarding(backend, megan) is True
        assert (settings["ForwardingSmtpAddress"], settings["DeliverToMailboxAndForward"]) == (None, False)
        assert await mailboxes.clear_forwarding(backend, megan) is False

    async def test_hidden_rules_are_found_and_removed_by_their_number_of_64_bits(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        rule = tenant.mailbox("megan").add_rule(".", hidden=True, RedirectTo=["drop@evil.example"])
        megan = await self._mailbox(backend, sim, "megan")
        (found,) = (await inbox_rules.list_rules(backend, megan)).people_s
        assert (found.rule_id, found.hidden) == (str(rule.rule_id), True)
        assert [recipient.address for recipient in found.redirect_to] == ["drop@evil.example"]
        await inbox_rules.disable_rule(backend, megan, found.rule_id)
        assert not rule.enabled
        await inbox_rules.remove_rule(backend, megan, found.rule_id)
        with pytest.raises(Gone) as gone:
            await inbox_rules.remove_rule(backend, megan, found.rule_id)
        assert gone.value.data["what"] == "inbox-rule"

    async def test_lists_are_edited_and_not_overwritten(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        box = tenant.mailbox("megan")
        box.junk["TrustedSendersAndDomains"] = ["friend.example", "evil.example"]
        megan = await self._mailbox(backend, sim, "megan")
        await junk.remove_entries(backend, megan, JunkLists(trusted_senders=("evil.example",)))
        assert box.junk["TrustedSendersAndDomains"] == ["friend.example"]
        await mobile_devices.block(backend, megan, ("D1",))
        await mobile_devices.block(backend, megan, ("D2",))
        assert box.cas["ActiveSyncBlockedDeviceIDs"] == ["D1", "D2"]

    async def test_three_states_of_a_switch_survive(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        megan = await self._mailbox(backend, sim, "megan")
        before = await protocols.read(backend, megan)
        assert before.smtp_auth is None
        await protocols.switch(backend, megan, {Protocol.IMAP: False}, smtp_auth=False)
        assert (await protocols.read(backend, megan)).smtp_auth is False
        await protocols.restore(backend, megan, before, (Protocol.IMAP,))
        assert await protocols.read(backend, megan) == before

    async def test_what_is_not_there_is_gone(self, backend: ExchangeBackend, sim: Simulator) -> None:
        with pytest.raises(Gone) as gone:
            await self._mailbox(backend, sim, "emergency1")
        assert gone.value.data["what"] == "mailbox"

    async def test_a_missing_licence_is_said(self, backend: ExchangeBackend, sim: Simulator) -> None:
        invoices = await self._mailbox(backend, sim, "invoices")
        with pytest.raises(MissingLicence):
            await holds.place_hold(backend, invoices)

    async def test_what_is_mastered_on_premises_is_said(self, backend: ExchangeBackend, sim: Simulator) -> None:
        patti = await self._mailbox(backend, sim, "patti")
        with pytest.raises(OnPremises):
            await mailboxes.change(backend, patti, HiddenFromAddressListsEnabled=True)

    async def test_a_cmdlet_that_our_roles_lack_is_a_missing_role(
        self, backend: ExchangeBackend, sim: Simulator, tenant: Exchange
    ) -> None:
        tenant.knobs.without_cmdlets = frozenset({"Get-TransportConfig"})
        with pytest.raises(MissingRole) as missing:
            await protocols.read_organisation_smtp_auth(backend)
        assert missing.value.data["roles"] == ["Exchange Administrator"]
        assert await preflight.missing(backend, protocols.read_organisation_smtp_auth) == ("Get-TransportConfig",)
        assert await preflight.missing(backend, protocols.read) == ()

    async def test_several_calls_have_each_their_own_answer(self, backend: ExchangeBackend) -> None:
        names = ("megan", "nobody", "adele")
        calls = [checked("Get-Mailbox", {"Identity": name}, anchor=ORGANISATION) for name in names]
        first, second, third = await backend.invoke_many(calls)
        assert isinstance(first, Result)
        assert isinstance(second, Gone)
        assert isinstance(third, Result)
        assert third.records[0]["Alias"] == "adele"

    async def test_an_answer_that_was_cut_short_says_so(self, backend: ExchangeBackend) -> None:
        short = await backend.invoke("Get-Mailbox", {"ResultSize": 5}, anchor=ORGANISATION)
        assert (len(short.records), short.complete) == (5, False)
        whole = await backend.invoke("Get-Mailbox", {"ResultSize": "Unlimited"}, anchor=ORGANISATION, select=("Alias",))
        assert whole.complete
        assert all(set(record) == {"Alias"} for record in whole.records)

    async def test_letters_outside_ascii_arrive(self, backend: ExchangeBackend, sim: Simulator) -> None:
        jose = await self._mailbox(backend, sim, "jose")
        assert jose.display_name == "José Müller"
        await holds.place_hold(backend, jose, "Größe § 5")
        assert (await self._mailbox(backend, sim, "jose")).hold.comment == "Größe § 5"

    async def test_an_empty_identity_never_leaves(self, backend: ExchangeBackend) -> None:
        with pytest.raises(Bug):
            await backend.invoke("Get-MailboxJunkEmailConfiguration", {"Identity": ""}, anchor=ORGANISATION)
