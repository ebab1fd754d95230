"""To whom the intruder's mail went: from the kept message trace and Sent Items, with what could not be looked at."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.database import Database, tables
from services.errors import IRBotError
from services.incidents.entry import entry_of, suspects
from services.incidents.model import Incident
from services.microsoft365 import Microsoft365
from services.plain_words import explain
from services.playbook.ledger import Found, findings_of, runs_of
from services.playbook.sent_mail import Sent
from services.playbook.step import Severity, State
from services.vault import Vault

TRACE = "trace-sent-mail"
_PIECE = "message trace"
_MOST_SENT = 2000
_ANSWER = re.compile(r"^(?:(?:re|fw|fwd|aw|wg|antw|rv|tr|sv|vs)\s*:\s*)+", re.IGNORECASE)
_NEVER_ARRIVED = frozenset({"failed"})


@dataclass(frozen=True)
class SentMessage:
    """All mail of one subject. `key` is stable; `suspicious` says that the trace found it so."""

    key: str
    subject: str
    sent: tuple[Sent, ...]
    suspicious: bool

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses that it went to, in lower case, each once."""
        return tuple(dict.fromkeys(each.recipient for each in self.sent))

    @property
    def first(self) -> datetime | None:
        """When it was first sent."""
        return min((each.at for each in self.sent if each.at is not None), default=None)


@dataclass(frozen=True)
class Traced:
    """What was sent, by subject: suspicious first, then what went to most. `gaps` name what was not looked at."""

    messages: tuple[SentMessage, ...]
    gaps: tuple[str, ...]
    since: datetime | None  # when somebody else got in, as far as it is known

    def chosen(self, keys: Iterable[str]) -> tuple[SentMessage, ...]:
        """The messages of these keys; unknown keys are passed over."""
        wanted = frozenset(keys)
        return tuple(each for each in self.messages if each.key in wanted)

    def in_window(self) -> tuple[SentMessage, ...]:
        """Everything that was sent since somebody else got in; all of it where that is not known."""
        since = self.since
        if since is None:
            return self.messages
        found = []
        for each in self.messages:
            sent = tuple(one for one in each.sent if one.at is None or one.at >= since)
            if sent:
                found.append(SentMessage(each.key, each.subject, sent, each.suspicious))
        return tuple(found)


async def traced(database: Database, vault: Vault, m365: Microsoft365, incident: Incident, since: datetime) -> Traced:
    """Reads both sources. What cannot be read is a gap, never an empty list."""
    async with database.read() as connection:
        kept, gaps = await _kept_trace(connection, vault, incident)
        findings = await findings_of(connection, incident.id)
    own, own_gaps = await _sent_items(m365, incident, since)
    loud = {
        key_of(str(found.finding.data.get("subject", "")))
        for found in findings
        if found.step_id == TRACE and found.finding.severity is not Severity.NOTE
    }
    messages = await asyncio.to_thread(_by_subject, (*kept, *own), loud)
    return Traced(messages, (*gaps, *own_gaps), _entry(findings))


def key_of(subject: str) -> str:
    """A short name of a subject, the same for its answers and forwards."""
    plain = _ANSWER.sub("", subject.strip()).casefold()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _by_subject(sent: Iterable[Sent], loud: set[str]) -> tuple[SentMessage, ...]:
    found: defaultdict[str, dict[tuple[str, str], Sent]] = defaultdict(dict)
    for each in sent:
        if each.status.casefold() not in _NEVER_ARRIVED and "@" in each.recipient:
            found[key_of(each.subject)].setdefault((each.message_id, each.recipient), each)
    messages = []
    for key, entries in found.items():
        ordered = tuple(sorted(entries.values(), key=lambda one: one.at.timestamp() if one.at else 0.0))
        messages.append(SentMessage(key, ordered[0].subject.strip(), ordered, key in loud))
    return tuple(sorted(messages, key=lambda each: (not each.suspicious, -len(each.recipients), each.subject)))


async def _kept_trace(
    connection: AsyncConnection, vault: Vault, incident: Incident
) -> tuple[tuple[Sent, ...], tuple[str, ...]]:
    runs = [run for run in await runs_of(connection, incident.id) if run.step_id == TRACE]
    query = (
        sa.select(tables.evidence.c.body)
        .where(tables.evidence.c.incident_id == incident.id, tables.evidence.c.step_id == TRACE)
        .where(tables.evidence.c.name == _PIECE)
        .order_by(tables.evidence.c.at.desc())
        .limit(1)
    )
    body = await connection.scalar(query)
    if not runs or runs[-1].state is State.RUNNING:
        gaps: tuple[str, ...] = ("The message trace is not there yet.",)
    elif runs[-1].state is State.DONE:
        gaps = ()
    else:
        gaps = (f"The message trace was not evaluated completely: {runs[-1].reason}",)
    if body is None:
        return (), gaps or ("The message trace is not kept any more.",)
    return await asyncio.to_thread(_unpacked, vault, body), gaps


def _unpacked(vault: Vault, body: bytes) -> tuple[Sent, ...]:
    """Up to tens of thousands of lines: off the event loop."""
    return tuple(_sent(row) for row in json.loads(vault.unpack(body)))


def _sent(row: dict[str, Any]) -> Sent:
    at = row.get("at")
    return Sent(
        trace_id=str(row.get("trace_id", "")),
        message_id=str(row.get("message_id", "")),
        at=datetime.fromisoformat(at) if at else None,
        recipient=str(row.get("recipient", "")).casefold(),
        subject=str(row.get("subject", "")),
        status=str(row.get("status", "")),
        from_ip=str(row.get("from_ip", "")),
    )


async def _sent_items(
    m365: Microsoft365, incident: Incident, since: datetime
) -> tuple[tuple[Sent, ...], tuple[str, ...]]:
    """What the mailbox itself still holds: newer than any trace, but an intruder may have emptied it."""
    if incident.subject.guest:
        return (), ()
    try:
        listed = await m365.messages.in_folder(incident.subject.object_id, "sentitems", since, _MOST_SENT)
    except IRBotError as error:
        return (), (f"Sent Items could not be read: {explain(error).what}",)
    sent = tuple(
        Sent("", each.message_id, each.sent_at, address.casefold(), each.subject, "", "")
        for each in listed
        for address in each.recipients
    )
    return sent, () if listed.complete else ("Sent Items hold more than was looked at.",)


def _entry(findings: Sequence[Found]) -> datetime | None:
    entry = entry_of(suspects(findings), (), certain=True)
    return None if entry.at is None else entry.at - timedelta(minutes=1)
