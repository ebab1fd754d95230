"""Checks a bundle: every file against the manifest, the timeline against its own chain, evidence against the timeline.

Everything in the file is foreign until it is checked: nothing is unpacked to disk, and sizes have limits.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.incidents.report.bundle import EVIDENCE, FORMAT, MANIFEST, TIMELINE
from services.incidents.timeline import AuditTag, Entry, first_break

_MOST_FILES = 20_000
_LARGEST_RECORD = 256 * 1024 * 1024
_LARGEST_BUNDLE = 8 * 1024 * 1024 * 1024
_CHUNK = 1024 * 1024
_NO_TIMELINE = f"{TIMELINE} cannot be read as a timeline, so its chain could not be checked."


@dataclass(frozen=True)
class Verdict:
    """What a check came to. Without `faults` the bundle is as it was made."""

    label: str
    files: int
    lines: int
    head: str
    fingerprint: str
    faults: tuple[str, ...]


class _Unreadable(Exception):
    """A record has not the shape that it must have. Carries what to say."""


def check_bundle(file: Path, fingerprint: str | None = None) -> Verdict:
    """Checks the file; blocking. `fingerprint` is the SHA-256 that was noted when it was made. Raises OSError."""
    actual = _fingerprint(file)
    faults = []
    if fingerprint is not None and fingerprint.strip().lower() != actual:
        faults.append("The file is not the one whose SHA-256 you gave.")
    try:
        with zipfile.ZipFile(file) as bundle:
            return _Check(bundle, actual, faults).run()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        return Verdict("", 0, 0, "", actual, (*faults, "The file is damaged: it cannot be read as a bundle."))


def _fingerprint(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


class _Check:
    def __init__(self, bundle: zipfile.ZipFile, fingerprint: str, faults: list[str]) -> None:
        self._bundle = bundle
        self._fingerprint = fingerprint
        self._faults = faults

    def run(self) -> Verdict:
        manifest: Mapping[str, Any] = {}
        entries: tuple[Entry, ...] = ()
        try:
            self._sizes()
            manifest = self._manifest()
            sums = self._sums(manifest)
            entries = self._timeline(manifest)
            self._evidence(entries, sums)
        except _Unreadable as problem:
            self._faults.append(str(problem))
        return Verdict(
            label=str(manifest.get("label", "")),
            files=len(self._bundle.namelist()),
            lines=len(entries),
            head=entries[-1].hash if entries else "",
            fingerprint=self._fingerprint,
            faults=tuple(self._faults),
        )

    def _sizes(self) -> None:
        found = self._bundle.infolist()
        if len(found) > _MOST_FILES or sum(entry.file_size for entry in found) > _LARGEST_BUNDLE:
            raise _Unreadable("The bundle is larger than any that IRBot makes.")
        for name, number in Counter(self._bundle.namelist()).items():
            if number > 1:
                self._faults.append(f"{name} is in the bundle {number} times.")

    def _manifest(self) -> Mapping[str, Any]:
        manifest = self._record(MANIFEST)
        chain = manifest.get("timeline") if isinstance(manifest, Mapping) else None
        if (
            not isinstance(manifest, Mapping)
            or manifest.get("format") != FORMAT
            or not isinstance(manifest.get("files"), Mapping)
            or not isinstance(chain, Mapping)
        ):
            raise _Unreadable(f"{MANIFEST} was changed: it has not the form that IRBot gives it.")
        return manifest

    def _sums(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """The sum of each file as it is, compared with the manifest's."""
        promised: Mapping[str, Any] = manifest["files"]
        there = set(self._bundle.namelist())
        for name in sorted(there - set(promised) - {MANIFEST}):
            self._faults.append(f"{name} was put in: the manifest does not know it.")
        sums: dict[str, str] = {}
        for name, promise in sorted(promised.items()):
            if name not in there:
                self._faults.append(f"{name} is missing.")
                continue
            found = self._sum(name)
            if found is None:
                self._faults.append(f"{name} is damaged and cannot be read.")
                continue
            sums[name] = found
            if not isinstance(promise, Mapping) or promise.get("sha256") != found:
                self._faults.append(f"{name} was changed.")
        return sums

    def _sum(self, name: str) -> str | None:
        digest = hashlib.sha256()
        try:
            with self._bundle.open(name) as content:
                while chunk := content.read(_CHUNK):
                    digest.update(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
            return None
        return digest.hexdigest()

    def _timeline(self, manifest: Mapping[str, Any]) -> tuple[Entry, ...]:
        incident_id, entries = _entries(self._record(TIMELINE))
        chain = manifest["timeline"]
        lines = chain.get("lines")
        if incident_id != manifest.get("incident_id"):
            self._faults.append("The manifest and the timeline are of different incidents.")
        broken = first_break(incident_id, entries, lines if isinstance(lines, int) else 0)
        if broken is not None:
            self._faults.append(f"{TIMELINE}: from line {broken} on, lines were changed, removed or put in.")
        if chain.get("head") != (entries[-1].hash if entries else ""):
            self._faults.append("The manifest names another end of the timeline than the timeline has.")
        return entries

    def _evidence(self, entries: tuple[Entry, ...], sums: Mapping[str, str]) -> None:
        kept = {str(entry.data.get("sha256")) for entry in entries if entry.event == AuditTag.EVIDENCE_KEPT}
        for name, found in sums.items():
            if name.startswith(EVIDENCE) and found not in kept:
                self._faults.append(f"{name} is not what the timeline says was kept.")

    def _record(self, name: str) -> Any:
        try:
            if self._bundle.getinfo(name).file_size > _LARGEST_RECORD:
                raise _Unreadable(f"{name} is larger than any that IRBot makes.")
            with self._bundle.open(name) as content:
                raw = content.read(_LARGEST_RECORD)
            return json.loads(raw, object_pairs_hook=_once)
        except KeyError as error:
            raise _Unreadable(f"{name} is missing.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise _Unreadable(f"{name} is damaged and cannot be read.") from error
        except (ValueError, RecursionError) as error:
            raise _Unreadable(f"{name} was changed: it cannot be read.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice would mean one thing to us and another to somebody else."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice")
    return value


def _entries(record: Any) -> tuple[str, tuple[Entry, ...]]:
    try:
        entries = tuple(_entry(line) for line in record["entries"])
        incident_id = record["incident_id"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _Unreadable(_NO_TIMELINE) from error
    if not isinstance(incident_id, str):
        raise _Unreadable(_NO_TIMELINE)
    return incident_id, entries


def _entry(line: Mapping[str, Any]) -> Entry:
    at = datetime.fromisoformat(line["at"])
    texts = [line[name] for name in ("event", "actor_id", "previous_hash", "hash")]
    if at.tzinfo is None or type(line["seq"]) is not int or not all(isinstance(text, str) for text in texts):
        raise ValueError("not a line of a timeline")
    if not isinstance(line["data"], Mapping):
        raise TypeError("not a line of a timeline")
    return Entry(
        at=at,
        seq=line["seq"],
        data=line["data"],
        **dict(zip(("event", "actor_id", "previous_hash", "hash"), texts, strict=True)),
    )
