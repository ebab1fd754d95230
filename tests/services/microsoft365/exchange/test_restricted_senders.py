from __future__ import annotations

from uuid import uuid4

import pytest

from services.errors import Conflict
from services.microsoft365.exchange import restricted_senders
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.exchange.cmdlets.mail_flow import restrict


async def test_a_restricted_sender_is_found_with_its_reasons_and_released(
    exchange: RestBackend, tenant: Exchange
) -> None:
    assert await restricted_senders.find(exchange, "megan@contoso.com") is None
    tenant.organisation.blocked_senders.append(restrict(tenant.clock.now(), "megan@contoso.com", 2043))
    found = await restricted_senders.find(exchange, "Megan@contoso.com")
    assert found is not None
    assert ("ExternalRecipientCountToday", "2043") in found.reasons
    assert found.reasons[0] == ("EmailSendingLimitExceeded", "")
    await restricted_senders.release(exchange, "megan@contoso.com")
    assert await restricted_senders.find(exchange, "megan@contoso.com") is None


async def test_a_sender_that_was_released_too_often_needs_support(exchange: RestBackend, tenant: Exchange) -> None:
    tenant.organisation.blocked_senders.append(restrict(tenant.clock.now(), "megan@contoso.com", 2043))
    tenant.organisation.unblocks_left = 0
    with pytest.raises(Conflict) as conflict:
        await restricted_senders.release(exchange, "megan@contoso.com")
    assert conflict.value.data["reason"] == "unblock-limit"


async def test_a_release_takes_its_time_to_show(exchange: RestBackend, tenant: Exchange) -> None:
    tenant.organisation.blocked_senders.append(restrict(tenant.clock.now(), "megan@contoso.com", 2043))
    tenant.knobs.unblock_minutes = 45
    await restricted_senders.release(exchange, "megan@contoso.com")
    assert await restricted_senders.find(exchange, "megan@contoso.com") is not None
    tenant.clock.advance(46 * 60)
    assert await restricted_senders.find(exchange, "megan@contoso.com") is None


async def test_blocked_connectors(exchange: RestBackend, tenant: Exchange) -> None:
    connector = str(uuid4())
    tenant.organisation.blocked_connectors.append({"ConnectorId": connector, "CreatedDatetime": tenant.clock.now()})
    (found,) = await restricted_senders.list_connectors(exchange)
    assert found.connector_id == connector
    await restricted_senders.release_connector(exchange, connector)
    assert await restricted_senders.list_connectors(exchange) == ()
