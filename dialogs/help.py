"""Looking around: help, who I am, and where the incidents stand."""

from __future__ import annotations

from cards import help_card, incident_card, incidents_card, whoami_card
from cards.views import CommandLine, HelpView, IncidentsView, RoleLine, WhoAmIView
from dialogs.commands import COMMANDS, Status
from dialogs.parts import Parts
from dialogs.render import incident_line, incident_view, person_of_account
from dialogs.turn import Message
from services.access import Permission, Role, what_it_allows
from services.channel import Card
from services.errors import NotFound
from services.incidents import store
from services.incidents.model import Incident

_MOST_INCIDENTS = 15


def help_answer(parts: Parts, unknown: str | None = None) -> Card:
    """The commands; `unknown` is what was typed, where it was none."""
    lines = tuple(CommandLine(row.usage, row.summary) for row in COMMANDS)
    return help_card(HelpView(bot_name=parts.settings.bot_name, commands=lines, unknown=unknown))


async def whoami(parts: Parts, message: Message) -> Card:
    """The person's roles, each with the reason."""
    standing = await parts.access.require(message.actor, Permission.SELF_READ, message.conversation)
    async with parts.database.read() as connection:
        subjects = await store.open_subjects(connection)
    note = None
    if message.actor.object_id in subjects:
        note = "You are the subject of an open incident. Until it is closed you can do nothing here."
    elif standing.account.is_guest:
        note = "Guests have no role in IRBot."
    elif not standing.roles:
        note = "Ask your administrator to add you to one of the groups that IRBot knows."
    roles = tuple(
        RoleLine(
            role=role.value,
            held=role in standing.roles,
            why=standing.roles.get(role, f"You are in no group that IRBot knows as {role.value}s."),
            allows=what_it_allows(role),
        )
        for role in (Role.RESPONDER, Role.APPROVER, Role.COMMUNICATOR, Role.ADMINISTRATOR)
    )
    return whoami_card(WhoAmIView(person=person_of_account(standing.account), roles=roles, note=note))


async def incidents(parts: Parts, message: Message) -> Card:
    """The open incidents, newest first."""
    await parts.access.require(message.actor, Permission.INCIDENT_READ, message.conversation)
    async with parts.database.read() as connection:
        found, total = await store.all_open(connection, _MOST_INCIDENTS)
    lines = [await incident_line(parts, incident) for incident in found]
    return incidents_card(IncidentsView(incidents=tuple(lines), more=total - len(found)))


async def status(parts: Parts, message: Message, command: Status) -> Card:
    """One incident as it stands, without buttons; of this thread, or by number; else the list."""
    await parts.access.require(message.actor, Permission.INCIDENT_READ, message.conversation)
    found = await asked_about(parts, message, command.incident)
    if found is None:
        return await incidents(parts, message)
    return incident_card(await incident_view(parts, found.id, live=False))


async def asked_about(parts: Parts, message: Message, label: str | None) -> Incident | None:
    """The incident with this label, or without one that of the thread. Raises NotFound for a label of none."""
    async with parts.database.read() as connection:
        if label is None:
            return await store.in_conversation(connection, message.conversation.id)
        found = await store.by_number(connection, int(label.removeprefix("IR-")))
    if found is None:
        raise NotFound(what="incident", sought=label)
    return found
