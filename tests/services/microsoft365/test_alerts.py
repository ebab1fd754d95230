from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from services.microsoft365.accounts import account_from
from services.microsoft365.alerts import Alerts, kql_text
from tests.services.microsoft365.graph_bench import GraphBench, page

MEGAN = account_from({"id": "u1", "userPrincipalName": "megan@contoso.com", "mail": "m.bowen@contoso.com"})
SINCE = datetime(2026, 11, 18, tzinfo=UTC)


@pytest.fixture
def alerts(wire: GraphBench) -> Alerts:
    return Alerts(wire.graph)


@pytest.mark.parametrize(
    ("evidence", "named"),
    [
        ({"userAccount": {"azureAdUserId": "U1"}}, True),
        ({"userAccount": {"userPrincipalName": "Megan@contoso.com"}}, True),
        ({"primaryAddress": "m.bowen@contoso.com"}, True),
        ({"userAccount": {"azureAdUserId": "u2", "userPrincipalName": "alex@contoso.com"}}, False),
        ({}, False),
    ],
)
async def test_an_alert_counts_when_its_evidence_names_the_account(
    wire: GraphBench, alerts: Alerts, evidence: dict[str, object], named: bool
) -> None:
    wire.replies = [page({"id": "a1", "title": "Suspicious rule", "evidence": [evidence]})]
    assert len(await alerts.about(MEGAN, SINCE)) == int(named)


async def test_an_account_without_names_matches_nothing(wire: GraphBench, alerts: Alerts) -> None:
    wire.replies = [page({"id": "a1", "evidence": [{"userAccount": {"userPrincipalName": ""}}]})]
    assert len(await alerts.about(replace(MEGAN, upn="", mail=None), SINCE)) == 0


async def test_an_alert_is_marked_as_right(wire: GraphBench, alerts: Alerts) -> None:
    wire.replies = [httpx.Response(200, json={"id": "a1"})]
    await alerts.mark_compromised("a1")
    assert wire.body()["determination"] == "compromisedAccount"


async def test_hunting_gives_rows(wire: GraphBench, alerts: Alerts) -> None:
    wire.replies = [httpx.Response(200, json={"schema": [], "results": [{"Count": 3}]})]
    assert await alerts.hunt("IdentityLogonEvents | take 1") == ({"Count": 3},)
    assert wire.body() == {"query": "IdentityLogonEvents | take 1", "timespan": "P7D"}


def test_text_cannot_leave_a_hunting_query() -> None:
    assert kql_text("o'brien\\' | take 1\n//") == "'o\\'brien\\\\\\' | take 1 //'"
