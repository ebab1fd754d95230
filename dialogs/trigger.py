"""A risk, an alert or a report: the card that asks, what people answer, and what a rule does by itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa

from cards import trigger_card
from cards.trigger_views import SignLine, TriggerView
from cards.views import Button, ButtonStyle, Tone
from dialogs.facts import Viewer
from dialogs.open import open_account
from dialogs.parts import Parts
from dialogs.render import person_of_subject, subject_warnings
from dialogs.turn import CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.channel import Conversation
from services.database import tables
from services.errors import BadInput, Conflict, Gone, IRBotError, Refusal
from services.incidents import store as incidents
from services.incidents import timeline
from services.incidents.model import Incident, conversation_from_json
from services.incidents.timeline import AuditTag
from services.plain_words import explain
from services.triggers import rules, store
from services.triggers.model import Report, RuleState, Sign, Source, Trigger, TriggerState

log = logging.getLogger(__name__)

REASON = "reason"
_IN_ENTRA = "Microsoft goes on counting the account as risky until somebody dismisses the risk in Entra."
_TONES: Mapping[str, Tone] = {"high": Tone.ATTENTION, "medium": Tone.WARNING, "low": Tone.WARNING}
_REPORTED: Mapping[str, str] = {
    "compromise": "Reported: an account that may be in a stranger's hands",
    "phishing": "Reported as phishing",
}


# -- the card --------------------------------------------------------------------------------------------------------


async def view_of(
    parts: Parts, trigger_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> TriggerView:
    """The card as things are now. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        trigger = await store.get(connection, trigger_id)
        incident = await incidents.get(connection, trigger.incident_id) if trigger.incident_id else None
    is_open = trigger.state is TriggerState.OPEN
    may = Permission.INCIDENT_OPEN in (viewer.permissions if viewer else frozenset(Permission))
    opens = is_open and may and trigger.subject is not None
    name = trigger.subject.name if trigger.subject else trigger.report.sender_name if trigger.report else ""
    return TriggerView(
        title=_title(trigger, incident, name or "an unknown sender"),
        what=_what(trigger),
        tone=_TONES.get(trigger.level, Tone.WARNING) if is_open else Tone.NEUTRAL,
        next_step=_next_step(trigger, incident),
        person=person_of_subject(trigger.subject) if trigger.subject else None,
        signs=_signs(trigger),
        warnings=tuple(subject_warnings(trigger.subject)) if trigger.subject and is_open else (),
        excerpt=trigger.report.excerpt if trigger.report else "",
        notes=trigger.report.notes if trigger.report else (),
        rule_note=_rule_note(trigger),
        open_button=_button("Open an incident", Verb.TRIGGER_OPEN, trigger, ButtonStyle.POSITIVE) if opens else None,
        dismiss_button=_button("Not a compromise", Verb.TRIGGER_DISMISS, trigger) if is_open and may else None,
        reason_input=REASON,
        hint=_IN_ENTRA if trigger.source is Source.MICROSOFT and is_open and may else "",
        notice=notice,
    )


def _button(title: str, verb: Verb, trigger: Trigger, style: ButtonStyle = ButtonStyle.DEFAULT) -> Button:
    return Button(title, verb.value, trigger.id, trigger.nonce, style)


def _title(trigger: Trigger, incident: Incident | None, name: str) -> str:
    if trigger.state is TriggerState.NOTED:
        return f"News about {name}"
    if trigger.state is TriggerState.DISMISSED:
        return f"Not a compromise: {name}"
    if incident is not None:
        return f"{incident.label}: {name}"
    return f"Contain {name}?"


def _what(trigger: Trigger) -> str:
    if trigger.source is Source.REPORT:
        return _REPORTED.get(trigger.report.kind if trigger.report else "", "Reported")
    return f"{trigger.level.capitalize()} risk, seen by Microsoft"


def _next_step(trigger: Trigger, incident: Incident | None) -> str:
    by = trigger.decided_by.name if trigger.decided_by else ""
    if trigger.state is TriggerState.NOTED:
        return "Read it together with what the incident found."
    if trigger.state is TriggerState.DISMISSED:
        return f"Nothing. {by} looked at it: {trigger.reason}"
    if incident is not None:
        opened = f", opened by {by}" if by else ""
        return f"Go on with the card of {incident.label}{opened}."
    if trigger.subject is None:
        return "The sender is no account of this organisation. Look at the message with who reported it."
    asks = "Open an incident, or say why it is no compromise."
    return asks if trigger.rule_state is RuleState.WAITING else f"{asks} Nothing is locked until somebody decides."


def _signs(trigger: Trigger) -> tuple[SignLine, ...]:
    if trigger.report is not None:
        names = ", ".join(reporter.name for reporter in trigger.report.reporters)
        return (SignLine(f"Reported by {names}"), *_sent(trigger.report))
    return tuple(SignLine(sign.words, sign.at) for sign in sorted(trigger.signs, key=_when, reverse=True))


def _sent(report: Report) -> tuple[SignLine, ...]:
    return (SignLine(f"Sent by {report.sender_name or 'somebody'}", report.sent_at),)


def _when(sign: Sign) -> str:
    return sign.at.isoformat() if sign.at else ""


def _rule_note(trigger: Trigger) -> str:
    if not trigger.rule:
        return ""
    if trigger.rule_state is RuleState.APPROVED:
        return f"The rule {trigger.rule} approved the lock, as an administrator set it."
    if trigger.rule_state is RuleState.HELD:
        return f"The rule {trigger.rule} did not lock the account: {trigger.rule_note}"
    return f"The rule {trigger.rule} locks this account unless it is protected."


