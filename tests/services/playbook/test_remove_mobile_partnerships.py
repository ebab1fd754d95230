"""The account leaves the intruder's phone, the user's own phones keep it, and no phone is ever erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.errors import Gone
from services.playbook.planner import outcome_of
from services.playbook.remove_mobile_partnerships import STEP
from services.playbook.step import State
from tests.services.playbook.mail_scenes import mailbox
from tests.services.playbook.tenancy import Tenancy, settled, tenancy


def _pair(home: Tenancy, device_id: str, kind: str, version: str, days: float) -> None:
    first = datetime.now(UTC) - timedelta(days=days)
    mailbox(home, "megan").add_device(
        str(uuid4()), device_id, "Outlook" if kind == "REST" else "Android", kind, first,
        ClientVersion=version, FriendlyName=device_id, DeviceOS="Android 12",
    )  # fmt: skip


def _asked(home: Tenancy) -> dict[str, bool]:
    return {each.device_id: "Wipe" in each.wipe_status for each in mailbox(home, "megan").devices}


def _account_only(home: Tenancy) -> list[bool]:
    entries = home.sim.world.journal.entries(service="exchange")
    inputs = [(entry.body or {}).get("CmdletInput") or {} for entry in entries]
    wipes = [each for each in inputs if each.get("CmdletName") == "Clear-MobileDevice"]
    return [bool(each["Parameters"].get("AccountOnly")) for each in wipes]


async def test_the_intruders_phone_loses_the_account_and_the_users_own_keeps_it() -> None:
    async with tenancy() as home:
        home.tell("method-and-device")
        plan = await home.plan(STEP, "joni.sherman2")
        (change,) = plan.changes
        assert "Android" in change.what
        await home.make(STEP, "joni.sherman2", plan)
        states = {each.device_id: each.wipe_status for each in mailbox(home, "joni.sherman2").devices}
        assert states["5EEC4E94B0A17733"] == "DeviceOk"
        assert "AccountOnly" in states["ANDROID8F21C4D0A7"]
        assert settled(await home.plan(STEP, "joni.sherman2"))[0] is State.ALREADY_SO


async def test_an_order_to_a_native_mail_program_is_always_for_the_account_alone() -> None:
    async with tenancy() as home:
        _pair(home, "NATIVE", "EAS", "16.1", 1)
        _pair(home, "OLDNATIVE", "EAS", "14.1", 1)
        _pair(home, "LONGAGO", "EAS", "16.1", 100)
        plan = await home.plan(STEP, "megan")
        await home.make(STEP, "megan", plan)
        assert _asked(home) == {"NATIVE": True, "OLDNATIVE": False, "LONGAGO": False}
        assert _account_only(home) == [True]  # applied twice, and asked for once


async def test_a_phone_that_could_only_be_erased_whole_is_left_and_said() -> None:
    async with tenancy() as home:
        _pair(home, "OLDNATIVE", "EAS", "14.1", 1)
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.ALREADY_SO
        assert "without erasing the phone: OLDNATIVE" in reason


async def test_a_partnership_that_is_gone_meanwhile_is_done() -> None:
    async with tenancy() as home:
        _pair(home, "NATIVE", "REST", "1.0", 1)
        plan = await home.plan(STEP, "megan")
        mailbox(home, "megan").devices.clear()
        await home.make(STEP, "megan", plan)


async def test_an_account_without_a_mailbox_has_no_phones() -> None:
    async with tenancy() as home:
        ctx = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).state is State.ALREADY_SO
