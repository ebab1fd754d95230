"""Everything that is known of one incident, read in one transaction: what the reports and the bundle are made of."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services import approvals
from services.approvals import Approval, plans_from_json
from services.database import tables
from services.errors import Conflict
from services.incidents import timeline
from services.incidents.model import LATER, Incident
from services.incidents.timeline import SYSTEM, AuditTag, Entry, first_break
from services.incidents.verdict import Verdict, verdict_of
from services.playbook import ENTRY_BY_ID, PLAYBOOK, STEPS, TASKS
from services.playbook.ledger import Effect, Found, Run, RunKind, effects_of, findings_of, runs_of
from services.playbook.step import Plan, Risk, State, Step
from services.tasks import Task, TaskState, tasks_of
from services.vault import Vault

NOT_RUN, PLANNED = "not-run", "planned"

_GONE = "Deleted: its time was over. Its hash stays in the timeline."
_UNREADABLE = "Could not be decrypted: the key that it was kept under is not here."
_CHANGED = "Not what was kept: its hash is another one than the timeline's."
_STRANGER = "The timeline does not know it."
# A check with one of these states has looked.
_LOOKED = frozenset({State.DONE.value, State.ALREADY_SO.value})


@dataclass(frozen=True)
class Piece:
    """One piece of evidence. Without `raw` it is not there any more, or cannot be read; `problem` says why."""

    step_id: str
    name: str
    at: datetime
    sha256: str
    raw: bytes | None
    problem: str


@dataclass(frozen=True)
class Record:
    """One run of a step with its effects."""

    run: Run
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Standing:
    """Where a step stands. `state` is a playbook state, "planned" or "not-run"."""

    step_id: str
    title: str
    state: str
    reason: str
    reads_only: bool
    who: str | None = None
    at: datetime | None = None

    @property
    def looked(self) -> bool:
        """Whether a check has really looked; true of a step that checks nothing unless it says the opposite."""
        if self.state == State.NOT_EVALUATED:
            return False
        return not self.reads_only or self.state in _LOOKED


@dataclass(frozen=True)
class Case:
    """One incident as it was at `read_at`. `broken_at` is the first line of its timeline that is not as it was."""

    incident: Incident
    read_at: datetime
    entries: tuple[Entry, ...]
    broken_at: int | None
    records: tuple[Record, ...]
    findings: tuple[Found, ...]
    approvals: tuple[Approval, ...]
    evidence: tuple[Piece, ...]
    tasks: tuple[Task, ...] = ()

    @property
    def head(self) -> str:
        """The hash at the end of the timeline's chain, which stands for all of it."""
        return self.entries[-1].hash if self.entries else ""

    def name_of(self, object_id: str) -> str:
        """The name of somebody who acted, as it was then; the object id where none is known."""
        return self._names().get(object_id, object_id)

    def _names(self) -> Mapping[str, str]:
        actors = [self.incident.opened_by, *(record.run.actor for record in self.records)]
        for approval in self.approvals:
            actors += [approval.requester, *([approval.decided_by] if approval.decided_by else [])]
        return {SYSTEM: "IRBot", **{actor.object_id: actor.name for actor in actors if actor.name}}

    def verdict(self) -> Verdict:
        """What happened, by the same rules as on the card."""
        effects = {record.run.id: record.effects for record in self.records}
        runs = [record.run for record in self.records]
        return verdict_of(self.incident, STEPS, runs, self.findings, effects, self.tasks)

    def standings(self) -> tuple[Standing, ...]:
        """Every step of the playbook and where it stands, what people did by hand, and whatever else was run."""
        latest = {record.run.step_id: record.run for record in self.records}
        proposed = {
            **plans_from_json(self.incident.eviction.get("steps", {})),
            **plans_from_json(self.incident.plan.get("steps", {})),
        }
        known, human = {entry.id for entry in PLAYBOOK}, {entry.id for entry in TASKS}
        return (
            *(
                _standing(step.id, step.title, step.risk is Risk.READ, latest.get(step.id), proposed.get(step.id))
                for step in STEPS
            ),
            *(
                _standing(entry.id, entry.title, False, latest.get(entry.id), None)
                for entry in PLAYBOOK
                if not isinstance(entry, Step)
            ),
            *(_by_hand(task) for task in self.tasks if task.step_id not in human),
            *(
                _standing(step_id, step_id, run.kind is RunKind.READ, run, None)
                for step_id, run in latest.items()
                if step_id not in known
            ),
        )

    def not_checked(self) -> tuple[tuple[str, str], ...]:
        """What nobody could look at: its title and why."""
        unread = [(one.title, one.reason) for one in self.standings() if not one.looked and not _not_begun(one)]
        return (*unread, *(("About the account", unknown) for unknown in self.incident.subject.unknowns))


