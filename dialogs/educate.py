"""Teaching: a lesson from the library, for whom, in which language, when; then the blast's own card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cards import composer_card
from cards.blast_views import Choice, ComposerView, Field
from cards.views import Button, ButtonStyle
from dialogs.blasts import canary_of, draw_up, starts_at
from dialogs.letters import lesson_content
from dialogs.parts import Parts
from dialogs.turn import Answer, Click, Message, TextAnswer
from dialogs.verbs import Verb
from dialogs.warn import timing_fields
from services.access import Permission
from services.blasts.classes import Class, Pick, Tally, names_in, students
from services.blasts.languages import Language
from services.blasts.lessons import LURE, Lesson, library
from services.blasts.model import BlastKind, Draft, Hours, SendingPlan
from services.blasts.traced import traced
from services.blasts.warnings import day, masked_address, masked_subject
from services.channel import Card
from services.errors import BadInput, Conflict
from services.incidents import store
from services.incidents.model import Incident, IncidentState
from services.posts import PostKind

_NO_INCIDENT = "organisation"
_REMINDERS = {"none": (), "3": (72,), "3+7": (72, 168)}


async def compose(parts: Parts, message: Message) -> Card:
    """The composer for a lesson that has nothing to do with an incident."""
    await parts.access.require(message.actor, Permission.BLAST_SEND, message.conversation)
    return composer_card(_composer(parts, None, store.new_nonce()))


async def open_composer(parts: Parts, click: Click) -> Answer:
    """Puts the composer into the incident's thread."""
    await parts.access.require(click.actor, Permission.BLAST_SEND, click.conversation)
    incident = await _incident(parts, click)
    if incident is None:
        raise BadInput(reason="unknown-button")
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"lesson:{incident.id}:{incident.nonce}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=composer_card(_composer(parts, incident, incident.nonce)),
            summary=f"{incident.label}: lesson",
        )
    return TextAnswer("The card for the lesson stands in this thread.")


async def preview(parts: Parts, click: Click) -> Answer:
    """Freezes who is taught and how it reads; nothing is sent before a second person has approved exactly that."""
    await parts.access.require(click.actor, Permission.BLAST_SEND, click.conversation)
    incident, inputs = await _incident(parts, click), click.inputs
    lesson = await _lesson(parts, incident, inputs.get("lesson", ""))
    chosen = _class(parts, incident, inputs)
    only = _only(inputs.get("language", "own"))
    tally = Tally()
    group_first = inputs.get("canary") == "group"
    size = await _group_size(parts, chosen) if group_first else canary_of(inputs)
    plan = SendingPlan(
        hours=Hours() if chosen.own_zones else None,
        canary=size,
        reminder_hours=_reminders(inputs.get("remind", "none")),
    )
    at = starts_at(parts, inputs)

    def make(blast_id: str, nonce: str) -> Draft:
        return Draft(
            kind=BlastKind.EDUCATE,
            title=lesson.title,
            requester=click.actor,
            content=lesson_content(lesson, only, blast_id, nonce),
            plan=plan,
            incident_id=None if incident is None else incident.id,
            scheduled_at=at,
            id=blast_id,
            nonce=nonce,
        )

    where = click.conversation if incident is None else incident.conversation
    zone = parts.settings.time_zone
    return await draw_up(
        parts, click, where, make, lambda: students(parts.m365, parts.database, chosen, zone, tally), tally.notes
    )


async def _incident(parts: Parts, click: Click) -> Incident | None:
    incident_id = click.id.partition("/")[0]
    if incident_id == _NO_INCIDENT:
        return None
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
    if not store.same_nonce(incident.nonce, click.nonce):
        raise BadInput(reason="stale-card")
    if incident.state is not IncidentState.OPEN:
        raise Conflict(reason="incident-closed")
    return incident


def _class(parts: Parts, incident: Incident | None, inputs: Mapping[str, str]) -> Class:
    pick = inputs.get("pick", "")
    if pick not in set(Pick):
        raise BadInput(reason="unknown-choice")
    return Class(
        pick=Pick(pick),
        names=names_in(inputs.get("names", "")),
        incident_id=None if incident is None else incident.id,
        first_group=parts.settings.lesson_test_group if inputs.get("canary") == "group" else "",
        own_zones=inputs.get("hours") == "yes",
    )


