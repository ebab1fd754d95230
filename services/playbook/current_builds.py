"""What is current for Windows, Office, iPhones and Android, and how far behind a device is.

Microsoft and Apple offer no service that an app may ask. So the answers lie in a file with dates: every judgement says
as of when it holds, and a list that has become old says that too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from services.playbook.step import Severity

FILE = Path(__file__).parent / "data" / "current_builds.json"

_OLD_DAYS = 60
_ANDROID_OLD_DAYS = 90
_WINDOWS = re.compile(r"10\.0\.(\d+)(?:\.(\d+))?")
_OFFICE = re.compile(r"16\.0\.(\d+)\.(\d+)")
_FIXED_OFFICE = re.compile(r"Microsoft Office .*\b(2010|2013|2016|2019)\b")
_OFFICE_ENDED = date(2025, 10, 14)


@dataclass(frozen=True)
class Verdict:
    """How far behind something is. `known` is false where nobody can tell from here."""

    words: str
    severity: Severity = Severity.NOTE
    known: bool = True


@dataclass(frozen=True)
class Builds:
    """The lists of the file, on one day."""

    lists: Mapping[str, Any]
    today: date

    def as_of(self, kind: str) -> date:
        """The day for which a list holds."""
        return date.fromisoformat(self.lists[kind]["as_of"])

    def dates(self, kinds: Sequence[str]) -> str:
        """As of when the lists that were used hold, and whether one of them is old."""
        if not kinds:
            return ""
        named = ", ".join(f"{_NAMES[kind]} as of {_day(self.as_of(kind))}" for kind in kinds)
        old = [_NAMES[kind] for kind in kinds if (self.today - self.as_of(kind)).days > _OLD_DAYS]
        words = f"Compared with what was current for {named}."
        if old:
            words += f" That is more than {_OLD_DAYS} days ago for {', '.join(old)}, so newer updates are not in it."
        return words

    def windows(self, version: str) -> Verdict:
        """A Windows version such as 10.0.26100.4652."""
        match = _WINDOWS.fullmatch(version)
        if match is None:
            return _untold("Its version of Windows is not known")
        builds, build = self.lists["windows"]["builds"], match.group(1)
        if build not in builds:
            return self._unlisted_windows(int(build), version)
        known = builds[build]
        name = f"{known['name']} ({version})"
        if known["ends"] is not None and date.fromisoformat(known["ends"]) <= self.today:
            ended = _day(date.fromisoformat(known["ends"]))
            return Verdict(
                f"{name}: Microsoft's updates ended on {ended}, except where they are bought", Severity.WARNING
            )
        if match.group(2) is None:
            return _untold(f"{name}: its newest update is not known")
        revision, updates = int(match.group(2)), known["security_updates"]
        missing = [day for day, fixed in updates.items() if revision < fixed]
        if not missing:
            return Verdict(f"{name} has the security updates of {_day(date.fromisoformat(max(updates)))}")
        severity = Severity.WARNING if len(missing) == len(updates) and len(updates) > 1 else Severity.NOTE
        if len(updates) == 1:
            severity = Severity.WARNING
        first = _day(date.fromisoformat(min(missing)))
        return Verdict(f"{name} lacks the security updates of {first} and later", severity)

    def _unlisted_windows(self, build: int, version: str) -> Verdict:
        listed = sorted(int(each) for each in self.lists["windows"]["builds"])
        if build < listed[-1]:
            return Verdict(f"Windows {version} gets no updates from Microsoft any more", Severity.WARNING)
        return _untold(f"Windows {version} is newer than what IRBot knows")

    def office(self, name: str, version: str) -> Verdict | None:
        """An installed app; None where it is not Office."""
        fixed = _FIXED_OFFICE.match(name)
        if fixed is not None:
            words = f"{name}: Microsoft's updates ended on {_day(_OFFICE_ENDED)} at the latest"
            return Verdict(words, Severity.WARNING)
        if not name.startswith("Microsoft 365 Apps"):
            return None
        match = _OFFICE.fullmatch(version)
        if match is None:
            return _untold(f"{name}: its version is not known")
        build, revision = int(match.group(1)), int(match.group(2))
        office = self.lists["office"]
        newest_build, newest_revision = office["newest"]["build"]
        shown = f"{name} ({version})"
        if build < office["oldest_supported"]["build"]:
            oldest = office["oldest_supported"]["name"]
            return Verdict(f"{shown} is older than {oldest}, the oldest that gets security updates", Severity.WARNING)
        if (build, revision) >= (newest_build, newest_revision):
            return Verdict(f"{shown} is current")
        newest = office["newest"]["name"]
        return Verdict(f"{shown} is older than {newest}: current only if its update channel is a slower one")

    def apple_mobile(self, version: str) -> Verdict:
        """An iOS or iPadOS version such as 26.7.1."""
        newest: Mapping[str, str] = self.lists["apple_mobile"]["newest"]
        numbers = _numbers(version)
        if not numbers:
            return _untold("Its version is not known")
        current = newest.get(str(numbers[0]))
        if current is None and numbers[0] > max(int(each) for each in newest):
            return _untold(f"Version {version} is newer than what IRBot knows")
        if current is None:
            return Verdict(f"Version {version} gets no security updates any more", Severity.WARNING)
        if numbers < _numbers(current):
            return Verdict(f"Version {version} lacks security updates up to {current}", Severity.WARNING)
        return Verdict(f"Version {version} has the security updates of {current}")

    def android(self, patch: str) -> Verdict:
        """The month of an Android phone's security updates, such as 2026-09-01."""
        try:
            day = date.fromisoformat(patch)
        except ValueError:
            return _untold("Its security updates are not known")
        if (self.today - day).days > _ANDROID_OLD_DAYS:
            return Verdict(f"Its security updates are of {_day(day)}, more than three months ago", Severity.WARNING)
        return Verdict(f"Its security updates are of {_day(day)}")


_NAMES = {"windows": "Windows", "office": "Office", "apple_mobile": "iPhones and iPads"}


@cache
def _lists() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def builds_on(today: date) -> Builds:
    """What the file says, as a judge would read it on this day."""
    return Builds(_lists(), today)


def _untold(words: str) -> Verdict:
    return Verdict(words, Severity.WARNING, known=False)


def _day(day: date) -> str:
    return f"{day:%d %b %Y}"


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()
