"""Show evidence: one finding with its reasons, and what was kept of it, masked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from cards import evidence_card, notice_card, pick_card
from cards.views import Button, ButtonStyle, EvidencePiece, EvidenceView, NoticeView, PickView, Tone
from dialogs.lock import headline
from dialogs.parts import Parts
from dialogs.picking import picked
from dialogs.render import WEIGHTS, person_of_subject
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.errors import BadInput, Conflict
from services.incidents import store
from services.incidents.excerpt import excerpt
from services.incidents.model import Incident
from services.incidents.store import Kept
from services.playbook.ledger import Found, findings_of
from services.posts import PostKind
from services.vault import Vault


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the findings into the thread, one of them to be picked. The button is of one round."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    incident, findings = await _of_round(parts, click)
    if not findings:
        raise Conflict(reason="no-findings")
    steps: Mapping[str, str] = {step.id: step.title for step in parts.steps}
    choices = tuple(
        (str(position), f"{found.finding.title} ({steps.get(found.step_id, found.step_id)})")
        for position, found in enumerate(findings)
    )
    view = PickView(
        incident_number=incident.label,
        title="Evidence",
        text="Nothing is changed by looking.",
        label="Which finding?",
        choices=choices,
        button=Button("Show evidence", Verb.EVIDENCE_ONE.value, incident.id, click.nonce, ButtonStyle.POSITIVE),
    )
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"findings:{incident.id}:{click.nonce}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=pick_card(view),
            summary=f"{incident.label}: evidence",
        )
    return await headline(parts, incident.id, click.actor, *standing.permissions)


async def one(parts: Parts, click: Click) -> Answer:
    """Puts the evidence of the picked finding into the conversation that was asked in."""
    await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    incident, findings = await _of_round(parts, click)
    found = findings[picked(click, len(findings))]
    async with parts.database.read() as connection:
        kept = await store.evidence_of(connection, incident.id, found.step_id)
    pieces = await asyncio.to_thread(_pieces, parts.vault, found, kept)
    title = next((step.title for step in parts.steps if step.id == found.step_id), found.step_id)
    view = EvidenceView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        title=found.finding.title,
        tone=WEIGHTS[found.finding.severity],
        check=title,
        reasons=found.finding.reasons,
        at=found.finding.at,
        pieces=pieces,
    )
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"evidence:{incident.id}:{click.nonce}:{found.step_id}:{found.finding.key}"[:255],
            PostKind.REPLY,
            parts.now(),
            conversation=click.conversation,
            card=evidence_card(view),
            summary=f"{incident.label}: evidence",
        )
    words = f"The evidence for “{found.finding.title}” stands below."
    return CardAnswer(notice_card(NoticeView(title="Evidence", text=words, tone=Tone.NEUTRAL)))


async def _of_round(parts: Parts, click: Click) -> tuple[Incident, Sequence[Found]]:
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
        findings = await findings_of(connection, incident.id)
    if not store.same_nonce(str(incident.investigation.get("nonce", "")), click.nonce):
        raise BadInput(reason="stale-card")
    return incident, findings


def _pieces(vault: Vault, found: Found, kept: Sequence[Kept]) -> tuple[EvidencePiece, ...]:
    """The newest piece of each name. One whose key is gone is named without an excerpt."""
    newest = {piece.name: piece for piece in kept}
    shown = []
    for piece in newest.values():
        try:
            lines = excerpt(vault.unpack(piece.body), found.finding.key, found.finding.data)
        except Conflict:
            lines = ("It cannot be read: the key that it was kept with is not there any more.",)
        shown.append(EvidencePiece(piece.name, piece.at, piece.sha256, lines))
    return tuple(shown)
