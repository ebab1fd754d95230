"""The record of requests."""

from __future__ import annotations

from datetime import UTC, datetime

from simulator.journal import REMOVED, Journal, redact

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_it_keeps_the_newest_and_goes_on_counting() -> None:
    journal = Journal(limit=2)
    for name in ("/a", "/b", "/c"):
        journal.open("graph", "GET", name, {}, None, NOW, NOW)
    assert [(entry.number, entry.path) for entry in journal] == [(2, "/b"), (3, "/c")]
    journal.clear()
    assert len(journal) == 0
    assert journal.open("graph", "GET", "/d", {}, None, NOW, NOW).number == 4


def test_entries_are_found_by_service_method_and_path() -> None:
    journal = Journal()
    journal.open("graph", "GET", "/users/a", {}, None, NOW, NOW)
    journal.open("graph", "PATCH", "/users/a", {}, None, NOW, NOW).carried_out = True
    journal.open("login", "POST", "/token", {}, None, NOW, NOW)
    assert [entry.method for entry in journal.entries(service="graph")] == ["GET", "PATCH"]
    assert len(journal.entries(method="POST")) == 1
    assert len(journal.entries(path="^/users/")) == 2
    assert [entry.number for entry in journal.entries(carried_out=True)] == [2]


def test_redaction_keeps_everything_else() -> None:
    assert redact({"Password": "x", "a": [1, {"token": "t"}], "b": None, "password": None}) == {
        "Password": REMOVED,
        "a": [1, {"token": REMOVED}],
        "b": None,
        "password": None,
    }
    assert redact("bearer aaa.bbb-ccc") == f"Bearer {REMOVED}"
    assert redact(7) == 7
