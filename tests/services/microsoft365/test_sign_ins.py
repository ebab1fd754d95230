from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.errors import MissingLicence
from services.microsoft365.sign_ins import SignIns
from tests.services.microsoft365.graph_bench import BASE, EMPTY, GraphBench, error, page, token_with

SINCE = datetime(2026, 11, 18, tzinfo=UTC)
ENTRY = {
    "id": "s1",
    "createdDateTime": "2026-11-24T22:01:00Z",
    "userId": "u1",
    "appDisplayName": "OfficeHome",
    "clientAppUsed": "IMAP4",
    "ipAddress": "203.0.113.7",
    "isInteractive": True,
    "status": {"errorCode": 0},
    "location": {"city": "Lagos", "countryOrRegion": "NG"},
    "deviceDetail": {"operatingSystem": "Linux", "isManaged": False},
    "riskLevelDuringSignIn": "hidden",
}


@pytest.fixture
def sign_ins(wire: GraphBench) -> SignIns:
    return SignIns(wire.graph, clock=lambda: SINCE + timedelta(days=7))


async def test_sign_ins_are_read_as_plain_values(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.replies = [page(ENTRY, {**ENTRY, "id": "s2", "status": {"errorCode": 50126}, "riskLevelDuringSignIn": "high"})]
    found = await sign_ins.interactive("u1", SINCE, 10)
    good, bad = found
    assert (good.country, good.client, good.succeeded, good.risk) == ("NG", "IMAP4", True, None)
    assert (bad.succeeded, bad.error_code, bad.risk) == (False, 50126, "high")
    assert wire.last.url.params["$filter"] == "userId eq 'u1' and createdDateTime ge 2026-11-18T00:00:00Z"


async def test_replayed_tokens_are_asked_for_where_they_show(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.replies = [page({**ENTRY, "isInteractive": False})]
    assert len(await sign_ins.with_tokens("u1", SINCE, 10)) == 1
    assert wire.last.url.path == "/beta/auditLogs/signIns"
    assert "nonInteractiveUser" in wire.last.url.params["$filter"]


async def test_a_log_that_was_cut_says_so(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.replies = [page(ENTRY, ENTRY, next_link=f"{BASE}/v1.0/auditLogs/signIns?$skiptoken=x")]
    found = await sign_ins.from_address("203.0.113.7", SINCE, 2)
    assert not found.complete


async def test_without_p1_there_is_no_log(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.next_tokens = [token_with("AuditLog.Read.All")]
    wire.replies = [error(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")]
    with pytest.raises(MissingLicence):
        await sign_ins.interactive("u1", SINCE, 10)


async def test_sign_ins_are_confirmed_as_the_intruders(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.replies = [EMPTY]
    await sign_ins.confirm_compromised(["s1", "s2"])
    assert wire.body() == {"requestIds": ["s1", "s2"]}


async def test_what_the_log_no_longer_keeps_makes_the_list_incomplete(wire: GraphBench, sign_ins: SignIns) -> None:
    wire.replies = [page(ENTRY)]
    assert (await sign_ins.with_tokens("u1", SINCE, 10)).complete
    assert not (await sign_ins.with_tokens("u1", SINCE - timedelta(days=30), 10)).complete


async def test_who_uses_a_kind_of_program_is_asked_for_both_ways(wire: GraphBench, sign_ins: SignIns) -> None:
    alone = {**ENTRY, "id": "s2", "isInteractive": False}
    wire.replies = [page(ENTRY), page(alone, next_link=f"{BASE}/beta/auditLogs/signIns?$skiptoken=x")]
    found = await sign_ins.by_client("Authenticated SMTP", SINCE, 1)
    assert [entry.interactive for entry in found] == [True, False]
    assert not found.complete
    assert wire.last.url.path == "/beta/auditLogs/signIns"
    condition = wire.last.url.params["$filter"]
    assert condition.startswith("clientAppUsed eq 'Authenticated SMTP' and createdDateTime ge 2026-11-18T00:00:00Z")
    assert "nonInteractiveUser" in condition
