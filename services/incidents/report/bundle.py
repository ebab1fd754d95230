"""The bundle: both reports, the record and the evidence in one zip, with a manifest that names each file's SHA-256."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC
from typing import BinaryIO

from services.incidents.report.case import Case
from services.incidents.report.pdf import as_pdf
from services.incidents.report.plain import plain_report
from services.incidents.report.tables import (
    approvals_json,
    as_json,
    csv_files,
    findings_json,
    stamp,
    steps_json,
    timeline_json,
)
from services.incidents.report.technical import technical_report

FORMAT = 1
MANIFEST, TIMELINE = "manifest.json", "timeline.json"
EVIDENCE = "evidence/"


def write_bundle(case: Case, into: BinaryIO) -> None:
    """Writes the zip. The same case gives the same bytes. Evidence is readable in it: guard the file."""
    moment = case.read_at.astimezone(UTC).timetuple()[:6]
    sums: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as bundle:

        def put(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            bundle.writestr(entry, content)

        for name, content in _files(case):
            sums[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            put(name, content)
        put(MANIFEST, as_json(_manifest(case, sums)))


def _files(case: Case) -> Iterator[tuple[str, bytes]]:
    for name, page in (("technical-report", technical_report(case)), ("plain-report", plain_report(case))):
        yield f"{name}.html", page
        yield f"{name}.pdf", as_pdf(page)
    yield TIMELINE, as_json(timeline_json(case))
    yield "findings.json", as_json(findings_json(case))
    yield "steps.json", as_json(steps_json(case))
    yield "approvals.json", as_json(approvals_json(case))
    yield from csv_files(case).items()
    for number, piece in enumerate(case.evidence, start=1):
        if piece.raw is not None:
            yield f"{EVIDENCE}{number:04d}-{_slug(piece.step_id)}-{_slug(piece.name)}.json", piece.raw


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "unnamed"


def _manifest(case: Case, sums: dict[str, dict[str, object]]) -> dict[str, object]:
    return {
        "format": FORMAT,
        "incident_id": case.incident.id,
        "label": case.incident.label,
        "made_at": stamp(case.read_at),
        "timeline": {"lines": len(case.entries), "head": case.head},
        "missing_evidence": [
            {"step": piece.step_id, "name": piece.name, "sha256": piece.sha256, "why": piece.problem}
            for piece in case.evidence
            if piece.problem
        ],
        "files": sums,
    }
