"""Changes on the simulated tenant, each read back: what was written is what Graph understood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from services.errors import Gone
from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.microsoft365.mailbox import AutomaticReplies, InboxRule
from services.settings import Settings
from simulator.server import Simulator

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(days=3)


@pytest.fixture
async def m365(sim: Simulator) -> AsyncIterator[Microsoft365]:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    settings = Settings(**values)  # type: ignore[arg-type]
    tokens = Tokens(settings)
    opened = await open_microsoft365(settings, tokens)
    yield opened
    await opened.close()
    await tokens.close()


@pytest.fixture
def megan(sim: Simulator) -> str:
    return sim.world.tenant.user("megan").id


async def test_a_rule_is_put_back_switched_and_deleted(m365: Microsoft365, megan: str) -> None:
    actions = {"forwardTo": [{"emailAddress": {"name": "x", "address": "x@evil.example"}}], "stopProcessingRules": True}
    rule = InboxRule("", ".", 1, True, False, False, {"subjectContains": ["invoice"]}, {}, actions)
    made = await m365.mailbox.put_back_rule(megan, rule)
    await m365.mailbox.switch_rule(megan, made, enabled=False)
    (found,) = [each for each in await m365.mailbox.inbox_rules(megan) if each.id == made]
    assert found.forwards_to == ("x@evil.example",)
    assert not found.enabled
    await m365.mailbox.delete_rule(megan, made)
    assert made not in {each.id for each in await m365.mailbox.inbox_rules(megan)}
    with pytest.raises(Gone):
        await m365.mailbox.delete_rule(megan, made)


async def test_automatic_replies_are_set_and_silenced(m365: Microsoft365, megan: str) -> None:
    await m365.mailbox.set_automatic_replies(megan, AutomaticReplies("alwaysEnabled", "all", "in", "out"))
    assert (await m365.mailbox.settings(megan)).automatic_replies.external_text == "out"
    await m365.mailbox.set_automatic_replies(megan, AutomaticReplies("disabled", "all", "in", "out"))
    assert (await m365.mailbox.settings(megan)).automatic_replies.status == "disabled"


async def test_a_mail_is_sent_found_by_its_mark_moved_and_purged(m365: Microsoft365, megan: str) -> None:
    await m365.messages.send(megan, ["alex@contoso.com"], "Warning", "<p>Beware</p>", mark="k-1")
    marks = await m365.messages.sent_marks(megan, SINCE, datetime.now(UTC) + timedelta(minutes=1), 50)
    assert list(marks.found) == ["k-1"]
    sent = [each for each in await m365.messages.in_folder(megan, "sentitems", SINCE, 50) if each.subject == "Warning"]
    assert sent[0].recipients == ("alex@contoso.com",)
    await m365.messages.move(megan, sent[0].id, "deleteditems")
    moved = tuple(await m365.messages.in_folder(megan, "deleteditems", SINCE, 50))
    assert [each.subject for each in moved if each.subject == "Warning"] == ["Warning"]
    await m365.messages.purge(megan, next(each.id for each in moved if each.subject == "Warning"))
    assert all(each.subject != "Warning" for each in await m365.messages.in_folder(megan, "deleteditems", SINCE, 50))


async def test_a_device_is_blocked_and_allowed(m365: Microsoft365, megan: str) -> None:
    device = (await m365.devices.of_account(megan))[0]
    await m365.devices.block(device.id)
    assert not (await m365.devices.device(device.id)).enabled
    await m365.devices.allow(device.id)
    assert (await m365.devices.device(device.id)).enabled


async def test_a_managed_device_is_read_and_asked_to_report(m365: Microsoft365, megan: str) -> None:
    managed = (await m365.devices.managed_of(megan))[0]
    await m365.devices.detected_apps(managed.id)
    await m365.devices.protection(managed.id)
    await m365.devices.firewall_required(managed.id)
    await m365.devices.sync(managed.id)
    await m365.devices.scan(managed.id)


async def test_risk_is_confirmed_and_dismissed(m365: Microsoft365, megan: str) -> None:
    await m365.risk.confirm_compromised(megan)
    for _ in range(5):
        found = await m365.risk.of_account(megan)
        if found is not None and found.is_confirmed and not found.processing:
            break
    assert found is not None
    assert found.is_confirmed
    await m365.risk.dismiss(megan)


async def test_security_defaults_are_switched(m365: Microsoft365) -> None:
    before = await m365.policies.security_defaults()
    policies = await m365.policies.access_policies()
    if any(each.state == "enabled" for each in policies):
        for each in policies:
            await m365.policies.set_access_policy_state(each.id, "disabled")
    await m365.policies.set_security_defaults(enabled=not before)
    assert await m365.policies.security_defaults() is not before


async def test_a_new_access_policy_reports_first(m365: Microsoft365, megan: str) -> None:
    conditions = {
        "users": {"includeUsers": [megan]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["exchangeActiveSync", "other"],
    }
    made = await m365.policies.create_access_policy(
        "IR-1", conditions, {"operator": "OR", "builtInControls": ["block"]}
    )
    assert made.state == "enabledForReportingButNotEnforced"
    assert made.id in {each.id for each in await m365.policies.access_policies()}


async def test_an_audit_query_is_followed_to_its_end(sim: Simulator, m365: Microsoft365) -> None:
    submitted = await m365.audit.submit("IR-1", SINCE, NOW, upns=["megan@contoso.com"], operations=["New-InboxRule"])
    found = await m365.audit.find("IR-1")
    assert found is not None
    assert found.id == submitted.id
    state = submitted
    for _ in range(50):
        state = await m365.audit.state(submitted.id)
        if state.has_ended:
            break
        sim.world.clock.advance(300)
        await asyncio.sleep(0)
    assert state.succeeded
    assert (await m365.audit.records(submitted.id, 10)).complete


async def test_our_app_is_installed_for_a_person_and_reaches_them(
    sim: Simulator, m365: Microsoft365, megan: str
) -> None:
    ours = sim.world.app_id
    catalogue = await m365.teams_apps.catalogue_id(ours)
    assert catalogue is not None
    if (installed := await m365.teams_apps.installation(megan, ours)) is None:
        await m365.teams_apps.install(megan, catalogue)
        installed = await m365.teams_apps.installation(megan, ours)
    await m365.teams_apps.install(megan, catalogue)
    assert installed is not None
    assert await m365.teams_apps.chat_id(megan, installed)
