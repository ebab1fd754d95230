"""The report of an incident: what there is, and into whose hands it goes."""

from __future__ import annotations

from cards import report_card
from cards.views import Button, ReportChoice, ReportView
from dialogs.commands import Report
from dialogs.help import asked_about, incidents
from dialogs.parts import Parts
from dialogs.render import person_of_subject
from dialogs.turn import Answer, Click, FileAnswer, Message, TextAnswer
from dialogs.verbs import Verb
from services.access import Permission
from services.channel import Card
from services.errors import BadInput
from services.incidents import store
from services.incidents.model import Incident
from services.incidents.report.delivery import ReportKind

_CHOICES = (
    (ReportKind.PLAIN, "Plain report", "One page for the person and their manager. PDF."),
    (ReportKind.TECHNICAL, "Technical report", "Everything that was seen, decided and done. PDF."),
    (
        ReportKind.BUNDLE,
        "Everything",
        "Both reports, the timeline and the readable evidence, with checksums. ZIP. Guard it well.",
    ),
)


async def offer(parts: Parts, message: Message, command: Report) -> Card:
    """What can be taken. Without a number and outside of an incident's thread: the list to choose from."""
    await parts.access.require(message.actor, Permission.REPORT_TAKE, message.conversation)
    found = await asked_about(parts, message, command.incident)
    if found is None:
        return await incidents(parts, message)
    return choices_card(found)


def choices_card(incident: Incident) -> Card:
    """The card with a button for each form of the report."""
    nonce = store.new_nonce()  # each card gives a file once
    return report_card(
        ReportView(
            incident_number=incident.label,
            subject=person_of_subject(incident.subject),
            choices=tuple(
                ReportChoice(
                    title, holds, Button(f"Get {title.lower()}", Verb.REPORT_GET, f"{incident.id}/{kind}", nonce)
                )
                for kind, title, holds in _CHOICES
            ),
        )
    )


async def get(parts: Parts, click: Click) -> Answer:
    """Has the file offered in the personal chat of whoever pressed."""
    incident_id, _, kind = click.id.partition("/")
    if kind not in set(ReportKind):
        raise BadInput(reason="unknown-button")
    await parts.deliveries.ask(incident_id, ReportKind(kind), click.actor, click.conversation)
    return TextAnswer("Look at your personal chat with me: I ask you there whether you want the file.")


async def answered(parts: Parts, answer: FileAnswer) -> None:
    """The person's yes or no."""
    await parts.deliveries.answered(answer.offer, answer.nonce, answer.actor, answer.upload)
