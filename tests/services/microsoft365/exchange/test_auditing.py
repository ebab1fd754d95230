from __future__ import annotations

import pytest

from services.errors import Conflict
from services.microsoft365.exchange import auditing
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.rest import RestBackend
from simulator.exchange import Exchange
from simulator.server import Simulator


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
