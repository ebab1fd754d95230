from __future__ import annotations

from services.microsoft365.exchange import signatures
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from services.microsoft365.exchange.signatures import Signature
from simulator.exchange import Exchange


async def test_a_signature_is_emptied_and_put_back(exchange: RestBackend, megan: Mailbox, tenant: Exchange) -> None:
    tenant.mailbox("megan").message_configuration |= {"SignatureHtml": "<b>new bank</b>", "AutoAddSignature": True}
    before = await signatures.read(exchange, megan)
    assert before.html == "<b>new bank</b>"
    assert await signatures.write(exchange, megan, Signature("", "", False, False, "")) is True
    assert (await signatures.read(exchange, megan)).html == ""
    await signatures.write(exchange, megan, before)
    assert await signatures.read(exchange, megan) == before
