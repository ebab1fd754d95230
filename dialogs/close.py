"""The end of an incident: its balance, the closing with a reason, and opening it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cards import closing_card, incident_card, notice_card
from cards.views import BalanceLine, Button, ButtonStyle, ClosingView, NoticeView
from dialogs.commands import Close, Reopen
from dialogs.facts import Viewer
from dialogs.help import asked_about, incidents
from dialogs.parts import Parts
from dialogs.render import incident_view, person_of_subject
from dialogs.report import choices_card
from dialogs.turn import Answer, CardAnswer, Click, Message
from dialogs.verbs import Verb
from services.access import Permission
from services.channel import Card
from services.errors import BadInput, Conflict
from services.incidents import closing, store
from services.incidents.closing import Balance, Line
from services.incidents.model import Incident, IncidentState
from services.playbook import ENTRY_BY_ID
from services.playbook.step import Guided
from services.posts import PostKind

REASON = "reason"
_EDUCATE = "educate-users"


async def command(parts: Parts, message: Message, asked: Close) -> Card | None:
    """Puts the closing card into the incident's thread. Outside of one, without a number: the list to choose from."""
    await parts.access.require(message.actor, Permission.INCIDENT_OPEN, message.conversation)
    found = await asked_about(parts, message, asked.incident)
    if found is None:
        return await incidents(parts, message)
    if found.state is not IncidentState.OPEN:
        raise Conflict(reason="incident-closed")
    await _want_card(parts, found)
    if found.conversation.id == message.conversation.id:
        return None
    return notice_card(NoticeView(f"Close {found.label}", f"Look at the thread of {found.label}, and decide there."))


async def show(parts: Parts, click: Click) -> Answer:
    """As the command, by the headline's button."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
    if not store.same_nonce(incident.nonce, click.nonce):
        raise BadInput(reason="stale-card")
    await _want_card(parts, incident)
    viewer = Viewer(click.actor, standing.permissions)
    notice = "What is done and what is open stands in this thread. Close the incident there."
    return CardAnswer(incident_card(await incident_view(parts, incident.id, viewer=viewer, notice=notice)))


async def confirm(parts: Parts, click: Click) -> Answer:
    """Closes the incident; with something open only with a reason."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    reason = click.inputs.get(REASON, "").strip()
    incident = await closing.close(parts.database, click.id, click.nonce, click.actor, reason, parts.steps, parts.now())
    parts.posts.changed.set()
    return CardAnswer(closing_card(await view_of(parts, incident.id, viewer=Viewer(click.actor, standing.permissions))))


async def show_report(parts: Parts, click: Click) -> Answer:
    """Puts the choice of reports into the thread."""
    standing = await parts.access.require(click.actor, Permission.REPORT_TAKE, click.conversation)
    async with parts.database.write() as connection:
        incident = await store.get(connection, click.id)
        await parts.posts.want(
            connection,
            f"report:{incident.id}:{incident.nonce}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=choices_card(incident),
            summary=f"{incident.label}: report",
        )
    viewer = Viewer(click.actor, standing.permissions)
    notice = "The reports to choose from stand in this thread."
    return CardAnswer(closing_card(await view_of(parts, incident.id, viewer=viewer, notice=notice)))


async def reopen(parts: Parts, message: Message, asked: Reopen) -> Card:
    """Opens a closed incident again; IRBot looks at the account anew."""
    await parts.access.require(message.actor, Permission.INCIDENT_OPEN, message.conversation)
    found = await asked_about(parts, message, asked.incident)
    if found is None:
        raise BadInput(reason="missing-incident")
    incident = await closing.reopen(parts.database, found.id, message.actor, parts.now())
    await parts.preparation.start(incident)
    parts.posts.changed.set()
    words = f"{incident.label}, {incident.subject.name}: IRBot looks at the account anew. Go on in its thread."
    return notice_card(NoticeView("Open again", words))


async def view_of(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> ClosingView:
    """The closing card as of now. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        balance = await closing.balance_of(connection, incident, parts.steps)
        closed = await closing.closed_of(connection, incident)
    may = viewer.permissions if viewer else frozenset(Permission)
    return ClosingView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        done=_lines(balance.done),
        not_evaluated=_lines(balance.not_evaluated),
        waived=_lines(balance.waived),
        still_open=_lines(balance.still_open),
        lessons=balance.lessons,
        reason_input=REASON if balance.still_open and closed is None and Permission.INCIDENT_OPEN in may else None,
        closed_by=closed.by if closed else None,
        closed_at=closed.at if closed else None,
        reason=closed.reason if closed else "",
        buttons=tuple(_buttons(incident, balance, may)),
        notice=notice,
    )


def _lines(lines: Sequence[Line]) -> tuple[BalanceLine, ...]:
    return tuple(BalanceLine(line.title, line.reason, line.who) for line in lines)


def _buttons(incident: Incident, balance: Balance, may: frozenset[Permission]) -> Iterable[Button]:
    if incident.state is IncidentState.OPEN:
        if Permission.INCIDENT_OPEN in may:
            title = "Close all the same" if balance.still_open else "Close incident"
            style = ButtonStyle.DESTRUCTIVE if balance.still_open else ButtonStyle.POSITIVE
            yield Button(title, Verb.CLOSE_CONFIRM, incident.id, incident.nonce, style)
        lesson = ENTRY_BY_ID.get(_EDUCATE)
        if isinstance(lesson, Guided) and lesson.opens in set(Verb) and lesson.may_run in may:
            yield Button("Teach the lesson…", lesson.opens, f"{incident.id}/{_EDUCATE}", incident.nonce)
    if Permission.REPORT_TAKE in may:
        yield Button("Final report…", Verb.REPORT_SHOW, incident.id, incident.nonce)


async def _want_card(parts: Parts, incident: Incident) -> None:
    async with parts.database.write() as connection:
        await parts.posts.want_in_thread(
            connection, incident, f"closing:{incident.id}:{incident.nonce}", PostKind.CLOSING, parts.now(), "close"
        )
