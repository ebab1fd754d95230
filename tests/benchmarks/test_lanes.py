"""The least time of some calls, lane by lane."""

from __future__ import annotations

from dataclasses import replace
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


_QUERIES = "/security/auditLog/queries"
_HISTORY = [
    _graph("/users/u", 0.3),
    _graph("/users/u", 0.1),
    _graph("/auditLogs/signIns", 0.2, **{"$filter": "userId eq 'u' and createdDateTime ge 2026-01-01"}),
    replace(
        _graph("", 0.5, **{"$filter": "userId eq 'u' and signInEventTypes/any(t: t eq 'nonInteractiveUser')"}),
        path="/graph/beta/auditLogs/signIns",
    ),
    _graph("/auditLogs/signIns", 0.4, **{"$filter": "ipAddress eq '203.0.113.5'"}),
]


def test_in_a_round_a_place_is_asked_about_behind_both_kinds_of_sign_ins_and_they_behind_the_account() -> None:
    assert lanes(_HISTORY, of_a_round=True)["graph chain"] == pytest.approx(0.1 + 0.5 + 0.4)
    assert lanes(_HISTORY[:3], of_a_round=True)["graph chain"] == pytest.approx(0.1 + 0.2)


def test_calls_of_no_round_need_nothing() -> None:
    assert lanes(_HISTORY)["graph chain"] == pytest.approx(0.5)
    assert lanes(_HISTORY)["reports"] == pytest.approx(0.2)


def test_a_limit_begins_with_the_first_call_that_can_be_asked() -> None:
    assert lanes(_HISTORY * 2, of_a_round=True)["reports"] == pytest.approx(0.1 + 10.0 + 0.2)
    calls = [*_HISTORY[:2], *[_exchange("Get-Mailbox", 0.8)] * 8]
    assert lanes(calls, of_a_round=True)["exchange"] == pytest.approx(0.1 + 1.6)
    assert lanes(calls, of_a_round=True)["exchange chain"] == pytest.approx(0.1 + 0.8)


def test_a_call_of_which_nothing_is_known_is_asked_at_once() -> None:
    calls = [_graph("/users/u", 0.3), _graph("/users/u/mailboxSettings", 0.5), _graph("/groups/g", 0.1)]
    found = lanes(calls, of_a_round=True)
    assert found["graph chain"] == pytest.approx(0.5)
    assert found["identity"] == pytest.approx(0.1)


def test_in_a_round_a_query_is_asked_for_when_there_is_none_of_the_round_yet() -> None:
    calls = [_graph("/users/u", 0.1), _graph(_QUERIES, 0.2), _graph(_QUERIES, 0.3, method="POST")]
    calls += [_graph(f"{_QUERIES}/q", 0.1), _graph(f"{_QUERIES}/q/records", 0.2)]
    found = lanes(calls, seconds_of_a_query=4.0, of_a_round=True)
    assert found["audit query"] == pytest.approx(0.1 + 0.2 + 0.3 + 4.0 + 0.1 + 0.2)


def test_files_are_searched_when_the_drive_is_known() -> None:
    calls = [_graph("/users/u", 0.1), _graph("/users/u/drive", 0.2), _graph("/drives/d/root/search(q='x')", 0.3)]
    assert lanes(calls, of_a_round=True)["graph chain"] == pytest.approx(0.6)


def test_a_call_that_was_refused_as_too_many_makes_no_bound_longer() -> None:
    refused = replace(_graph("/auditLogs/signIns", 0.2), status=429)
    assert lanes([_graph("/auditLogs/signIns")] * 5 + [refused])["reports"] == pytest.approx(0.2)
