"""Other people whom the investigation met at the intruder's addresses: an incident about one of them."""

from __future__ import annotations

from collections.abc import Sequence

from cards import notice_card, pick_card
from cards.views import Button, ButtonStyle, NoticeView, PickView, Tone
from dialogs.lock import headline
from dialogs.open import open_account
from dialogs.parts import Parts
from dialogs.picking import picked
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.errors import BadInput, Conflict
from services.incidents import links, store
from services.incidents.met import Met, met_in
from services.incidents.model import Incident
from services.playbook.ledger import findings_of
from services.posts import PostKind


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the other people into the thread, one of them to be picked."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    incident, met = await _of_round(parts, click)
    if not met:
        raise Conflict(reason="nobody-met")
    view = PickView(
        incident_number=incident.label,
        title="Open another incident",
        text="These accounts were used from the same addresses. Opening an incident changes nothing in an account.",
        label="About whom?",
        choices=tuple((str(position), f"{each.upn}: from {each.where}") for position, each in enumerate(met)),
        button=Button("Open an incident", Verb.LINK_OPEN.value, incident.id, click.nonce, ButtonStyle.POSITIVE),
    )
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"links:{incident.id}:{click.nonce}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=pick_card(view),
            summary=f"{incident.label}: other accounts",
        )
    return await headline(parts, incident.id, click.actor, *standing.permissions)


async def open_one(parts: Parts, click: Click) -> Answer:
    """Opens the incident as `compromise` does, and links the two. Raises BadInput for who was not offered."""
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    incident, met = await _of_round(parts, click)
    account = await parts.m365.directory.account(met[picked(click, len(met))].account_id)
    other, opened = await open_account(parts, account, click.actor, click.conversation)
    async with parts.database.write() as connection:
        await links.link(
            connection, incident, other, actor_id=click.actor.object_id, because="same-addresses", now=parts.now()
        )
    parts.posts.changed.set()
    said = "is open" if opened else "was open already"
    words = f"{other.label} about {account.display_name} ({account.upn}) {said}. Go on with its card."
    return CardAnswer(notice_card(NoticeView(title=f"{other.label} {said}", text=words, tone=Tone.NEUTRAL)))


async def _of_round(parts: Parts, click: Click) -> tuple[Incident, Sequence[Met]]:
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
        findings = await findings_of(connection, incident.id)
    if not store.same_nonce(str(incident.investigation.get("nonce", "")), click.nonce):
        raise BadInput(reason="stale-card")
    return incident, met_in(findings)
