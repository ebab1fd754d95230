"""The alarm about IRBot itself: what was changed, by whom and when, and an administrator's “this was us”."""

from __future__ import annotations

from cards import notice_card
from cards.views import Button, NoticeView, Tone
from dialogs.parts import Parts
from dialogs.turn import CardAnswer, Click
from dialogs.verbs import Verb
from services.channel import Card, Conversation, ConversationKind
from services.guard.model import MEMBER, Alarm, AlarmState, Kind

_MOST_SHOWN = 6


async def card_of(parts: Parts, alarm_id: str) -> Card:
    """The card of an alarm as it stands."""
    return notice_card(_view(parts, await parts.guard.alarm(alarm_id)))


async def confirm(parts: Parts, click: Click) -> CardAnswer:
    """Takes what the alarm tells of for the truth."""
    ended = await parts.guard.confirm(click.id, click.nonce, click.actor, click.conversation)
    return CardAnswer(notice_card(_view(parts, ended)))


async def home(parts: Parts) -> Conversation:
    """Where a new personal chat with an administrator is opened. Raises LookupError before anybody was met."""
    service_url = await parts.guard.service_url()
    if not service_url:
        raise LookupError("nobody has written to IRBot yet")
    return Conversation("", ConversationKind.PERSONAL, service_url, parts.settings.tenant_id)


def _view(parts: Parts, alarm: Alarm) -> NoticeView:
    lines = [f"{change.words} {change.who}." for change in alarm.changes[:_MOST_SHOWN]]
    if len(alarm.changes) > _MOST_SHOWN:
        lines.append(f"And {len(alarm.changes) - _MOST_SHOWN} more.")
    if alarm.state is AlarmState.CONFIRMED:
        by = alarm.decided_by.name if alarm.decided_by else ""
        at = f"{alarm.decided_at:%d %b %H:%M} UTC" if alarm.decided_at else ""
        return NoticeView("A change of IRBot was ours", f"Confirmed by {by}, {at}. {' '.join(lines)}", Tone.GOOD)
    if alarm.state is AlarmState.GONE:
        return NoticeView("A change of IRBot is gone", f"It stands as it did before. {' '.join(lines)}", Tone.GOOD)
    new = any(change.kind is Kind.ADDED and change.key.startswith(MEMBER) for change in alarm.changes)
    if new and parts.settings.guard_new_members:
        lines.append("Who is new has no role before an administrator confirms it.")
    lines.append("If nobody of you did this, take it back in Entra and lock the account that did it.")
    button = Button("This was us", Verb.GUARD_CONFIRM.value, alarm.id, alarm.nonce)
    return NoticeView("IRBot itself was changed", " ".join(lines), Tone.WARNING, button)
