"""What anybody may do from Teams' own menus: report a message; and what those who work here may: find an incident."""

from __future__ import annotations

from datetime import UTC, datetime

from cards import found_card, report_form_card
from cards.trigger_views import FoundView, ReportFormView
from dialogs.commands import incident_number
from dialogs.parts import Parts
from dialogs.render import incident_line
from dialogs.turn import FormAnswer, FoundAnswer, FoundOne, MessageSeen, ReportAsked, ReportSent, Search, TextAnswer
from services.access import Permission
from services.errors import Conflict, IRBotError, NotAllowed
from services.incidents import store
from services.incidents.model import Incident, Subject
from services.incidents.subjects import recognise
from services.microsoft365.accounts import Account
from services.triggers.model import Report

KIND, NOTE = "kind", "note"
_MOST_FOUND = 10


async def form(parts: Parts, asked: ReportAsked) -> FormAnswer:
    """The form, with who the sender is by the directory: the message's own word for it proves nothing."""
    await parts.access.require(asked.actor, Permission.SELF_READ, None)
    if not parts.triggers.takes_reports:
        raise Conflict(reason="no-channel-for-reports")
    account = await _sender(parts, asked.message)
    name = f"{account.display_name} ({account.upn})" if account else asked.message.sender_name
    view = ReportFormView(name, account is not None, asked.message.text, KIND, NOTE)
    return FormAnswer("Report this message", report_form_card(view))


async def sent(parts: Parts, report: ReportSent) -> TextAnswer:
    """Records the report, once for each person and message, and thanks; the card comes to the incident channel.

    Whoever may be the intruder, a guest, or without a role may report as well: it is a report and no more.
    """
    await parts.access.require(report.actor, Permission.SELF_READ, None)
    account = await _sender(parts, report.message)
    subject = await _subject(parts, account) if account else None
    new = await parts.triggers.report(
        report.actor,
        report.place,
        Report(
            kind=report.kind,
            message_id=report.message.id,
            sender_name=account.display_name if account else report.message.sender_name,
            sent_at=_moment(report.message.sent_at),
            excerpt=report.message.text,
            notes=(report.note,) if report.note else (),
            reporters=(report.actor,),
        ),
        subject,
    )
    if not new:
        return TextAnswer("You have reported this message before. Your helpdesk has it.")
    return TextAnswer("Thank you. Your helpdesk sees your report. Do not answer the message, and open nothing in it.")


async def search(parts: Parts, asked: Search) -> FoundAnswer:
    """Incidents by name, address or number, newest first. Who may not read them gets none, and is told why."""
    try:
        await parts.access.require(asked.actor, Permission.INCIDENT_READ, None)
    except NotAllowed:
        return FoundAnswer((), "Incidents are shown to people with a role in IRBot. “whoami” shows yours.")
    async with parts.database.read() as connection:
        found = await store.search(connection, asked.sought, incident_number(asked.sought), _MOST_FOUND)
    return FoundAnswer(tuple([await _found(parts, incident) for incident in found]), "No incident fits.")


async def _found(parts: Parts, incident: Incident) -> FoundOne:
    line = await incident_line(parts, incident)
    return FoundOne(f"{line.number} · {line.subject}", line.next_step, found_card(FoundView(line)))


async def _sender(parts: Parts, message: MessageSeen) -> Account | None:
    """The account of the sender; None for an outsider, an app, and whoever cannot be looked up."""
    if message.sender_id is None:
        return None
    try:
        return await parts.m365.directory.account(message.sender_id)
    except IRBotError:
        return None


async def _subject(parts: Parts, account: Account) -> Subject:
    try:
        subject, _ = await recognise(parts.m365, parts.settings, account.id)
    except IRBotError:
        return Subject(account.id, account.display_name, account.upn, privileged=True, unknowns=("Not looked up.",))
    return subject


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
