from __future__ import annotations

import pytest

from services.errors import Conflict
from services.microsoft365.exchange import add_ins
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.cmdlets.client_settings import new_app


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
