"""Files for people in Teams: asked for, offered in the personal chat, uploaded to their own files on their yes.

Every offer is a row. The report is made anew for the upload, so that it is as of then; nothing of it lies on a disk of
ours longer than that takes. Who asked is checked again at the yes and right before the upload.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import logging
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, BinaryIO

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Access, Permission
from services.blasts import receipts, rows
from services.blasts.model import BlastEvent
from services.channel import Actor, Channel, Conversation, ConversationKind, Upload, Uploads
from services.database import Database
from services.database.operation_tables import report_offers
from services.durable import Durable
from services.errors import (
    BadInput,
    IRBotError,
    NotAllowed,
    NotFound,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.incidents import store, timeline
from services.incidents.model import Incident, actor_from_json, conversation_from_json
from services.incidents.report.bundle import write_bundle
from services.incidents.report.case import Case, read_case
from services.incidents.report.pdf import as_pdf
from services.incidents.report.plain import plain_report
from services.incidents.report.technical import technical_report
from services.incidents.timeline import AuditTag
from services.people import People
from services.plain_words import explain
from services.playbook.planner import our_fault
from services.vault import Vault

log = logging.getLogger(__name__)

OFFER, DELIVER = "report-offer", "report-deliver"

Write = Callable[[BinaryIO], None]


class ReportKind(StrEnum):
    """What can be asked for: everything with the evidence, one of the two reports, or who got a warning or lesson."""

    BUNDLE = "bundle"
    PLAIN = "plain"
    RECIPIENTS = "recipients"
    TECHNICAL = "technical"


class OfferState(StrEnum):
    """How far an offer is. `WANTED`, `ACCEPTED` and `SENDING` are under way, `OFFERED` waits for the person."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    DELIVERED = "delivered"
    FAILED = "failed"
    OFFERED = "offered"
    SENDING = "sending"
    UNKNOWN = "unknown"
    WANTED = "wanted"


ENDS = frozenset({OfferState.DECLINED, OfferState.DELIVERED, OfferState.FAILED, OfferState.UNKNOWN})

_DESCRIPTIONS = {
    ReportKind.BUNDLE: "Both reports, the timeline and the evidence. Guard it: the evidence in it is readable.",
    ReportKind.PLAIN: "What happened in plain words, for the person and their manager.",
    ReportKind.RECIPIENTS: "Who got the message, and what they answered. Guard it: it names people.",
    ReportKind.TECHNICAL: "Everything that was seen, decided and done.",
}


@dataclass(frozen=True)
class Offer:
    """One row of `report_offers`: about an incident, or about the recipients of a blast."""

    id: str
    incident_id: str | None
    blast_id: str | None
    kind: ReportKind
    person: Actor
    conversation: Conversation
    nonce: str
    state: OfferState
    reason: str
    upload: bytes | None


