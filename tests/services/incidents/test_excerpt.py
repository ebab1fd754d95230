from __future__ import annotations

import json

from services.incidents.excerpt import excerpt

SIGN_INS = {
    "entries": [
        {"ip": "198.51.100.20", "city": "Seattle", "app": "Teams", "id": "s1"},
        {"ip": "203.0.113.24", "city": "Lagos", "app": "OfficeHome", "id": "s2", "user_agent": "Mozilla"},
    ],
    "complete": True,
}


def _raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_the_records_that_the_finding_speaks_of_are_shown() -> None:
    lines = excerpt(_raw(SIGN_INS), "address:203.0.113.24", {"addresses": ["203.0.113.24"]})
    assert lines == ("app: OfficeHome; city: Lagos; ip: 203.0.113.24",)


def test_without_such_a_record_the_first_ones_are_shown() -> None:
    assert excerpt(_raw(SIGN_INS), "password", {}) == (
        "complete: True",
        "app: Teams; city: Seattle; ip: 198.51.100.20",
        "app: OfficeHome; city: Lagos; ip: 203.0.113.24",
    )


def test_what_is_not_known_to_be_harmless_is_never_shown() -> None:
    secret = {
        "at": "2026-11-01T08:00:00Z",
        "subject": "Invoice",
        "body": "Dear Ann",
        "password": "Winter2026",
        "name": "hide the replies",
        "data": {"Item": {"Subject": "Invoice"}},
    }
    assert excerpt(_raw([secret]), "rule:1", {"subject": "Invoice"}) == ("at: 2026-11-01T08:00:00Z",)


def test_an_empty_piece_has_no_lines() -> None:
    assert excerpt(_raw({}), "x", {}) == ()
