"""The recipients' side: what somebody says to a warning or a lesson, and what follows from it."""

from __future__ import annotations

from cards import lesson_card, notice_card, warning_card
from cards.lesson import ANSWER_INPUT
from cards.views import Button, ButtonStyle, NoticeView, Tone
from dialogs.letters import language_read, lesson_text, lesson_view, over_card, warning_view
from dialogs.open import open_account
from dialogs.parts import Parts
from dialogs.turn import Answer, CardAnswer, Click, TextAnswer
from dialogs.verbs import Verb
from services.access import Permission
from services.blasts import receipts, rows
from services.blasts.answers import Mine
from services.blasts.model import AnswerWord
from services.errors import BadInput, Conflict
from services.incidents import store, timeline
from services.incidents.store import same_nonce
from services.incidents.timeline import AuditTag
from services.posts import PostKind


async def clicked(parts: Parts, click: Click) -> Answer:
    """“I clicked it”: advice for the person, and word to the responders."""
    return await _said(parts, click, clicked=True)


async def not_clicked(parts: Parts, click: Click) -> Answer:
    """“I did not”."""
    return await _said(parts, click, clicked=False)


async def _said(parts: Parts, click: Click, *, clicked: bool) -> Answer:
    mine = await parts.answers.mine(click.id, click.nonce, click.actor, click.conversation)
    mine = await parts.answers.clicked(mine, clicked=clicked)
    language = language_read(mine.blast.content, mine.delivery.recipient.language)
    if mine.over:
        return CardAnswer(over_card(language))
    if mine.delivery.answer is AnswerWord.CLICKED:
        await _tell_responders(parts, mine)
    await parts.posts.redraw_keys(f"blast:{mine.blast.id}")
    about = mine.blast.content.about
    return CardAnswer(warning_card(warning_view(about, language, click.id, click.nonce, mine.delivery.answer)))


async def answer(parts: Parts, click: Click) -> Answer:
    """The answer to a lesson's question; the first one stays, and is shown."""
    mine = await parts.answers.mine(click.id, click.nonce, click.actor, click.conversation)
    language = language_read(mine.blast.content, mine.delivery.recipient.language)
    if mine.over:
        return CardAnswer(over_card(language))
    text = lesson_text(mine.blast.content, language)
    given = click.inputs.get(ANSWER_INPUT, "")
    if given not in {str(number) for number in range(len(text.choices))}:
        raise BadInput(reason="unknown-choice")
    mine = await parts.answers.picked(mine, int(given), text.right)
    return await _lesson(parts, mine, click, picked=int(given))


async def understood(parts: Parts, click: Click) -> Answer:
    """The acknowledgement."""
    mine = await parts.answers.mine(click.id, click.nonce, click.actor, click.conversation)
    return await _lesson(parts, await parts.answers.understood(mine), click)


async def _lesson(parts: Parts, mine: Mine, click: Click, picked: int | None = None) -> Answer:
    language = language_read(mine.blast.content, mine.delivery.recipient.language)
    if mine.over:
        return CardAnswer(over_card(language))
    await parts.posts.redraw_keys(f"blast:{mine.blast.id}")
    text = lesson_text(mine.blast.content, language)
    view = lesson_view(text, language, click.id, click.nonce, delivery=mine.delivery, picked=picked)
    return CardAnswer(lesson_card(view))


# -- what the responders get -----------------------------------------------------------------------------------------


async def _tell_responders(parts: Parts, mine: Mine) -> None:
    """Word in the incident's thread, once for each person, with the offer to open an incident about them."""
    blast, person = mine.blast, mine.delivery.recipient
    where = blast.conversation
    if where is None:
        return
    words = "They opened a link or an attachment, entered something, or answered. They were told what to do."
    target = f"{blast.id}/{person.address}"
    offer = Button("Open incident", Verb.WARN_LINKED, target, blast.decision_nonce, ButtonStyle.POSITIVE)
    view = NoticeView(
        title=f"{person.name or person.address} clicked it", text=words, tone=Tone.ATTENTION, button=offer
    )
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"clicked:{blast.id}:{person.address}",
            PostKind.REPLY,
            parts.now(),
            conversation=where,
            incident_id=blast.incident_id,
            card=notice_card(view),
            summary=view.title,
        )


async def open_linked(parts: Parts, click: Click) -> Answer:
    """Opens an incident about somebody who clicked, and writes into both timelines that they belong together."""
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    blast_id, _, object_id = click.id.partition("/")
    async with parts.database.read() as connection:
        blast = await rows.get(connection, blast_id)
        if not same_nonce(blast.decision_nonce, click.nonce):
            raise BadInput(reason="stale-card")
        delivery = await receipts.delivery_to(connection, blast.id, object_id)
    if delivery.answer is not AnswerWord.CLICKED:
        raise Conflict(reason="did-not-click")
    account = await parts.m365.directory.account(delivery.recipient.address)
    incident, opened = await open_account(parts, account, click.actor, click.conversation)
    if opened and blast.incident_id is not None:
        async with parts.database.write() as connection:
            first = await store.get(connection, blast.incident_id)
            for one, other in ((first, incident), (incident, first)):
                await timeline.append(
                    connection,
                    one.id,
                    AuditTag.INCIDENT_LINKED,
                    at=parts.now(),
                    actor_id=click.actor.object_id,
                    data={"incident": other.label, "because": "clicked"},
                )
    said = "is open" if opened else "was open already"
    return TextAnswer(f"{incident.label} about {account.display_name} {said}. Go on with its card.")