class Deliveries:
    """Asks, offers, uploads. Both jobs may run again at any point."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        people: People,
        channel: Channel,
        uploads: Uploads,
        vault: Vault,
        durable: Durable,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._access = access
        self._people = people
        self._channel = channel
        self._uploads = uploads
        self._vault = vault
        self._durable = durable
        self._now = now

    async def ask(self, incident_id: str, kind: ReportKind, actor: Actor, where: Conversation) -> Offer:
        """Notes that this person wants a report; it is offered in their personal chat.

        Raises NotAllowed, NotFound, BadInput.
        """
        if kind is ReportKind.RECIPIENTS:
            raise BadInput(reason="unknown-button")
        await self._access.require(actor, Permission.REPORT_TAKE, where, incident_id=incident_id)
        async with self._database.read() as connection:
            await store.get(connection, incident_id)
        return await self._want(actor, where, incident_id=incident_id, kind=kind.value)

    async def ask_recipients(self, blast_id: str, actor: Actor, where: Conversation) -> Offer:
        """The same for the table of a blast's recipients, for those who may send. Raises NotAllowed, NotFound."""
        await self._access.require(actor, Permission.BLAST_SEND, where, harmless=True)
        async with self._database.read() as connection:
            await rows.get(connection, blast_id)
        return await self._want(actor, where, blast_id=blast_id, kind=ReportKind.RECIPIENTS.value)

    async def _want(self, actor: Actor, where: Conversation, **about: str) -> Offer:
        offer_id = str(uuid.uuid4())
        async with self._database.write() as connection:
            await connection.execute(
                sa.insert(report_offers).values(
                    id=offer_id,
                    **about,
                    person=asdict(actor),
                    conversation=asdict(where),
                    nonce=store.new_nonce(),
                    state=OfferState.WANTED.value,
                    reason="",
                    asked_at=self._now(),
                )
            )
        await self._durable.start(OFFER, offer_id)
        return await self.get(offer_id)

    async def get(self, offer_id: str) -> Offer:
        """One offer. Raises NotFound."""
        async with self._database.read() as connection:
            query = sa.select(report_offers).where(report_offers.c.id == offer_id)
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(what="file", sought=offer_id)
        return _offer(row)

    async def answered(self, offer_id: str, nonce: str, actor: Actor, upload: Upload | None) -> None:
        """The person's yes or no; a second one changes nothing. Their role is looked up by the job, which may be slow.

        Raises NotFound, BadInput, NotAllowed (somebody else's offer).
        """
        offer = await self.get(offer_id)
        if not store.same_nonce(offer.nonce, nonce):
            raise BadInput(reason="forged-card")
        if actor.object_id != offer.person.object_id:
            raise NotAllowed(reason="somebody-elses-file")
        if offer.state is not OfferState.OFFERED:
            return
        if upload is None:
            await self._move(offer, OfferState.OFFERED, OfferState.DECLINED)
            return
        packed = self._vault.pack(json.dumps(asdict(upload)).encode())
        if await self._move(offer, OfferState.OFFERED, OfferState.ACCEPTED, upload=packed):
            await self._durable.start(DELIVER, offer.id)

    # -- the jobs --------------------------------------------------------------------------------------------------

    async def pending_offers(self) -> list[str]:
        """The ids of what is asked for and not offered."""
        return await self._in_states(OfferState.WANTED)

    async def pending_deliveries(self) -> list[str]:
        """The ids of what was said yes to and has not come to its end."""
        return await self._in_states(OfferState.ACCEPTED, OfferState.SENDING)

    async def offer(self, key: str) -> None:
        """Puts the question into the person's chat. Asked twice after a kill, both lead to the same one file."""
        offer = await self.get(key)
        if offer.state is not OfferState.WANTED:
            return
        name, write = await self._file(offer)
        size = await asyncio.to_thread(_size_of, write)
        context = {"offer": offer.id, "nonce": offer.nonce}
        try:
            where = await self._personal(offer)
            await self._channel.offer_file(where, name, size, _DESCRIPTIONS[offer.kind], context)
        except (Throttled, UpstreamDown):
            raise  # surely not there: the engine tries again
        except UnknownOutcome:
            pass  # perhaps it stands there; the person can ask for another
        except IRBotError as error:
            await self._end(offer, OfferState.FAILED, explain(error).what)
            return
        await self._move(offer, OfferState.WANTED, OfferState.OFFERED)

    async def deliver(self, key: str) -> None:
        """Makes the report, uploads it, and notes in the timeline who took it, with its SHA-256."""
        offer = await self.get(key)
        if offer.state not in {OfferState.ACCEPTED, OfferState.SENDING} or offer.upload is None:
            return
        try:
            needed = Permission.BLAST_SEND if offer.kind is ReportKind.RECIPIENTS else Permission.REPORT_TAKE
            await self._access.require(offer.person, needed, None, incident_id=offer.incident_id, harmless=True)
        except NotAllowed as error:
            await self._end(offer, OfferState.FAILED, explain(error).what)
            return
        again = offer.state is OfferState.SENDING
        await self._move(offer, OfferState.ACCEPTED, OfferState.SENDING)
        upload = Upload(**json.loads(self._vault.unpack(offer.upload)))
        _, write = await self._file(offer)
        with tempfile.TemporaryFile() as file:
            size, fingerprint = await asyncio.to_thread(_measured, write, file)
            try:
                await self._uploads.put(upload.upload_url, file, size)
            except NotFound:
                # The place of a finished upload is gone, too: after a kill nobody can tell the two apart.
                state = OfferState.UNKNOWN if again else OfferState.FAILED
                await self._end(offer, state, "Teams does not take the file there any more.")
                return
            except UnknownOutcome as error:
                await self._end(offer, OfferState.UNKNOWN, explain(error).what)
                return
            except IRBotError as error:
                await self._end(offer, OfferState.FAILED, explain(error).what)
                return
        await self._delivered(offer, upload, fingerprint)

    async def gave_up(self, key: str, correlation_id: str) -> None:
        """Ends what failed for a reason of our own."""
        await self._end(await self.get(key), OfferState.FAILED, our_fault(correlation_id))

    async def _delivered(self, offer: Offer, upload: Upload, fingerprint: str) -> None:
        async with self._database.write() as connection:
            moved = await connection.execute(
                sa.update(report_offers)
                .where(report_offers.c.id == offer.id, report_offers.c.state == OfferState.SENDING.value)
                .values(state=OfferState.DELIVERED.value, upload=None, reason=fingerprint, finished_at=self._now())
            )
            if moved.rowcount != 1:
                return
            await self._note(connection, offer, fingerprint)
        await self._say(offer, lambda where: self._channel.hand_over_file(where, upload))

    async def _note(self, connection: AsyncConnection, offer: Offer, fingerprint: str) -> None:
        """Who took what, with its SHA-256, in the record that it belongs to."""
        now, by, data = self._now(), offer.person.object_id, {"kind": offer.kind.value, "sha256": fingerprint}
        if offer.incident_id is not None:
            await timeline.append(connection, offer.incident_id, AuditTag.REPORT_TAKEN, at=now, actor_id=by, data=data)
        if offer.blast_id is not None:
            await rows.get(connection, offer.blast_id, lock=True)
            await rows.record(connection, offer.blast_id, BlastEvent.EXPORTED, now, actor_id=by, data=data)

    async def _file(self, offer: Offer) -> tuple[str, Write]:
        """The name of what is wanted, and how it is written."""
        if offer.blast_id is not None:
            cells = [row async for row in receipts.table(self._database, offer.blast_id)]
            return f"recipients-{offer.blast_id[:8]}.csv", partial(_write_table, cells)
        async with self._database.read() as connection:
            incident = await store.get(connection, offer.incident_id or "")
            case = await read_case(connection, self._vault, incident, self._now())
        return file_name(incident, offer.kind), partial(_write, case, offer.kind)

    async def _personal(self, offer: Offer) -> Conversation:
        if offer.conversation.kind is ConversationKind.PERSONAL:
            return offer.conversation
        known = await self._people.get(offer.person.object_id)
        if known is not None and known.personal is not None:
            return known.personal
        where = await self._channel.open_personal(
            offer.person.object_id, offer.conversation.service_url, offer.conversation.tenant_id
        )
        await self._people.opened(offer.person.object_id, offer.person.name, where)
        return where

    async def _in_states(self, *states: OfferState) -> list[str]:
        query = sa.select(report_offers.c.id).where(report_offers.c.state.in_([state.value for state in states]))
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def _move(self, offer: Offer, before: OfferState, after: OfferState, **values: Any) -> bool:
        if after in ENDS:
            values |= {"finished_at": self._now(), "upload": None}
        async with self._database.write() as connection:
            moved = await connection.execute(
                sa.update(report_offers)
                .where(report_offers.c.id == offer.id, report_offers.c.state == before.value)
                .values(state=after.value, **values)
            )
        return moved.rowcount == 1

    async def _end(self, offer: Offer, state: OfferState, reason: str) -> None:
        current = await self.get(offer.id)
        if current.state in ENDS or not await self._move(current, current.state, state, reason=reason):
            return
        words = f"{offer.person.name}: the report that you asked for did not reach you. {reason}"
        await self._say(offer, lambda where: self._channel.post_text(where, words))

    async def _say(self, offer: Offer, say: Callable[[Conversation], Awaitable[str]]) -> None:
        """Tells the person, in their own chat or else where they asked. What was done stays done without it."""
        try:
            await say(await self._personal(offer))
        except IRBotError as error:
            log.warning("offer %s: %s in the personal chat", offer.id, error.code)
            with suppress(IRBotError):
                await say(offer.conversation)


