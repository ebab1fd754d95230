"""Telling the partners: a prepared notice, previewed and confirmed, who answered, and the bank's 72 hours."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from cards import partners_card
from cards.views import Button, ButtonStyle, Choice, PartnerLine, PartnersView, RecallBox, Tone
from dialogs import phases
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import person_of_subject
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services import tasks
from services.access import Permission, Standing
from services.channel import Actor
from services.errors import BadInput, Conflict, IRBotError
from services.incidents import store, timeline
from services.incidents.model import Incident, IncidentState
from services.incidents.timeline import AuditTag
from services.incidents.verdict import Verdict, verdict_of
from services.mailing import MailState, Sent
from services.partners import notices, recall
from services.partners.contacts import Contact, Kind
from services.partners.notices import Notice, NoticeState, WebhookState
from services.partners.summary import summary_of
from services.playbook import guided
from services.playbook.contact_partner import GUIDED
from services.playbook.ledger import Found, effects_of, findings_of, runs_of
from services.playbook.step import Outcome, State
from services.posts import PostKind
from services.tasks import Task, TaskState

SEND_TO, WHO, NAME = "partners", "partner", "name"
_SOMEBODY_ELSE = "other"
_KINDS: Mapping[Kind, str] = {
    Kind.BANK: "Bank",
    Kind.CSP: "Licence provider (CSP)",
    Kind.INSURER: "Insurer",
    Kind.LEGAL: "Lawyers",
    Kind.MSP: "IT provider (MSP)",
}
_MAIL_WORDS: Mapping[MailState, str] = {
    MailState.BOUNCED: "Mail came back",
    MailState.CANCELLED: "Mail taken back",
    MailState.FAILED: "Mail not sent",
    MailState.SENDING: "Mail on its way",
    MailState.SENT: "Mail sent",
    MailState.UNKNOWN: "Mail: outcome unknown",
    MailState.WANTED: "Mail waits to be sent",
}
_WEBHOOK_WORDS: Mapping[WebhookState, str] = {
    WebhookState.FAILED: "Webhook not taken",
    WebhookState.SENDING: "Webhook on its way",
    WebhookState.SENT: "Webhook taken",
    WebhookState.UNKNOWN: "Webhook: outcome unknown",
    WebhookState.WANTED: "Webhook waits to be called",
}
_BAD_MAIL = frozenset({MailState.BOUNCED, MailState.FAILED, MailState.UNKNOWN})
_BAD_WEBHOOK = frozenset({WebhookState.FAILED, WebhookState.UNKNOWN})
_HOW_TO = (
    "No partners are configured. Call them by hand: the task stands in this thread. An administrator can list them in "
    "the file that IRBOT_PARTNERS_FILE names; the administrator guide shows how."
)
_CALL_BY_HAND = (
    "Call your IT provider (CSP or MSP), and your insurer if you are insured against cyber crime.",
    "Ask your lawyers whether the data protection authority has to be told: 72 hours are usual.",
    "Note who answered on the card “Tell the partners”.",
)


# -- what the buttons do ---------------------------------------------------------------------------------------------


async def show(parts: Parts, click: Click) -> Answer:
    """Prepares the notice, puts the card into the thread, and has a person call who can only be called."""
    incident_id = click.id.partition("/")[0]
    standing = await parts.access.require(
        click.actor, GUIDED.may_run, click.conversation, incident_id=incident_id, harmless=True
    )
    verdict, findings, reply_to = await _known(parts, incident_id)
    now = parts.now()
    async with parts.database.write() as connection:
        incident = await store.get(connection, incident_id, lock=True)
        if not store.same_nonce(incident.nonce, click.nonce):
            raise BadInput(reason="stale-card")
        if incident.state is not IncidentState.OPEN:
            raise Conflict(reason="incident-closed")
        if not await notices.notices_of(connection, incident_id):
            summary = summary_of(incident, verdict, click.actor.name, now, reply_to)
            await notices.prepare(connection, incident, parts.contacts, summary, click.actor, now)
        call = await _want_call(parts, connection, incident)
        await _want_post(parts, connection, incident, f"task:{call.id}", PostKind.TASK, call.title)
        since = recall.may_have_moved(findings)
        if since is not None:
            await _want_recall(parts, connection, incident, click.actor)
        key = f"partners:{incident_id}"
        await _want_post(parts, connection, incident, key, PostKind.PARTNERS, GUIDED.title)
    viewer = Viewer(click.actor, standing.permissions)
    notice = f"The card “{GUIDED.title}” stands in this thread."
    shown = await phases.shown(parts, click.id, viewer=viewer, notice=notice)
    return shown or CardAnswer(partners_card(await view_of(parts, incident_id, viewer=viewer)))


async def send(parts: Parts, click: Click) -> Answer:
    """Confirms: those who are ticked get exactly what was previewed."""
    standing = await _allowed(parts, click, harmless=False)
    chosen = [each for each in click.inputs.get(SEND_TO, "").split(",") if each]
    now = parts.now()
    async with parts.database.write() as connection:
        incident = await _open_incident(connection, click.id)
        sent = await notices.confirm(connection, parts.mailing, incident.id, click.nonce, chosen, click.actor, now)
    names = ", ".join(each.contact.name for each in sent)
    outcome = Outcome(State.ACCEPTED, f"Sent to {names}. Nobody has answered yet.")
    await guided.record(parts.ledger, incident, GUIDED.id, outcome, click.actor, sent[0].id, now)
    return await _card(parts, click, standing)


async def anew(parts: Parts, click: Click) -> Answer:
    """Prepares the notice again, with what is known by now. What was sent stays as it was."""
    standing = await _allowed(parts, click)
    verdict, _, reply_to = await _known(parts, click.id)
    async with parts.database.write() as connection:
        incident = await _open_incident(connection, click.id)
        _require_newest(await notices.notices_of(connection, incident.id, lock=True), click.nonce)
        summary = summary_of(incident, verdict, click.actor.name, parts.now(), reply_to)
        await notices.prepare(connection, incident, parts.contacts, summary, click.actor, parts.now())
    return await _card(parts, click, standing)


async def answered(parts: Parts, click: Click) -> Answer:
    """Notes who answered, with name and time."""
    standing = await _allowed(parts, click)
    name, who, now = click.inputs.get(NAME, "").strip(), click.inputs.get(WHO, ""), parts.now()
    if not name:
        raise BadInput(reason="no-name")
    async with parts.database.write() as connection:
        incident = await _open_incident(connection, click.id)
        await _require_call_nonce(connection, click)
        if who == _SOMEBODY_ELSE:
            whom, cause = "A partner", str(uuid.uuid5(uuid.NAMESPACE_OID, f"{incident.id}:{name}"))
            data = {"contact": _SOMEBODY_ELSE, "name": name}
            actor_id = click.actor.object_id
            await timeline.append(
                connection, incident.id, AuditTag.PARTNER_ANSWERED, at=now, actor_id=actor_id, data=data
            )
        else:
            notice = await notices.answered(connection, incident.id, who, name, click.actor, now)
            whom, cause = notice.contact.name, str(uuid.uuid5(uuid.NAMESPACE_OID, f"answer:{notice.id}"))
    outcome = Outcome(State.DONE, f"{whom} answered ({name}).")
    await guided.record(parts.ledger, incident, GUIDED.id, outcome, click.actor, cause, now)
    return await _card(parts, click, standing)


async def money(parts: Parts, click: Click) -> Answer:
    """A responder says that money may have moved: the bank's clock starts."""
    standing = await _allowed(parts, click)
    async with parts.database.write() as connection:
        incident = await _open_incident(connection, click.id)
        await _require_call_nonce(connection, click)
        await _want_recall(parts, connection, incident, click.actor)
    return await _card(parts, click, standing)


