"""Pausing, going on with and stopping a step that works off long lists, from the card of its phase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cards import phase_card
from dialogs import phases
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.turn import Answer, CardAnswer, Click
from services.playbook.halting import Steer, steer


def steering(wanted: Steer) -> Callable[[Parts, Click], Awaitable[Answer]]:
    """The handler of a button of a running step; the button belongs to that run alone."""

    async def handle(parts: Parts, click: Click) -> Answer:
        incident, step = await phases.step_of(parts, click.id)
        standing = await parts.access.require(
            click.actor,
            step.may_run,
            click.conversation,
            incident_id=incident.id,
            harmless=wanted is not Steer.RESUME,
        )
        async with parts.database.write() as connection:
            await steer(connection, incident.id, click.nonce, wanted, click.actor, parts.now())
        parts.posts.changed.set()
        viewer = Viewer(click.actor, standing.permissions)
        return CardAnswer(phase_card(await phases.view_of(parts, incident.id, step.phase, viewer=viewer)))

    return handle
