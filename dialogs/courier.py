"""Brings a Temporary Access Pass to one person's chat: straight through the channel, past every row and log."""

from __future__ import annotations

import asyncio
from datetime import datetime

from cards import access_pass_card
from cards.views import AccessPassView
from dialogs.render import person_of_subject
from services.channel import Actor, Channel, Conversation
from services.errors import UnknownOutcome
from services.incidents.model import Incident
from services.microsoft365.sign_in_methods import AccessPass
from services.people import People
from services.posts import LONGEST_CALL_SECONDS


class PersonalCourier:
    """See `services.recovery.passes.Courier`."""

    def __init__(self, people: People, channel: Channel) -> None:
        self._people = people
        self._channel = channel

    async def reach(self, person: Actor, incident: Incident) -> Conversation:
        known = await self._people.get(person.object_id)
        if known is not None and known.personal is not None:
            return known.personal
        there = incident.conversation
        where = await self._channel.open_personal(person.object_id, there.service_url, there.tenant_id)
        await self._people.opened(person.object_id, person.name, where)
        return where

    async def show(self, where: Conversation, incident: Incident, access_pass: AccessPass, until: datetime) -> str:
        card = access_pass_card(
            AccessPassView(
                incident_number=incident.label,
                subject=person_of_subject(incident.subject),
                code=access_pass.code.reveal(),
                minutes=access_pass.minutes,
                until=until,
            )
        )
        try:
            async with asyncio.timeout(LONGEST_CALL_SECONDS):
                return await self._channel.post_card(where, card, f"{incident.label}: Temporary Access Pass")
        except TimeoutError:
            raise UnknownOutcome(service="bot-connector") from None

    async def hide(self, where: Conversation, activity_id: str, incident: Incident) -> None:
        card = access_pass_card(AccessPassView(incident.label, person_of_subject(incident.subject), code=None))
        await self._channel.edit_card(where, activity_id, card, f"{incident.label}: Temporary Access Pass")
