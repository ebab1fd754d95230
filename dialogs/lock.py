"""Asking for a lock, or for another look at the account."""

from __future__ import annotations

from cards import incident_card
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import incident_view
from dialogs.turn import CardAnswer, Click
from services.access import Permission
from services.approvals import PlanKind
from services.channel import Actor


async def ask(parts: Parts, click: Click) -> CardAnswer:
    """Asks for the proposed lock; whoever asks by the *confirm* rule confirms on the same card."""
    await parts.approvals.ask(click.id, click.nonce, click.actor, click.conversation, kind=PlanKind.LOCK)
    return await headline(parts, click.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def prepare_again(parts: Parts, click: Click) -> CardAnswer:
    """Looks at the account again after a failed look."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, harmless=True)
    await parts.preparation.prepare_again(click.id, click.nonce, click.actor)
    return await headline(parts, click.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def headline(parts: Parts, incident_id: str, actor: Actor, *may: Permission) -> CardAnswer:
    """The incident's card as the person who just acted should see it; `may` is what was just checked."""
    viewer = Viewer(actor, frozenset(may))
    return CardAnswer(incident_card(await incident_view(parts, incident_id, viewer=viewer)))
