from __future__ import annotations

from services.microsoft365.exchange import auto_replies
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.server import Simulator


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