async def refresh(parts: Parts, sent_within: timedelta, *, clocks: bool = False) -> int:
    """Has the cards of lately told partners drawn again: a mail may have come back, hours may have passed."""
    async with parts.database.write() as connection:
        drawn = await notices.refresh_cards(connection, parts.now() - sent_within, clocks=clocks)
    if drawn:
        parts.posts.changed.set()
    return drawn


async def _allowed(parts: Parts, click: Click, *, harmless: bool = True) -> Standing:
    """What is only drafted or noted goes on while all work is stopped; sending does not."""
    return await parts.access.require(
        click.actor, GUIDED.may_run, click.conversation, incident_id=click.id, harmless=harmless
    )


async def _open_incident(connection: AsyncConnection, incident_id: str) -> Incident:
    incident = await store.get(connection, incident_id, lock=True)
    if incident.state is not IncidentState.OPEN:
        raise Conflict(reason="incident-closed")
    return incident


def _require_newest(found: Sequence[Notice], draft: str) -> None:
    if not found or not store.same_nonce(found[-1].draft, draft):
        raise BadInput(reason="stale-card")


async def _require_call_nonce(connection: AsyncConnection, click: Click) -> None:
    call = await tasks.by_key(connection, _call_key(click.id))
    if call is None or not store.same_nonce(call.nonce, click.nonce):
        raise BadInput(reason="stale-card")


