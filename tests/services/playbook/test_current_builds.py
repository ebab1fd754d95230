"""What is current is judged by a list with a date, and a list that is old or does not know says so."""

from __future__ import annotations

import json
from datetime import date

import pytest

from services.playbook.current_builds import FILE, Builds, builds_on
from services.playbook.step import Severity

LISTS = {
    "windows": {
        "as_of": "2026-11-10",
        "builds": {
            "22631": {"name": "Windows 11 23H2", "ends": "2026-11-10", "security_updates": {"2026-11-10": 7711}},
            "26100": {
                "name": "Windows 11 24H2",
                "ends": "2027-10-12",
                "security_updates": {"2026-10-13": 9711, "2026-11-10": 9974},
            },
            "26300": {"name": "Windows 11 26H2", "ends": None, "security_updates": {"2026-11-10": 9974}},
        },
    },
    "office": {
        "as_of": "2026-09-22",
        "newest": {"name": "Version 2609", "build": [20430, 20092]},
        "oldest_supported": {"name": "Version 2602", "build": 19725},
    },
    "apple_mobile": {"as_of": "2026-09-28", "newest": {"27": "27.0.1", "26": "26.7.1"}},
}
TODAY = date(2026, 11, 30)
BUILDS = Builds(LISTS, TODAY)
APPS = "Microsoft 365 Apps for enterprise - en-us"


@pytest.mark.parametrize(
    ("version", "severity", "known", "words"),
    [
        ("10.0.26100.9974", Severity.NOTE, True, "has the security updates of 10 Nov 2026"),
        ("10.0.26100.10001", Severity.NOTE, True, "has the security updates"),
        ("10.0.26100.9800", Severity.NOTE, True, "lacks the security updates of 10 Nov 2026"),
        ("10.0.26100.4652", Severity.WARNING, True, "lacks the security updates of 13 Oct 2026 and later"),
        ("10.0.26300.9457", Severity.WARNING, True, "Windows 11 26H2"),
        ("10.0.22631.7711", Severity.WARNING, True, "ended on 10 Nov 2026"),
        ("10.0.19044.1", Severity.WARNING, True, "gets no updates"),
        ("10.0.27000.1", Severity.WARNING, False, "newer than what IRBot knows"),
        ("10.0.26100", Severity.WARNING, False, "newest update is not known"),
        ("", Severity.WARNING, False, "not known"),
        ("6.1.7601", Severity.WARNING, False, "not known"),
    ],
)
def test_windows_is_as_current_as_its_newest_security_update(
    version: str, severity: Severity, known: bool, words: str
) -> None:
    verdict = BUILDS.windows(version)
    assert (verdict.severity, verdict.known) == (severity, known)
    assert words in verdict.words


@pytest.mark.parametrize(
    ("name", "version", "severity", "words"),
    [
        (APPS, "16.0.20430.20092", Severity.NOTE, "is current"),
        (APPS, "16.0.20528.20000", Severity.NOTE, "is current"),
        (APPS, "16.0.20430.20032", Severity.NOTE, "its update channel is a slower one"),
        (APPS, "16.0.19725.20126", Severity.NOTE, "its update channel is a slower one"),
        (APPS, "16.0.19328.20158", Severity.WARNING, "older than Version 2602"),
        (APPS, "?", Severity.WARNING, "not known"),
        ("Microsoft Office Professional Plus 2019 - en-us", "16.0.10417.20100", Severity.WARNING, "ended"),
    ],
)
def test_office_is_held_against_its_newest_and_its_oldest_supported_version(
    name: str, version: str, severity: Severity, words: str
) -> None:
    verdict = BUILDS.office(name, version)
    assert verdict is not None
    assert verdict.severity is severity
    assert words in verdict.words


def test_what_is_not_office_is_not_judged() -> None:
    assert BUILDS.office("7-Zip", "25.01") is None


@pytest.mark.parametrize(
    ("version", "severity", "known"),
    [
        ("27.0.1", Severity.NOTE, True),
        ("26.7", Severity.WARNING, True),
        ("17.7.2", Severity.WARNING, True),
        ("28.0", Severity.WARNING, False),
        ("beta", Severity.WARNING, False),
    ],
)
def test_an_iphone_is_held_against_the_newest_of_its_own_version(version: str, severity: Severity, known: bool) -> None:
    verdict = BUILDS.apple_mobile(version)
    assert (verdict.severity, verdict.known) == (severity, known)


@pytest.mark.parametrize(
    ("patch", "severity", "known"),
    [
        ("2026-10-05", Severity.NOTE, True),
        ("2026-05-05", Severity.WARNING, True),
        ("", Severity.WARNING, False),
    ],
)
def test_an_android_phone_tells_the_age_of_its_updates_itself(patch: str, severity: Severity, known: bool) -> None:
    verdict = BUILDS.android(patch)
    assert (verdict.severity, verdict.known) == (severity, known)


def test_a_list_says_as_of_when_it_holds_and_when_it_has_become_old() -> None:
    words = BUILDS.dates(["windows", "office"])
    assert "Windows as of 10 Nov 2026" in words
    assert "more than 60 days ago for Office" in words
    fresh = Builds(LISTS, date(2026, 11, 11)).dates(["windows"])
    assert "days ago" not in fresh
    assert BUILDS.dates([]) == ""


def test_the_file_that_ships_can_be_read_and_every_list_in_it_has_a_date() -> None:
    lists = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(lists) == set(LISTS)
    builds = builds_on(date.today())  # noqa: DTZ011  # any day does
    for kind in lists:
        assert builds.as_of(kind) >= date(2026, 9, 1)
    for build, known in lists["windows"]["builds"].items():
        newest = max(known["security_updates"].values())
        assert known["name"] in builds.windows(f"10.0.{build}.{newest}").words
    assert builds.office(APPS, "16.0.{}.{}".format(*lists["office"]["newest"]["build"]))
    for version in lists["apple_mobile"]["newest"].values():
        assert builds.apple_mobile(version).severity is Severity.NOTE
