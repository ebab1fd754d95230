"""What happened: the verdict of the round, put into the thread once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cards import incident_card, verdict_card
from cards.views import ClaimGroup, ClaimLine, EventLine, GapLine, Tone, VerdictView
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import incident_view, person_of_subject
from dialogs.turn import Answer, CardAnswer, Click
from services import tasks
from services.access import Permission
from services.errors import BadInput, Conflict
from services.incidents import store
from services.incidents.model import Incident
from services.incidents.verdict import Level, Verdict, verdict_of
from services.incidents.verdict_case import Claim, Topic
from services.playbook.ledger import effects_of, findings_of, runs_of
from services.playbook.step import Severity
from services.posts import PostKind

_QUESTIONS: Mapping[Topic, str] = {
    Topic.SINCE: "Since when",
    Topic.ENTRY: "How they got in",
    Topic.DID: "What they read, took or changed",
    Topic.SENT: "What was sent",
    Topic.FOUND: "What else was found",
}
_CONFIDENCE: Mapping[Level, str] = {
    Level.HIGH: "High",
    Level.MEDIUM: "Medium",
    Level.LOW: "Low",
    Level.NONE: "Cannot tell",
}
_TONES: Mapping[Severity, Tone] = {
    Severity.ALARM: Tone.ATTENTION,
    Severity.NOTE: Tone.NEUTRAL,
    Severity.WARNING: Tone.WARNING,
}


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the verdict into the incident's thread. The button is of one round: an older one is refused."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
        if not store.same_nonce(str(incident.investigation.get("nonce", "")), click.nonce):
            raise BadInput(reason="stale-card")
        if not incident.investigation.get("done"):
            raise Conflict(reason="step-running")
        runs = await runs_of(connection, incident.id)
        findings = await findings_of(connection, incident.id)
        effects = {run.id: await effects_of(connection, run.id) for run in runs}
        by_hand = await tasks.tasks_of(connection, incident.id)
    verdict = verdict_of(incident, parts.steps, runs, findings, effects, by_hand)
    now = parts.now()
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"verdict:{incident.id}:{incident.investigation['nonce']}",
            PostKind.REPLY,
            now,
            conversation=incident.conversation,
            card=verdict_card(verdict_view(incident, verdict, now)),
            summary=f"{incident.label}: what happened",
        )
    viewer = Viewer(click.actor, standing.permissions)
    return CardAnswer(incident_card(await incident_view(parts, incident.id, viewer=viewer)))


def verdict_view(incident: Incident, verdict: Verdict, as_of: datetime) -> VerdictView:
    """The verdict as the card shows it: grouped by the questions that people ask."""
    groups = (
        ClaimGroup(title, tuple(_line(claim) for claim in verdict.claims if claim.topic is topic))
        for topic, title in _QUESTIONS.items()
    )
    tone = Tone.WARNING if verdict.worst is None and (verdict.gaps or verdict.entry) else Tone.NEUTRAL
    return VerdictView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        summary=_line(verdict.summary),
        tone=tone if verdict.worst is None else _TONES[verdict.worst],
        confidence=_CONFIDENCE[verdict.level],
        confidence_why=verdict.level_why,
        as_of=as_of,
        groups=tuple(group for group in groups if group.lines),
        still_open=tuple(_line(claim) for claim in verdict.still_open),
        events=tuple(EventLine(each.at, each.text, each.by, _TONES[each.severity]) for each in verdict.events),
        gaps=tuple(GapLine(gap.title, gap.reason) for gap in verdict.gaps),
    )


def _line(claim: Claim) -> ClaimLine:
    return ClaimLine(claim.text, claim.by, claim.why, claim.at, claim.not_evaluated)