async def _group_size(parts: Parts, chosen: Class) -> int:
    """How many of the test group can be taught: as many go first."""
    if not chosen.first_group:
        raise BadInput(reason="no-test-group")
    tally = Tally()
    alone = Class(Pick.GROUPS, (chosen.first_group,))
    people = [each async for each in students(parts.m365, parts.database, alone, parts.settings.time_zone, tally)]
    if not people:
        raise BadInput(reason="no-test-group")
    return len(people)


def _only(given: str) -> Language | None:
    if given == "own":
        return None
    if given not in set(Language):
        raise BadInput(reason="unknown-choice")
    return Language(given)


def _reminders(given: str) -> tuple[int, ...]:
    if given not in _REMINDERS:
        raise BadInput(reason="unknown-choice")
    return _REMINDERS[given]


async def _lesson(parts: Parts, incident: Incident | None, lesson_id: str) -> Lesson:
    lesson = library().get(lesson_id)
    if lesson is None or (lesson_id == LURE and incident is None):
        raise BadInput(reason="unknown-choice")
    if lesson_id != LURE or incident is None:
        return lesson
    since = incident.opened_at - timedelta(days=parts.settings.look_back_days)
    found = await traced(parts.database, parts.vault, parts.m365, incident, since)
    worst = next((each for each in found.messages if each.suspicious), None)
    if worst is None:
        raise Conflict(reason="no-lure")
    return lesson.filled(dict.fromkeys(Language, _blanks(incident, worst.subject, worst.first or incident.opened_at)))


def _blanks(incident: Incident, subject: str, at: datetime) -> Mapping[str, str]:
    sender = incident.subject.mail or incident.subject.upn
    masked = masked_subject(subject, (incident.subject.name,)) or "•••"
    return {"subject": f"“{masked}”", "sender": masked_address(sender), "day": day(at)}


# -- the composer ----------------------------------------------------------------------------------------------------


def _composer(parts: Parts, incident: Incident | None, nonce: str) -> ComposerView:
    target = _NO_INCIDENT if incident is None else incident.id
    lessons = [each for each in library().values() if each.id != LURE or incident is not None]
    if incident is not None:
        lessons.sort(key=lambda each: each.id != LURE)
    picks = (
        Choice(Pick.PEOPLE, "These people (addresses)"),
        Choice(Pick.GROUPS, "These groups (names, addresses or ids)"),
        Choice(Pick.DEPARTMENTS, "These departments"),
        Choice(Pick.EVERYBODY, "Everybody with a licence"),
        Choice(Pick.CLICKED, "All who said that they clicked" + ("" if incident is None else " in this incident")),
    )
    return ComposerView(
        about="" if incident is None else incident.label,
        title="Send a lesson",
        intro="One card, one minute, one question. You see who gets it and how it reads before anything is sent.",
        fields=(
            Field(
                "lesson",
                "choice",
                "Lesson",
                tuple(Choice(each.id, each.title) for each in lessons),
                lessons[0].id if incident is not None else "",
                required="Choose a lesson.",
            ),
            Field("pick", "choice", "For whom", picks, "", required="Choose for whom it is."),
            Field("names", "text", "Names, one a line", hint="Finance, Sales"),
            *_timing(parts),
        ),
        buttons=(Button("Draw it up…", Verb.LESSON_PREVIEW, target, nonce, ButtonStyle.POSITIVE),),
    )


def _timing(parts: Parts) -> Sequence[Field]:
    fields = list(timing_fields(parts))
    if parts.settings.lesson_test_group:
        canary = fields[-1]
        more = (*canary.choices, Choice("group", "To the test group"))
        fields[-1] = Field(canary.id, canary.kind, canary.label, more, canary.value, folded=True)
    hours = (Choice("no", "At any time"), Choice("yes", "In working hours only, by everybody's own clock"))
    remind = (
        Choice("none", "Remind nobody"),
        Choice("3", "Remind after 3 days"),
        Choice("3+7", "Remind after 3 and 7 days"),
    )
    return (
        *fields,
        Field("hours", "choice", "When it may arrive", hours, "no", folded=True),
        Field("remind", "choice", "Who has not answered", remind, "none", folded=True),
    )