async def _card(parts: Parts, click: Click, standing: Standing) -> Answer:
    parts.posts.changed.set()
    async with parts.database.write() as connection:
        await notices.refresh_card(connection, click.id)
    viewer = Viewer(click.actor, standing.permissions)
    return CardAnswer(partners_card(await view_of(parts, click.id, viewer=viewer)))


# -- what they need --------------------------------------------------------------------------------------------------


async def _known(parts: Parts, incident_id: str) -> tuple[Verdict, tuple[Found, ...], str]:
    """What is known of the incident, and where answers go; without a mailbox to send from they go nowhere."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        runs = await runs_of(connection, incident_id)
        findings = await findings_of(connection, incident_id)
        effects = {run.id: await effects_of(connection, run.id) for run in runs}
        by_hand = await tasks.tasks_of(connection, incident_id)
    try:
        sender = await parts.mailing.sender()
    except IRBotError:
        reply_to = ""
    else:
        reply_to = sender.mail or sender.upn
    return verdict_of(incident, parts.steps, runs, findings, effects, by_hand), findings, reply_to


def _call_key(incident_id: str) -> str:
    return f"call-partners:{incident_id}"


async def _want_call(parts: Parts, connection: AsyncConnection, incident: Incident) -> Task:
    """The task of calling: with the numbers where they are known."""
    numbers = [f"{_KINDS[each.kind]} {each.name}: {each.phone}" for each in parts.contacts if each.phone]
    return await tasks.want(
        connection,
        _call_key(incident.id),
        incident_id=incident.id,
        step_id=GUIDED.id,
        title="Call the partners",
        instructions=(*numbers, _CALL_BY_HAND[-1]) if numbers else _CALL_BY_HAND,
        now=parts.now(),
        due_at=parts.now() + timedelta(hours=parts.settings.task_reminder_hours),
    )


async def _want_recall(parts: Parts, connection: AsyncConnection, incident: Incident, by: Actor) -> None:
    """The recall's task, and its card; the clock starts when money may first have moved."""
    since = recall.may_have_moved(await findings_of(connection, incident.id)) or incident.opened_at
    task = await recall.want(connection, incident, parts.contacts, since, parts.now())
    await _want_post(parts, connection, incident, f"task:{task.id}", PostKind.TASK, task.title)


async def _want_post(
    parts: Parts, connection: AsyncConnection, incident: Incident, key: str, kind: PostKind, title: str
) -> None:
    await parts.posts.want_in_thread(connection, incident, key, kind, parts.now(), title)


# -- the card --------------------------------------------------------------------------------------------------------


