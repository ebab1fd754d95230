"""A blast from its draft to its end: drawing it up once, asking, deciding, steering it, and what it leaves."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from cards import blast_card
from cards.blast import LEAVE_OUT_INPUT
from dialogs.blast_view import blast_view
from dialogs.letters import anew
from dialogs.parts import Parts
from dialogs.turn import Answer, CardAnswer, Click, TextAnswer
from services.access import Permission
from services.blasts import rows
from services.blasts.model import (
    Blast,
    BlastEvent,
    BlastState,
    Draft,
    Recipient,
    RecipientState,
    SendingPlan,
    Via,
)
from services.blasts.reach import addresses_at
from services.channel import Actor, Card, Conversation, ConversationKind
from services.errors import BadInput, Gone, NotFound
from services.incidents.store import new_nonce, same_nonce
from services.microsoft365.accounts import Account
from services.posts import PostKind

_OURS = uuid.UUID("5f0a3c0e-6d0b-4f57-9a36-0d7b7d3f1c11")
_FURTHEST = timedelta(days=366)  # nobody means a later day
_ENDS = frozenset({BlastState.CANCELLED, BlastState.EXPIRED, BlastState.REFUSED, BlastState.RECALLED})

Audience = AsyncIterable[Recipient] | Iterable[Recipient]


# -- drawing up ------------------------------------------------------------------------------------------------------


async def draw_up(
    parts: Parts,
    click: Click,
    where: Conversation,
    make: Callable[[str, str], Draft],
    audience: Callable[[], Audience],
    notes: Callable[[], Sequence[str]] = tuple,
) -> Answer:
    """Freezes the audience and puts the blast's card into the thread, once for a press, however often it is run.

    `make` gets the draft's id and nonce. `notes` is asked once the audience has been read.
    """
    seed = json.dumps([click.verb, click.id, click.nonce, click.actor.object_id, sorted(click.inputs.items())])
    for attempt in itertools.count():
        blast_id = str(uuid.uuid5(_OURS, f"{seed}:{attempt}"))
        try:
            async with parts.database.read() as connection:
                blast = await rows.get(connection, blast_id)
        except NotFound:
            blast = await parts.blasts.create(make(blast_id, new_nonce()), audience(), where)
            break
        if blast.digest and blast.state not in _ENDS:
            break  # it stands there already
        # else: cut off while it was frozen, or ended since: another one is begun
    said = [note for note in notes() if note]
    async with parts.database.write() as connection:
        if said:
            await rows.get(connection, blast.id, lock=True)
            data = {"notes": said}
            await rows.record(
                connection, blast.id, BlastEvent.EDITED, parts.now(), actor_id=click.actor.object_id, data=data
            )
        await want_card(parts, connection, blast, where)
    return TextAnswer("It stands in this thread, to be looked at. Nothing is sent before a second person approves it.")


async def want_card(parts: Parts, connection: AsyncConnection, blast: Blast, where: Conversation) -> None:
    """The card of the blast in its thread."""
    await parts.posts.want(
        connection,
        f"blast:{blast.id}",
        PostKind.BLAST,
        parts.now(),
        conversation=where,
        incident_id=blast.incident_id,
        summary=blast.title,
    )


def starts_at(parts: Parts, inputs: Mapping[str, str]) -> datetime | None:
    """The date and time that were given, by the organisation's clock; None for at once. Raises BadInput."""
    day, clock = inputs.get("date", "").strip(), inputs.get("time", "").strip()
    if not day and not clock:
        return None
    zone = ZoneInfo(parts.settings.time_zone)
    try:
        on = date.fromisoformat(day) if day else parts.now().astimezone(zone).date()
        at = datetime.combine(on, time.fromisoformat(clock or "09:00"), zone)
    except ValueError:
        raise BadInput(reason="not-a-time") from None
    if at - parts.now() > _FURTHEST:
        raise BadInput(reason="not-a-time")
    if at <= parts.now():
        raise BadInput(reason="time-is-past")
    return at


def canary_of(inputs: Mapping[str, str]) -> int:
    """How many come first. Raises BadInput."""
    given = inputs.get("canary", "0") or "0"
    if given not in {"0", "5", "10", "50", "group"}:
        raise BadInput(reason="unknown-choice")
    return 0 if given == "group" else int(given)


# -- the buttons -----------------------------------------------------------------------------------------------------


async def drop(parts: Parts, click: Click) -> Answer:
    """Leaves out those who are ticked."""
    blast = await _named(parts, click)
    places = [part.strip() for part in click.inputs.get(LEAVE_OUT_INPUT, "").split(",") if part.strip()]
    if not places:
        raise BadInput(reason="nothing-ticked")
    if not all(place.isascii() and place.isdigit() and len(place) < 10 for place in places):
        raise BadInput(reason="unknown-choice")
    async with parts.database.read() as connection:
        addresses = await addresses_at(connection, blast.id, [int(place) for place in places])
    await parts.blasts.drop(blast.id, click.actor, click.conversation, addresses)
    return await _answer(parts, blast.id, click)


async def ask(parts: Parts, click: Click) -> Answer:
    """Asks a second person, on the card in the thread and in the approvers' own chats."""
    blast = await _named(parts, click)

    async def announce(connection: AsyncConnection, asked: Blast, people: Sequence[Account]) -> None:
        for account in people:
            await parts.posts.want(
                connection,
                f"blast:{asked.id}:{asked.decision_nonce}:{account.id}",
                PostKind.BLAST,
                parts.now(),
                person=Actor(account.id, account.display_name, ""),
                incident_id=asked.incident_id,
                summary=f"Approval needed: {asked.title}",
            )

    await parts.blasts.ask(blast.id, click.actor, click.conversation, announce)
    return await _answer(parts, blast.id, click)