# -- what people answer ----------------------------------------------------------------------------------------------


async def open_incident(parts: Parts, click: Click) -> CardAnswer:
    """Opens an incident about the account, in the thread of the card; the same checks as the command's."""
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    trigger = await _open_trigger(parts, click)
    if trigger.subject is None:
        raise BadInput(reason="not-an-account", command="compromise", word="")
    account = await parts.m365.directory.account(trigger.subject.object_id)
    incident, _ = await open_account(parts, account, click.actor, click.conversation)
    async with parts.database.write() as connection:
        await store.decide(
            connection, trigger.id, TriggerState.OPENED, parts.now(), by=click.actor, incident_id=incident.id
        )
        await parts.posts.redraw(connection, trigger.post_key)
    return CardAnswer(trigger_card(await view_of(parts, trigger.id)))


async def dismiss(parts: Parts, click: Click) -> CardAnswer:
    """Somebody answers for it that it is no compromise, and says why."""
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    trigger = await _open_trigger(parts, click)
    if trigger.subject is not None and trigger.subject.object_id == click.actor.object_id:
        raise BadInput(reason="own-account")
    reason = click.inputs.get(REASON, "").strip()
    if not reason:
        raise BadInput(reason="reason-missing")
    async with parts.database.write() as connection:
        if not await store.decide(
            connection, trigger.id, TriggerState.DISMISSED, parts.now(), by=click.actor, reason=reason
        ):
            raise Conflict(reason="trigger-decided")
        await store.end_rule(connection, trigger.id, RuleState.HELD, f"{click.actor.name} was quicker.")
        await parts.posts.redraw(connection, trigger.post_key)
    return CardAnswer(trigger_card(await view_of(parts, trigger.id)))


async def _open_trigger(parts: Parts, click: Click) -> Trigger:
    async with parts.database.read() as connection:
        trigger = await store.get(connection, click.id)
    if not incidents.same_nonce(trigger.nonce, click.nonce):
        raise BadInput(reason="forged-card")
    if trigger.state is not TriggerState.OPEN:
        raise Conflict(reason="trigger-decided")
    return trigger


# -- what a rule does by itself --------------------------------------------------------------------------------------


async def follow_rules(parts: Parts) -> None:
    """Opens incidents and approves locks in the name of the rules that an administrator turned on.

    Each step is a row before the next one begins, so that a restart goes on where it was. The card comes first: what
    happens without a person is at least seen.
    """
    async with parts.database.read() as connection:
        found = await store.under_rules(connection)
    for trigger in found:
        try:
            await _follow(parts, trigger)
        except (Refusal, Gone) as error:
            await _held(parts, trigger, explain(error).what)
        except IRBotError as error:
            log.warning("a rule waits: %s", error.code)


async def _follow(parts: Parts, trigger: Trigger) -> None:
    rule = rules.actor_of(trigger.rule)
    denied = rules.denial(parts.settings, rule)
    if denied or trigger.subject is None:
        await _held(parts, trigger, denied or "There is no account.")
        return
    if trigger.state is TriggerState.OPEN:
        thread = await _thread(parts, trigger)
        if thread is not None:
            account = await parts.m365.directory.account(trigger.subject.object_id)
            incident, _ = await open_account(parts, account, rule, thread)
            async with parts.database.write() as connection:
                await store.decide(
                    connection, trigger.id, TriggerState.OPENED, parts.now(), by=rule, incident_id=incident.id
                )
                await parts.posts.redraw(connection, trigger.post_key)
        return
    if trigger.incident_id is None or trigger.decided_by is None or not rules.is_rule(trigger.decided_by):
        await _held(parts, trigger, "A person was quicker.")
        return
    async with parts.database.read() as connection:
        incident = await incidents.get(connection, trigger.incident_id)
    if not incident.plan:
        return  # the account is being looked at
    if incident.subject.protected:
        await _held(parts, trigger, "It is a protected account. A second person must decide.")
        return
    approval = await parts.approvals.approve_by_rule(incident.id, rule)
    async with parts.database.write() as connection:
        await store.end_rule(connection, trigger.id, RuleState.APPROVED, "")
        await timeline.append(
            connection,
            incident.id,
            AuditTag.RULE_LOCKED,
            at=parts.now(),
            actor_id=rule.object_id,
            data={"rule": trigger.rule, "approval": approval.id},
        )
        await parts.posts.redraw(connection, trigger.post_key)
    await parts.durable.start("execute", approval.id)


async def _held(parts: Parts, trigger: Trigger, why: str) -> None:
    """The rule does not lock: the card says why, and the incident's timeline where there is one."""
    async with parts.database.write() as connection:
        if not await store.end_rule(connection, trigger.id, RuleState.HELD, why):
            return
        if trigger.incident_id is not None:
            await timeline.append(
                connection,
                trigger.incident_id,
                AuditTag.RULE_HELD,
                at=parts.now(),
                actor_id=rules.actor_of(trigger.rule).object_id,
                data={"rule": trigger.rule, "reason": why},
            )
        await parts.posts.redraw(connection, trigger.post_key)
    parts.posts.changed.set()


async def _thread(parts: Parts, trigger: Trigger) -> Conversation | None:
    """The thread that the card began; None while it does not stand there yet."""
    query = sa.select(tables.posts.c.conversation).where(
        tables.posts.c.subject_key == trigger.post_key, tables.posts.c.activity_id.is_not(None)
    )
    async with parts.database.read() as connection:
        kept = (await connection.execute(query)).scalar_one_or_none()
    return None if kept is None else conversation_from_json(kept)