def file_name(incident: Incident, kind: ReportKind) -> str:
    """The name under which the person finds it."""
    endings = {
        ReportKind.BUNDLE: "-everything.zip",
        ReportKind.PLAIN: "-plain-report.pdf",
        ReportKind.TECHNICAL: "-technical-report.pdf",
    }
    return incident.label + endings[kind]


def _write(case: Case, kind: ReportKind, into: BinaryIO) -> None:
    match kind:
        case ReportKind.BUNDLE:
            write_bundle(case, into)
        case ReportKind.PLAIN:
            into.write(as_pdf(plain_report(case)))
        case ReportKind.TECHNICAL:
            into.write(as_pdf(technical_report(case)))
        case ReportKind.RECIPIENTS:
            raise ValueError("a table of recipients is about a blast")


def _write_table(cells: Sequence[Sequence[str]], into: BinaryIO) -> None:
    """As CSV that a spreadsheet opens with every letter right."""
    text = io.TextIOWrapper(into, encoding="utf-8-sig", newline="", write_through=True)
    csv.writer(text).writerows(cells)
    text.detach()


def _measured(write: Write, into: BinaryIO) -> tuple[int, str]:
    """Writes the file; its size and its SHA-256."""
    write(into)
    size = into.tell()
    into.seek(0)
    fingerprint = hashlib.file_digest(into, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    into.seek(0)
    return size, fingerprint


def _size_of(write: Write) -> int:
    with tempfile.TemporaryFile() as file:
        return _measured(write, file)[0]


def _offer(row: sa.Row[Any]) -> Offer:
    return Offer(
        id=row.id,
        incident_id=row.incident_id,
        blast_id=row.blast_id,
        kind=ReportKind(row.kind),
        person=actor_from_json(row.person),
        conversation=conversation_from_json(row.conversation),
        nonce=row.nonce,
        state=OfferState(row.state),
        reason=row.reason,
        upload=row.upload,
    )
