"""A case with everything in it, each of whose texts a test may choose, without a database."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.approvals import Approval, ApprovalState, PlanKind
from services.channel import Actor
from services.incidents.model import Incident, IncidentState, Phase, Subject
from services.incidents.report.bundle import write_bundle
from services.incidents.report.case import Case, Piece, Record
from services.incidents.timeline import _FIRST, AuditTag, Entry, _digest
from services.playbook.ledger import Effect, EffectState, Found, Run, RunKind
from services.playbook.step import Change, Finding, Outcome, Plan, Rule, Severity, State
from tests.services.fakes import CHANNEL, NOW

INCIDENT = "11111111-1111-4111-8111-111111111111"


def chain(*lines: tuple[AuditTag, dict[str, Any]]) -> tuple[Entry, ...]:
    """A timeline as the store writes it."""
    entries: list[Entry] = []
    for seq, (event, data) in enumerate(lines, start=1):
        at, previous = NOW + timedelta(seconds=seq), entries[-1].hash if entries else _FIRST
        digest = _digest(INCIDENT, seq, at, event.value, "alex", data, previous)
        entries.append(Entry(seq, at, event.value, "alex", data, previous, digest))
    return tuple(entries)


def sign_ins(text: str = "Oslo", many: int = 6) -> dict[str, Any]:
    """The evidence of a review of sign-ins, as the step writes it."""
    entries = [
        {
            "id": str(number),
            "at": (NOW - timedelta(hours=7 * number)).isoformat(),
            "ip": "203.0.113.9" if number % 3 == 0 else "198.51.100.1",
            "city": text if number % 3 == 0 else "Seattle",
            "country": "NO" if number % 3 == 0 else "US",
            "app": text,
            "device": text,
            "operating_system": "Windows",
            "interactive": number % 2 == 0,
            "error_code": 50126 if number % 5 == 4 else 0,
        }
        for number in range(many)
    ]
    return {"entries": entries, "complete": False, "trusted networks": [], "risk detections": []}


def case(text: str = "Megan", *, lines: int = 0, evidence: bool = True) -> Case:
    """A locked account, and a check that could not look. `text` stands in every field that can be foreign."""
    alex, adele = Actor("alex", text, "29:alex"), Actor("adele", text, "29:adele")
    raw = json.dumps(sign_ins(text)).encode()
    sum_ = hashlib.sha256(raw).hexdigest()
    change = Change(text[:255], text, text, text)
    plan = Plan((change,))
    entries = chain(
        (AuditTag.INCIDENT_OPENED, {"upn": text, "number": 7}),
        (AuditTag.APPROVAL_ASKED, {"kind": "lock", "rule": "confirm", "digest": text}),
        (AuditTag.APPROVAL_VOIDED, {"reason": text}),
        *([(AuditTag.EVIDENCE_KEPT, _kept("sign-ins", sum_, len(raw)))] if evidence else []),
        (AuditTag.EVIDENCE_KEPT, _kept(text, "0" * 64, 12)),
        (AuditTag.EFFECT_ATTEMPTED, {"step": text, "item": text}),
        (AuditTag.STEP_ENDED, {"step": "block-sign-in", "state": "done", "reason": text}),
        *[(AuditTag.STEP_STARTED, {"step": "block-sign-in", "line": line}) for line in range(lines)],
    )
    pieces = [Piece("review-sign-ins", text, NOW, "0" * 64, None, "Deleted: its time was over.")]
    if evidence:
        pieces.insert(0, Piece("review-sign-ins", "sign-ins", NOW, sum_, raw, ""))
    return Case(
        incident=Incident(
            id=INCIDENT,
            number=7,
            subject=Subject(
                "megan", text, text, text, text, text, active_roles=(text,), privileged=True, unknowns=(text,)
            ),
            state=IncidentState.OPEN,
            phase=Phase.LOCK,
            opened_by=alex,
            opened_at=NOW,
            conversation=CHANNEL,
            nonce="the-nonce-of-the-card",
            revision=len(entries),
            plan={},
            investigation={"done": True},
            eviction={},
        ),
        read_at=NOW + timedelta(hours=1),
        entries=entries,
        broken_at=None,
        records=(
            Record(_run("block-sign-in", State.DONE, text, alex, plan), (Effect(text, EffectState.SHOWN, change),)),
            Record(_run("revoke-sessions", State.DONE, text, alex, Plan()), ()),
            Record(_run("scramble-password", State.ALREADY_SO, text, alex, Plan()), ()),
            Record(_run("check-inbox-rules", State.NOT_EVALUATED, text, alex, Plan(), RunKind.READ), ()),
            Record(_run("a-step-of-old", State.FAILED, text, alex, Plan(settled=Outcome(State.FAILED, text))), ()),
        ),
        findings=(
            Found("review-sign-ins", _finding("address:a", Severity.ALARM, text), None),
            Found("check-forwarding", _finding("b", Severity.WARNING, text), NOW),
        ),
        approvals=(
            Approval(
                id="approval",
                incident_id=INCIDENT,
                kind=PlanKind.LOCK,
                target_id="megan",
                plans={"block-sign-in": plan},
                digest="d" * 64,
                rule=Rule.SECOND_PERSON,
                requester=alex,
                nonce="the-nonce-of-the-approval",
                state=ApprovalState.USED,
                created_at=NOW,
                expires_at=NOW + timedelta(minutes=30),
                decided_by=adele,
                decided_at=NOW + timedelta(minutes=1),
                reason=text,
                asked=(text,),
            ),
        ),
        evidence=tuple(pieces),
    )


def bundle(made: Case) -> bytes:
    """The zip of a case."""
    into = io.BytesIO()
    write_bundle(made, into)
    return into.getvalue()


def saved(folder: Path, content: bytes) -> Path:
    """A bundle as a file."""
    file = folder / "bundle.zip"
    file.write_bytes(content)
    return file


def _kept(name: str, sum_: str, size: int) -> dict[str, Any]:
    return {"step": "review-sign-ins", "name": name, "sha256": sum_, "bytes": size}


def _finding(key: str, severity: Severity, text: str) -> Finding:
    return Finding(key, severity, text, (text, text), NOW, {"addresses": ["203.0.113.9"], "what": text})


def _run(step: str, state: State, reason: str, who: Actor, plan: Plan, kind: RunKind = RunKind.APPLY) -> Run:
    return Run(step, INCIDENT, step, kind, f"cause-{step}", state, reason, plan, who, NOW, NOW)
