from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from services.errors import MissingLicence
from services.microsoft365.risk import Risk
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page, token_with


@pytest.fixture
def risk(wire: GraphBench) -> Risk:
    return Risk(wire.graph)


async def test_a_confirmed_account_says_so(wire: GraphBench, risk: Risk) -> None:
    wire.replies = [
        httpx.Response(200, json={"riskLevel": "high", "riskState": "confirmedCompromised", "isProcessing": True})
    ]
    found = await risk.of_account("u1")
    assert found is not None
    assert found.is_confirmed
    assert found.processing


async def test_an_account_that_never_was_at_risk_is_none(wire: GraphBench, risk: Risk) -> None:
    wire.replies = [error(404, "ResourceNotFound")]
    assert await risk.of_account("u1") is None


async def test_risk_is_confirmed_and_dismissed(wire: GraphBench, risk: Risk) -> None:
    wire.replies = [EMPTY]
    await risk.confirm_compromised("u1")
    assert wire.last.headers["x-ms-throttle-priority"] == "high"
    await risk.dismiss("u1")
    assert [wire.body(0), wire.body(1)] == [{"userIds": ["u1"]}] * 2


async def test_detections_are_read(wire: GraphBench, risk: Risk) -> None:
    wire.replies = [page({"id": "d1", "riskEventType": "unfamiliarFeatures", "location": {"countryOrRegion": "NG"}})]
    (detection,) = await risk.detections("u1", datetime(2026, 11, 18, tzinfo=UTC), 10)
    assert (detection.kind, detection.country) == ("unfamiliarFeatures", "NG")


async def test_without_p2_it_is_not_evaluated(wire: GraphBench, risk: Risk) -> None:
    wire.next_tokens = [token_with("IdentityRiskyUser.Read.All")]
    wire.replies = [error(403, "Forbidden", "Your tenant is not licensed for this feature.")]
    with pytest.raises(MissingLicence) as caught:
        await risk.of_account("u1")
    assert caught.value.data["licence"] == "Microsoft Entra ID P2"