def _not_begun(standing: Standing) -> bool:
    """A check of a later phase that nobody asked for yet is no gap of the investigation."""
    entry = ENTRY_BY_ID.get(standing.step_id)
    return standing.state == NOT_RUN and entry is not None and entry.phase in LATER


def _by_hand(task: Task) -> Standing:
    """What a step, or an advice, left to people."""
    states = {TaskState.DONE: State.DONE.value, TaskState.WAIVED: State.SKIPPED.value, TaskState.OPEN: PLANNED}
    reason = task.note or (" ".join(task.instructions) if task.state is TaskState.OPEN else "")
    who = task.done_by.name if task.done_by else None
    return Standing(task.key, f"By hand: {task.title}", states[task.state], reason, False, who, task.done_at)


def _standing(step_id: str, title: str, reads_only: bool, run: Run | None, plan: Plan | None) -> Standing:
    if run is not None:
        who = None if run.kind is RunKind.READ else run.actor.name
        return Standing(step_id, title, run.state.value, run.reason, reads_only, who, run.finished_at or run.started_at)
    if plan is not None and plan.settled is not None:
        return Standing(step_id, title, plan.settled.state.value, plan.settled.reason, reads_only)
    if plan is not None and plan.changes:
        return Standing(step_id, title, PLANNED, "Proposed, and not run.", reads_only)
    return Standing(step_id, title, NOT_RUN, "It was not run.", reads_only)


async def read_case(connection: AsyncConnection, vault: Vault | None, incident: Incident, now: datetime) -> Case:
    """Reads all of an incident. Without a vault, evidence is listed and cannot be opened."""
    entries = await timeline.read(connection, incident.id)
    runs = await runs_of(connection, incident.id)
    rows = await connection.execute(
        sa.select(tables.evidence).where(tables.evidence.c.incident_id == incident.id).order_by(tables.evidence.c.at)
    )
    kept = list(rows)
    return Case(
        incident=incident,
        read_at=now,
        entries=entries,
        broken_at=first_break(incident.id, entries, incident.revision),
        records=tuple([Record(run, await effects_of(connection, run.id)) for run in runs]),
        findings=await findings_of(connection, incident.id),
        approvals=await _approvals_of(connection, incident.id),
        evidence=await asyncio.to_thread(_pieces, entries, kept, vault),
        tasks=await tasks_of(connection, incident.id),
    )


async def _approvals_of(connection: AsyncConnection, incident_id: str) -> tuple[Approval, ...]:
    """In the order in which they were asked for."""
    table = tables.approvals.c
    ids = await connection.execute(
        sa.select(table.id).where(table.incident_id == incident_id).order_by(table.created_at, table.id)
    )
    return tuple([await approvals.get(connection, approval_id) for approval_id in ids.scalars().all()])


def _pieces(entries: tuple[Entry, ...], rows: list[sa.Row[Any]], vault: Vault | None) -> tuple[Piece, ...]:
    """Each piece that the timeline tells of, with what is left of it; then what the timeline does not know."""
    left: defaultdict[tuple[str, str, str], list[sa.Row[Any]]] = defaultdict(list)
    for row in rows:
        left[row.step_id, row.name, row.sha256].append(row)
    pieces: list[Piece] = []
    for entry in entries:
        if entry.event == AuditTag.EVIDENCE_KEPT:
            key = (str(entry.data.get("step")), str(entry.data.get("name")), str(entry.data.get("sha256")))
            there = left[key].pop(0) if left[key] else None
            gone = Piece(*key[:2], entry.at, key[2], None, _GONE)
            pieces.append(gone if there is None else _opened(there, vault))
    for strangers in left.values():
        for stranger in strangers:
            pieces.append(replace(_opened(stranger, vault), problem=_STRANGER))
    return tuple(pieces)


def _opened(row: sa.Row[Any], vault: Vault | None) -> Piece:
    try:
        raw = None if vault is None else vault.unpack(row.body)
    except Conflict:
        raw = None
    if raw is None:
        return Piece(row.step_id, row.name, row.at, row.sha256, None, _UNREADABLE)
    as_kept = hashlib.sha256(raw).hexdigest() == row.sha256
    return Piece(row.step_id, row.name, row.at, row.sha256, raw, "" if as_kept else _CHANGED)
