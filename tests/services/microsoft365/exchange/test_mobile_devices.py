from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest

from services.errors import Conflict
from services.microsoft365.exchange import mobile_devices
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.state import MobileDevice


def _device(tenant: Exchange, kind: str, version: str) -> MobileDevice:
    now = tenant.clock.now()
    client = "REST" if kind == "Outlook" else "EAS"
    return tenant.mailbox("megan").add_device(
        str(uuid4()),
        uuid4().hex[:16].upper(),
        kind,
        client,
        now,
        ClientVersion=version,
        LastSuccessSync=now,
        DeviceOS="iOS 18.3",
    )


async def test_devices_are_listed_with_their_last_contact(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange
) -> None:
    device = _device(tenant, "Outlook", "1.0")
    (listed,) = await mobile_devices.list_devices(exchange, megan)
    assert (listed.guid, listed.device_id, listed.status) == (str(device.guid), device.device_id, "DeviceOk")
    assert listed.last_sync is not None
    assert listed.system == "iOS 18.3"


async def test_a_device_is_blocked_and_let_in_again(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    device = _device(tenant, "iPhone", "16.1")
    assert await mobile_devices.block(exchange, megan, (device.device_id,)) is True
    assert await mobile_devices.block(exchange, megan, (device.device_id,)) is False
    assert (await mobile_devices.list_devices(exchange, megan))[0].access_state == "Blocked"
    assert await mobile_devices.unblock(exchange, megan, (device.device_id,)) is True
    assert tenant.mailbox("megan").cas["ActiveSyncBlockedDeviceIDs"] == []


@pytest.mark.parametrize(("kind", "version"), [("Outlook", "1.0"), ("iPhone", "16.1"), ("iPhone", "16.2")])
async def test_only_the_account_is_ever_wiped(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, kind: str, version: str
) -> None:
    device = _device(tenant, kind, version)
    (listed,) = await mobile_devices.list_devices(exchange, megan)
    await mobile_devices.wipe_account(exchange, megan, listed)
    assert device.wipe_status == "AccountOnlyDeviceWipePending"
    await mobile_devices.cancel_wipe(exchange, megan, listed)
    assert device.wipe_status == "DeviceOk"


@pytest.mark.parametrize("version", ["14.1", "16.0", "", "odd"])
async def test_a_wipe_that_would_erase_the_phone_is_never_sent(
    exchange: RestBackend, megan: Mailbox, tenant: Exchange, version: str
) -> None:
    device = _device(tenant, "Android", "16.1")
    (listed,) = await mobile_devices.list_devices(exchange, megan)
    old = dataclasses.replace(listed, client_version=version)
    with pytest.raises(Conflict) as conflict:
        await mobile_devices.wipe_account(exchange, megan, old)
    assert conflict.value.data["reason"] == "would-erase-device"
    assert device.wipe_status == "DeviceOk"


async def test_a_partnership_can_be_forgotten(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    _device(tenant, "iPhone", "16.1")
    (listed,) = await mobile_devices.list_devices(exchange, megan)
    await mobile_devices.forget(exchange, megan, listed)
    assert tenant.mailbox("megan").devices == []
