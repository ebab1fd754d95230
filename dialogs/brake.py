"""Stop and resume: an administrator halts whatever has an effect, at once and everywhere, and lets it go on again."""

from __future__ import annotations

from cards import notice_card
from cards.views import NoticeView, Tone
from dialogs.commands import Resume, Stop
from dialogs.parts import Parts
from dialogs.turn import Message
from services import approvals, brake
from services.access import Permission
from services.blasts import braking
from services.channel import Card
from services.plain_words import explain


async def command(parts: Parts, message: Message, command: Stop | Resume) -> Card:
    """Carries out one of the two."""
    return await (stop(parts, message, command) if isinstance(command, Stop) else resume(parts, message))


async def stop(parts: Parts, message: Message, command: Stop) -> Card:
    """Puts the brake on, takes back every waiting question and pauses what is being sent, in one transaction."""
    await parts.access.require(message.actor, Permission.WORK_STOP, message.conversation)
    now = parts.now()
    async with parts.database.write() as connection:
        held = await brake.put_on(connection, message.actor, command.reason, now)
        asked = await approvals.cancel_waiting(connection, message.actor, now)
        sending = await braking.hold(connection, message.actor, now)
    parts.posts.changed.set()
    words = (
        f"Nothing is changed or sent until an administrator writes “resume”. {explain(held.error()).what} "
        f"Questions taken back: {asked}. Sendings and recalls that wait: {sending}. Reading and reports go on."
    )
    return notice_card(NoticeView(title="All work is stopped", text=words, tone=Tone.WARNING))


async def resume(parts: Parts, message: Message) -> Card:
    """Takes the brake off, whoever put it on; what was paused goes on by itself. Raises Conflict if nothing was."""
    await parts.access.require(message.actor, Permission.WORK_STOP, message.conversation)
    now = parts.now()
    async with parts.database.write() as connection:
        held = await brake.take_off(connection, message.actor, now)
        sending = await braking.let_go(connection, message.actor, now)
    parts.posts.changed.set()
    words = (
        f"{held.by.name} had stopped it. Sendings and recalls that go on: {sending}; mail, calls and changes for many "
        "accounts that waited go on too. What was taken back has to be asked for again."
    )
    return notice_card(NoticeView(title="Work goes on", text=words, tone=Tone.GOOD))