async def shown(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> CardAnswer:
    """The card as it is now."""
    return CardAnswer(partners_card(await view_of(parts, incident_id, viewer=viewer, notice=notice)))


async def view_of(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> PartnersView:
    """How telling the partners stands. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        every = await notices.notices_of(connection, incident_id)
        mails = await notices.mails_of(connection, parts.mailing, incident_id)
        bank = await recall.task_of(connection, incident_id)
        call = await tasks.by_key(connection, _call_key(incident_id))
        told = await timeline.read(connection, incident_id)
    may = viewer.permissions if viewer else frozenset(Permission)
    active = incident.state is IncidentState.OPEN and GUIDED.may_run in may and call is not None
    newest = _newest(every)
    drafts = [each for each in newest if each.state is NoticeState.DRAFT and each.contact.can_be_sent_to]
    first = newest[0] if newest else None
    nonce = call.nonce if call is not None else ""
    return PartnersView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        lines=(*(_line(each, mails.get(each.id)) for each in newest), *_somebody_else(told)),
        how_to="" if newest else _HOW_TO,
        recall=None if bank is None else _recall_box(parts, bank),
        preview_subject=first.subject if first else "",
        preview=tuple(_shown(line) for line in (first.text if first else "").split("\n") if line),
        prepared_by=first.prepared_by.name if first else "",
        prepared_at=first.prepared_at if first else None,
        send_input=SEND_TO,
        to_send=tuple(Choice(each.contact.id, _way(each.contact)) for each in drafts) if active else (),
        send_buttons=_send_buttons(incident, drafts, first) if active else (),
        who_input=WHO,
        name_input=NAME,
        who_answered=_who(newest) if active else (),
        answer_buttons=(Button("Note the answer", Verb.PARTNERS_ANSWERED.value, incident.id, nonce),) if active else (),
        buttons=(Button("Money may have moved", Verb.PARTNERS_MONEY.value, incident.id, nonce),)
        if active and bank is None
        else (),
        closed=incident.state is not IncidentState.OPEN,
        notice=notice,
    )


def _somebody_else(told: Sequence[timeline.Entry]) -> Iterable[PartnerLine]:
    """Who answered and stands in no list of ours."""
    for entry in told:
        if entry.event == AuditTag.PARTNER_ANSWERED and entry.data.get("contact") == _SOMEBODY_ELSE:
            state = f"Answered: {entry.data.get('name', '')}"
            yield PartnerLine("Somebody else", "", state, Tone.GOOD, at=entry.at)


def _newest(every: Sequence[Notice]) -> list[Notice]:
    """What stands for each partner: what was sent to them last, or the newest draft."""
    found: dict[str, Notice] = {}
    for notice in every:
        if notice.state is not NoticeState.DROPPED:
            found[notice.contact.id] = notice
    return list(found.values())


def _send_buttons(incident: Incident, drafts: Sequence[Notice], first: Notice | None) -> tuple[Button, ...]:
    if first is None:
        return ()
    again = Button("Write it anew", Verb.PARTNERS_ANEW.value, incident.id, (drafts[0] if drafts else first).draft)
    if not drafts:
        return (again,)
    title = "Send now"
    return Button(title, Verb.PARTNERS_SEND.value, incident.id, drafts[0].draft, ButtonStyle.POSITIVE), again


def _shown(line: str) -> str:
    """A line of a list as a card shows it: a hyphen would be taken for markup."""
    return f"• {line.removeprefix('- ')}" if line.startswith("- ") else line


def _who(newest: Sequence[Notice]) -> tuple[Choice, ...]:
    waiting = [each for each in newest if each.answered is None]
    return (*(Choice(each.contact.id, each.contact.name) for each in waiting), Choice(_SOMEBODY_ELSE, "Somebody else"))


def _way(contact: Contact) -> str:
    ways = [contact.mail, "webhook" if contact.webhook else ""]
    return f"{contact.name}: {' and '.join(way for way in ways if way)}"


def _line(notice: Notice, mail: Sent | None) -> PartnerLine:
    contact = notice.contact
    state, tone = _state(notice, mail)
    details = []
    if mail is not None:
        details.append(_with_reason(_MAIL_WORDS[mail.state], mail.reason))
    if notice.webhook is not WebhookState.NONE:
        details.append(_with_reason(_WEBHOOK_WORDS[notice.webhook], notice.webhook_reason))
    if notice.sent_by is not None:
        details.append(f"Confirmed by {notice.sent_by.name}")
    at = notice.answered.at if notice.answered is not None else notice.sent_at
    return PartnerLine(contact.name, _KINDS[contact.kind], state, tone, contact.phone, tuple(details), at)


def _state(notice: Notice, mail: Sent | None) -> tuple[str, Tone]:
    """Where a partner stands, in a word. That one way failed shows, even where the other one worked."""
    if notice.answered is not None:
        return f"Answered: {notice.answered.name}", Tone.GOOD
    if notice.state is NoticeState.DRAFT:
        return ("Ready to be sent", Tone.NEUTRAL) if notice.contact.can_be_sent_to else ("To be called", Tone.WARNING)
    trouble = (mail is not None and mail.state in _BAD_MAIL) or notice.webhook in _BAD_WEBHOOK
    if notices.arrived(notice, mail):
        return "Told, no answer yet", Tone.WARNING if trouble else Tone.NEUTRAL
    return ("Not reached: call them", Tone.ATTENTION) if trouble else ("On its way", Tone.NEUTRAL)


def _with_reason(words: str, reason: str) -> str:
    return f"{words}: {reason}" if reason else words


def _recall_box(parts: Parts, task: Task) -> RecallBox:
    by = task.done_by.name if task.done_by is not None else None
    ended = task.state is not TaskState.OPEN
    return RecallBox(
        left=recall.time_left(task, parts.now()),
        until=task.due_at,
        done_by=by if ended else None,
        done_at=task.done_at if ended else None,
    )