async def approve(parts: Parts, click: Click) -> Answer:
    """The second person's yes to exactly this audience and these words."""
    await parts.blasts.approve(_id_of(click), click.nonce, click.actor, click.conversation)
    return await _answer(parts, _id_of(click), click)


async def refuse(parts: Parts, click: Click) -> Answer:
    """The second person's no."""
    await parts.blasts.refuse(_id_of(click), click.nonce, click.actor, click.conversation)
    return await _answer(parts, _id_of(click), click)


def steer(name: str) -> Callable[[Parts, Click], Awaitable[Answer]]:
    """The handler of a button that needs nothing but the blast: pause, resume, cancel, recall, send_again."""

    async def handle(parts: Parts, click: Click) -> Answer:
        blast = await _named(parts, click)
        await getattr(parts.blasts, name)(blast.id, click.actor, click.conversation)
        return await _answer(parts, blast.id, click)

    return handle


async def remind(parts: Parts, click: Click) -> Answer:
    """Draws up the same message for those who have not answered; a second person decides about it as well."""
    parent = await _named(parts, click)
    where = parent.conversation or click.conversation
    blast_id = str(uuid.uuid5(_OURS, f"remind:{parent.id}:{parent.run}:{click.nonce}"))
    try:
        async with parts.database.read() as connection:
            blast = await rows.get(connection, blast_id)
    except NotFound:
        draft = _again(parts, parent, blast_id, new_nonce(), f"Reminder: {parent.title}", click.actor)
        blast = await parts.blasts.remind(parent.id, click.actor, click.conversation, draft)
    async with parts.database.write() as connection:
        await want_card(parts, connection, blast, where)
    return TextAnswer("The reminder stands in this thread, to be looked at and approved.")


async def mail(parts: Parts, click: Click) -> Answer:
    """Draws up the same warning as mail to those whom Teams did not reach."""
    parent = await _named(parts, click)
    await parts.access.require(click.actor, Permission.BLAST_SEND, click.conversation)
    where = parent.conversation or click.conversation

    def make(blast_id: str, nonce: str) -> Draft:
        return _again(parts, parent, blast_id, nonce, f"{parent.title}, by mail", click.actor)

    missing: list[str] = []
    return await draw_up(parts, click, where, make, lambda: _by_mail(parts, parent, missing), lambda: missing)


async def _by_mail(parts: Parts, parent: Blast, missing: list[str]) -> AsyncIterable[Recipient]:
    async with parts.database.read() as connection:
        pages = [page async for page in rows.deliveries(connection, parent.id)]
    without = 0
    for page in pages:
        for each in page:
            person = each.recipient
            if each.state is not RecipientState.FAILED or person.via is not Via.TEAMS:
                continue
            try:
                account = await parts.m365.directory.account(person.address)
            except Gone:
                account = None
            if account is None or not account.mail:
                without += 1
                continue
            yield Recipient(account.mail, Via.MAIL, person.name, person.language, person.department)
    if without:
        missing.append(f"{without} not reached: no mail address")


def _again(parts: Parts, parent: Blast, blast_id: str, nonce: str, title: str, actor: Actor) -> Draft:
    """The parent's words once more, on cards of their own."""
    return Draft(
        kind=parent.kind,
        title=title,
        requester=actor,
        content=anew(parent.kind, parent.content, parts.settings, blast_id, nonce),
        plan=SendingPlan(unknown=parent.plan.unknown),
        incident_id=parent.incident_id,
        id=blast_id,
        nonce=nonce,
    )


async def export(parts: Parts, click: Click) -> Answer:
    """Has the table of recipients offered as a file in the personal chat of whoever pressed."""
    blast = await _named(parts, click)
    await parts.deliveries.ask_recipients(blast.id, click.actor, click.conversation)
    return TextAnswer("Look at your personal chat with me: I ask you there whether you want the file.")


async def shown(parts: Parts, click: Click, notice: str | None = None) -> Card:
    """The card of the blast that a click is about. Raises NotFound."""
    personal = click.conversation.kind is ConversationKind.PERSONAL
    return blast_card(await blast_view(parts, _id_of(click), personal=personal, notice=notice))


async def card_of_post(parts: Parts, key: str, *, personal: bool) -> Card:
    """The card of the post with this key."""
    return blast_card(await blast_view(parts, key.split(":")[1], personal=personal))


async def home_of(parts: Parts, key: str) -> Conversation:
    """The thread of the blast of this post. Raises NotFound, and LookupError where it has none."""
    async with parts.database.read() as connection:
        blast = await rows.get(connection, key.split(":")[1])
    if blast.conversation is None:
        raise LookupError(key)
    return blast.conversation


async def _answer(parts: Parts, blast_id: str, click: Click) -> Answer:
    await parts.posts.redraw_keys(f"blast:{blast_id}")
    return CardAnswer(await shown(parts, click))


def _id_of(click: Click) -> str:
    return click.id.partition("/")[0]


async def _named(parts: Parts, click: Click) -> Blast:
    """The blast of a button that stood on its card. Raises NotFound, and BadInput for a card of another moment."""
    async with parts.database.read() as connection:
        blast = await rows.get(connection, _id_of(click))
    if not same_nonce(blast.decision_nonce, click.nonce):
        raise BadInput(reason="stale-card")
    return blast
