"""Opening an incident: one account is found, shown, and prepared for the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cards import choice_card, nearest_card, notice_card, problem_card
from cards.views import Button, ButtonStyle, ChoiceView, NearestView, NoticeView, ProblemView, Tone
from dialogs.commands import Compromise, Sought, SoughtBy
from dialogs.parts import Parts
from dialogs.render import person_of_account
from dialogs.turn import CardAnswer, Click, Message
from dialogs.verbs import Verb
from services.access import Permission
from services.channel import Actor, Card, Conversation
from services.errors import BadInput, IRBotError
from services.incidents import store
from services.incidents.model import Incident, Subject
from services.microsoft365.accounts import Account
from services.posts import PostKind

_MOST_CHOICES = 8
_NEAREST = 5


async def compromise(
    parts: Parts, message: Message, command: Compromise, request_id: str
) -> tuple[Card, Mapping[str, Any]] | None:
    """Opens the incident, or answers with a choice, the nearest names, or the incident that is open already.

    Returns the card to reply with and what the request keeps; None when the headline card says it all.
    """
    await parts.access.require(message.actor, Permission.INCIDENT_OPEN, message.conversation)
    found = await _find(parts, command.user, message)
    # A name is never enough to act on: even a single match is confirmed by choosing it.
    if len(found) > 1 or (found and command.user.by is SoughtBy.NAME):
        nonce = store.new_nonce()
        return _choice(command.user, found, request_id, nonce), {
            "candidates": [account.id for account in found[:_MOST_CHOICES]],
            "nonce": nonce,
        }
    if not found:
        return await _nearest(parts, command.user), {}
    incident, opened = await open_account(parts, found[0], message.actor, message.conversation)
    return None if opened else (_already_open(incident), {})


async def choose(parts: Parts, click: Click) -> CardAnswer:
    """Takes the choice among several accounts. Raises BadInput for a card that this bot did not send."""
    request = await parts.requests.by_correlation(click.id)
    kept = request.answer if request is not None and request.answer else {}
    if not kept.get("nonce") or not store.same_nonce(str(kept["nonce"]), click.nonce):
        raise BadInput(reason="forged-card")
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    candidates: Sequence[str] = kept["candidates"]
    position = click.inputs.get("choice", "")
    if not position.isascii() or not position.isdigit() or int(position) >= len(candidates):
        raise BadInput(reason="unknown-choice")
    account = await parts.m365.directory.account(candidates[int(position)])
    incident, opened = await open_account(parts, account, click.actor, click.conversation)
    if not opened:
        return CardAnswer(_already_open(incident))
    return CardAnswer(
        notice_card(
            NoticeView(
                title=f"{incident.label} is open",
                text=f"The account is {account.display_name} ({account.upn}). Go on with the incident's card.",
                tone=Tone.NEUTRAL,
            )
        )
    )


async def open_account(parts: Parts, account: Account, by: Actor, where: Conversation) -> tuple[Incident, bool]:
    """The open incident about this account, and whether this call opened it; the caller has checked the role."""
    subject = Subject(
        object_id=account.id,
        name=account.display_name,
        upn=account.upn,
        mail=account.mail,
        department=account.department,
        job_title=account.job_title,
        guest=account.is_guest,
        synced=account.synced,
    )
    incident, opened = await store.open_incident(parts.database, subject, by, where, parts.now())
    async with parts.database.write() as connection:
        await parts.posts.want_in_thread(
            connection, incident, f"headline:{incident.id}", PostKind.HEADLINE, parts.now(), subject.name
        )
    await parts.preparation.start(incident)
    return incident, opened


async def _find(parts: Parts, sought: Sought, message: Message) -> tuple[Account, ...]:
    if sought.by is SoughtBy.MENTION and sought.mention is not None:
        object_id = sought.mention.object_id
        if object_id is None:
            person = await parts.people.by_teams_id(sought.mention.teams_id)
            member = None if person else await parts.channel.member(message.conversation, sought.mention.teams_id)
            object_id = person.object_id if person else member.object_id if member else None
        if object_id is None:
            raise BadInput(reason="unknown-mention")
        return (await parts.m365.directory.account(object_id),)
    if sought.by is SoughtBy.NAME:
        return await parts.m365.directory.nearest_accounts(sought.value, limit=_MOST_CHOICES)
    return await parts.m365.directory.find_accounts(sought.value)


def _choice(sought: Sought, found: Sequence[Account], request_id: str, nonce: str) -> Card:
    return choice_card(
        ChoiceView(
            sought=sought.value,
            people=tuple(person_of_account(account) for account in found[:_MOST_CHOICES]),
            more=max(0, len(found) - _MOST_CHOICES),
            button=Button("Open incident", Verb.CHOOSE.value, request_id, nonce, ButtonStyle.POSITIVE),
        )
    )


async def _nearest(parts: Parts, sought: Sought) -> Card:
    people: tuple[Account, ...] = ()
    complete = True
    try:
        people = await parts.m365.directory.nearest_accounts(sought.value, limit=_NEAREST)
    except IRBotError:
        complete = False
    return nearest_card(
        NearestView(
            sought=sought.value,
            people=tuple(person_of_account(account) for account in people),
            complete=complete,
        )
    )


def _already_open(incident: Incident) -> Card:
    return problem_card(
        ProblemView(
            title=f"{incident.label} is already open",
            what=f"There is an open incident about {incident.subject.name}. Nothing was changed now.",
            next_step=f"Write status {incident.label} to see where it stands.",
        )
    )
