"""The record as JSON, exact, and as CSV, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from services.incidents.report import words
from services.incidents.report.case import Case
from services.incidents.report.page import visible
from services.incidents.report.pictures import log_of
from services.playbook.step import Plan

# What a spreadsheet takes for a formula, at the start of a cell or after what another locale takes for its end.
_FORMULA = re.compile(r"(^|[;,|\t\r\n\"'])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20\u2212])")

Json = dict[str, Any]


def stamp(at: datetime | None) -> str | None:
    """ISO-8601 in UTC, to the microsecond: what the hash of a line is made of."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_json(value: object) -> bytes:
    """Readable JSON, in ASCII whatever is in it."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def timeline_json(case: Case) -> Json:
    """The chain, whole: `check` recomputes it from this alone."""
    entries = [asdict(entry) | {"at": stamp(entry.at), "data": dict(entry.data)} for entry in case.entries]
    return {"incident_id": case.incident.id, "label": case.incident.label, "entries": entries}


def findings_json(case: Case) -> list[Json]:
    """Every finding with its reasons and data."""
    return [
        {
            "step": found.step_id,
            "key": found.finding.key,
            "severity": found.finding.severity.value,
            "title": found.finding.title,
            "reasons": list(found.finding.reasons),
            "at": stamp(found.finding.at),
            "data": dict(found.finding.data),
            "resolved_at": stamp(found.resolved_at),
        }
        for found in case.findings
    ]


def steps_json(case: Case) -> Json:
    """Where each step stands, and every run with what came of each item."""
    return {
        "steps": [asdict(each) | {"at": stamp(each.at), "checked": each.looked} for each in case.standings()],
        "runs": [
            {
                "id": record.run.id,
                "step": record.run.step_id,
                "kind": record.run.kind.value,
                "state": record.run.state.value,
                "reason": record.run.reason,
                "who": {"id": record.run.actor.object_id, "name": record.run.actor.name},
                "started_at": stamp(record.run.started_at),
                "finished_at": stamp(record.run.finished_at),
                "planned": _changes(record.run.plan),
                "effects": [
                    {"item": effect.item, "state": effect.state.value, "what": effect.change.what}
                    for effect in record.effects
                ],
            }
            for record in case.records
        ],
    }


def approvals_json(case: Case) -> list[Json]:
    """Who asked for and who decided what, with the digest that the timeline names."""
    return [
        {
            "id": approval.id,
            "kind": approval.kind.value,
            "target_id": approval.target_id,
            "rule": approval.rule.value,
            "state": approval.state.value,
            "digest": approval.digest,
            "requester": {"id": approval.requester.object_id, "name": approval.requester.name},
            "created_at": stamp(approval.created_at),
            "expires_at": stamp(approval.expires_at),
            "decided_by": approval.decided_by
            and {"id": approval.decided_by.object_id, "name": approval.decided_by.name},
            "decided_at": stamp(approval.decided_at),
            "reason": approval.reason,
            "changes": {step_id: _changes(plan) for step_id, plan in approval.plans.items()},
        }
        for approval in case.approvals
    ]


def _changes(plan: Plan) -> list[Json]:
    """What would change; what undo needs besides is not for paper."""
    return [
        {"item": change.item, "what": change.what, "before": change.before, "after": change.after}
        for change in plan.changes
    ]


def csv_files(case: Case) -> Mapping[str, bytes]:
    """The tables by file name; the sign-ins only where there is evidence of them."""
    files = {
        "tables/timeline.csv": as_csv(
            ("line", "at", "who", "who_id", "event", "what", "hash"),
            (
                (e.seq, stamp(e.at), case.name_of(e.actor_id), e.actor_id, e.event, words.event(e), e.hash)
                for e in case.entries
            ),
        ),
        "tables/findings.csv": as_csv(
            ("weight", "title", "reasons", "at", "check", "resolved_at"),
            (
                (
                    words.SEVERITIES[found.finding.severity],
                    found.finding.title,
                    " / ".join(found.finding.reasons),
                    stamp(found.finding.at),
                    found.step_id,
                    stamp(found.resolved_at),
                )
                for found in case.findings
            ),
        ),
        "tables/steps.csv": as_csv(
            ("step", "title", "state", "reason", "who", "at"),
            (
                (each.step_id, each.title, words.state(each.state), each.reason, each.who, stamp(each.at))
                for each in case.standings()
            ),
        ),
        "tables/evidence.csv": as_csv(
            ("check", "name", "kept_at", "sha256", "problem"),
            ((piece.step_id, piece.name, stamp(piece.at), piece.sha256, piece.problem) for piece in case.evidence),
        ),
    }
    log = log_of(case)
    if log is not None:
        files["tables/sign-ins.csv"] = as_csv(
            ("at", "place", "address", "app", "device", "by_hand", "error_code", "suspicious_address"),
            ((stamp(e.at), e.place, e.ip, e.app, e.device, e.by_hand, e.error_code, e.suspect) for e in log.entries),
        )
    return files


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV with every cell quoted and no cell that a spreadsheet would run. The JSON files have the exact text."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode()  # the mark by which spreadsheets know UTF-8


def harmless(cell: object) -> str:
    """A cell as text: an apostrophe before what would be a formula, on one line, with nothing hidden in it."""
    text = "" if cell is None else " ".join(visible(str(cell)).split())
    return _FORMULA.sub(r"\1\2'", text)
