"""The least time of some calls, lane by lane."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from benchmarks.lanes import lanes, least_seconds
from simulator.journal import Entry

_NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _graph(path: str, took: float = 0.2, *, method: str = "GET", **query: str) -> Entry:
    return Entry(0, "graph", method, f"/graph/v1.0{path}", query, None, _NOW, _NOW, duration_seconds=took)


def _exchange(cmdlet: str, took: float = 0.5) -> Entry:
    body: Any = {"CmdletInput": {"CmdletName": cmdlet}}
    path = "/adminapi/beta/tenant/InvokeCommand"
    return Entry(0, "exchange", "POST", path, {}, body, _NOW, _NOW, duration_seconds=took)


def test_nothing_asked_takes_no_time() -> None:
    assert least_seconds([]) == 0.0


@pytest.mark.parametrize(
    ("lane", "path", "count", "least"),
    [
        ("reports", "/auditLogs/signIns", 5, 0.2),
        ("reports", "/auditLogs/signIns", 6, 10.2),
        ("reports", "/users/u/authentication/methods", 11, 20.2),
        ("protection", "/identityProtection/riskDetections", 3, 2.2),
        ("intune", "/deviceManagement/managedDevices", 91, 20.2),
        ("security", "/security/alerts_v2", 151, 60.2),
        ("audit-queries", "/security/auditLog/queries", 61, 60.2),
        ("identity", "/users/u", 2001, 10.2),
    ],
)
def test_so_many_calls_in_so_much_time(lane: str, path: str, count: int, least: float) -> None:
    assert lanes([_graph(path)] * count)[lane] == pytest.approx(least)


def test_a_mailbox_and_exchange_serve_four_at_once() -> None:
    calls = [_graph("/users/u/messages", 1.0)] * 8 + [_graph("/users/v/mailFolders/inbox/messageRules", 1.0)]
    assert lanes(calls)["mailbox u"] == 2.0
    assert lanes(calls)["mailbox v"] == 0.25
    assert lanes([_exchange("Get-TransportRule")] * 8)["exchange"] == 1.0


def test_what_needs_an_answer_comes_behind_it() -> None:
    calls = [_exchange("Get-Mailbox", 0.3), _exchange("Get-Mailbox", 0.9)]
    calls += [_exchange("Get-MailboxFolderStatistics", 0.4), _exchange("Get-MailboxFolderPermission", 0.5)]
    assert lanes(calls)["exchange chain"] == pytest.approx(0.3 + 0.4 + 0.5)
    pages = [_graph("/auditLogs/signIns", 0.2), *[_graph("/auditLogs/signIns", 0.2, **{"$skiptoken": "x"})] * 3]
    assert lanes(pages)["pages"] == pytest.approx(0.4)


def test_the_pages_of_a_list_come_one_after_another_and_lists_beside_each_other() -> None:
    def page(number: int, name: str, took: float = 0.2) -> Entry:
        token = {"$skiptoken": str(number)} if number else {}
        return _graph("/auditLogs/signIns", took, **{"$filter": name}, **token)

    calls = [*(page(number, "a") for number in range(4)), *(page(number, "b") for number in range(3))]
    assert lanes(calls)["pages"] == pytest.approx(0.8)
    read_again = [*calls, *(page(number, "a", 0.1) for number in range(2))]
    assert lanes(read_again)["pages"] == pytest.approx(0.6)


def test_calls_that_name_no_cmdlet_stand_in_no_chain() -> None:
    assert lanes([_exchange("", 0.5), _exchange("", 0.7)])["exchange chain"] == pytest.approx(0.7)


def test_a_query_of_the_audit_log_runs_its_time() -> None:
    queries = "/security/auditLog/queries"
    calls = [_graph(queries, 0.3, method="POST"), _graph(f"{queries}/q", 0.1), _graph(f"{queries}/q/records", 0.2)]
    assert lanes(calls, seconds_of_a_query=4.0)["audit query"] == pytest.approx(4.6)
    beside = [_graph(queries, 0.3, method="POST"), _graph(f"{queries}/r", 0.1), _graph(f"{queries}/r/records", 0.1)]
    assert lanes([*calls, *beside], seconds_of_a_query=4.0)["audit query"] == pytest.approx(4.6)


def test_the_longest_lane_decides() -> None:
    calls = [_graph("/auditLogs/signIns")] * 6 + [_exchange("Get-Mailbox")]
    assert least_seconds(calls) == pytest.approx(10.2)
