"""Exchange's names of time zones are understood, and so are everybody else's."""

from __future__ import annotations

import pytest

from services.blasts.zones import _WINDOWS, iana


def test_every_windows_zone_exists() -> None:
    assert [name for name in _WINDOWS if iana(name) is None] == []


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        (" Pacific Standard Time ", "America/Los_Angeles"),
        ("Europe/Madrid", "Europe/Madrid"),
        ("UTC", "Etc/UTC"),
        ("Middle-earth Standard Time", None),
        ("", None),
    ],
)
def test_a_name_is_read(name: str, zone: str | None) -> None:
    assert iana(name) == zone
