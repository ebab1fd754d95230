"""A turn: record what was asked, start the work, answer in time. The two tables here say who does what.

Nothing is done before it is a row. A message or click that is delivered again finds its row and does nothing anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from cards import approval_card, incident_card, problem_card
from cards.views import ProblemView
from dialogs import approve, evict, help, lock, open, verdict  # noqa: A004  # the dialogs' own names
from dialogs.commands import Command, Compromise, Help, Incidents, Report, Status, Unknown, WhoAmI, parse
from dialogs.parts import Parts
from dialogs.render import Viewer, approval_view, incident_view
from dialogs.turn import Answer, Arrival, CardAnswer, Click, Mention, Message, TextAnswer
from dialogs.verbs import Verb
from services import approvals, logs
from services.access import Permission
from services.channel import Card, Conversation, ConversationKind
from services.errors import BadInput, Bug, IRBotError, NotAllowed, NotFound, Refusal
from services.incidents import store
from services.incidents.model import actor_from_json, conversation_from_json
from services.plain_words import explain
from services.posts import PostKind
from services.requests import Request, RequestState

log = logging.getLogger(__name__)

JOB = "request"
CARD_VERSION = 1

_WORKING = "Working on it. The card shows it as soon as it is done."

ClickHandler = Callable[[Parts, Click], Awaitable[Answer]]

VERBS: Mapping[Verb, ClickHandler] = {
    Verb.APPROVE: approve.approve,
    Verb.CANCEL: approve.cancel,
    Verb.CHOOSE: open.choose,
    Verb.EVICT_ASK: evict.ask,
    Verb.EVICT_ASK_ALL: evict.ask_all,
    Verb.EVICT_REVIEW: evict.review,
    Verb.LOCK_ASK: lock.ask,
    Verb.LOOK_AGAIN: evict.look_again,
    Verb.PREPARE_AGAIN: lock.prepare_again,
    Verb.REFUSE: approve.refuse,
    Verb.UNDO_ASK: evict.ask_undo,
    Verb.UNDO_REVIEW: evict.review_undo,
    Verb.VERDICT_SHOW: verdict.show,
}

_ABOUT_INCIDENT = frozenset(
    {
        Verb.EVICT_REVIEW,
        Verb.LOCK_ASK,
        Verb.LOOK_AGAIN,
        Verb.PREPARE_AGAIN,
        Verb.UNDO_REVIEW,
        Verb.VERDICT_SHOW,
    }
)
_WITH_INPUTS = frozenset({Verb.CHOOSE, Verb.EVICT_ASK, Verb.UNDO_ASK})
_ABOUT_APPROVAL = frozenset({Verb.APPROVE, Verb.CANCEL, Verb.REFUSE})
# What shows an incident or an approval: pressed again later, the card is drawn as it is by then.
_SHOWN_AFRESH = _ABOUT_APPROVAL | {Verb.LOCK_ASK, Verb.LOOK_AGAIN, Verb.PREPARE_AGAIN, Verb.VERDICT_SHOW}
_NO_BUTTONS_FOR = frozenset({"guest", "no-role", "subject-of-incident"})


class Turns:
    """The bot's handler: see `bot.handler.Handler`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def on_message(self, message: Message) -> None:
        """Records the message and starts its work; the reply comes as a post."""
        await self._parts.people.seen(message.actor, message.conversation)
        key = _key("message", message.conversation.id, message.activity_id)
        request = await self._parts.requests.record(
            key, {"kind": "message", **asdict(message)}, message.actor.object_id, may_repeat=False
        )
        if request.state is RequestState.RECEIVED:
            await self._parts.durable.start(JOB, request.key)

    async def on_click(self, click: Click) -> Answer:
        """Records the click, starts its work, and answers with its result if that comes in time."""
        parts = self._parts
        await parts.people.seen(click.actor, click.conversation)
        verb = _verb(click)
        if verb is None:
            log.warning("click refused: unknown-button")
            return TextAnswer(explain(BadInput(reason="unknown-button")).what)
        if verb is Verb.VIEW:
            return await self._view(click)
        choice = json.dumps(sorted(click.inputs.items())) if verb in _WITH_INPUTS else ""
        key = _key("click", verb, click.id, click.nonce, click.actor.object_id, choice)
        request = await parts.requests.record(
            key, {"kind": "click", **asdict(click)}, click.actor.object_id, may_repeat=True
        )
        if request.state is RequestState.RECEIVED:
            await parts.durable.start(JOB, request.key)
        elif (
            request.state is RequestState.DONE
            and verb in _SHOWN_AFRESH
            and (shown := await self._shown(verb, click)) is not None
        ):
            return shown
        finished = await parts.requests.wait(request.key, parts.settings.answer_seconds)
        if finished is None or finished.answer is None:
            return TextAnswer(_WORKING)
        return _answer_from_json(finished.answer)

    async def on_arrival(self, arrival: Arrival) -> None:
        """Keeps how to reach the people, and greets each personal chat once."""
        parts = self._parts
        for person in {person.object_id: person for person in (arrival.actor, *arrival.members) if person}.values():
            await parts.people.seen(person, arrival.conversation)
        if arrival.conversation.kind is ConversationKind.PERSONAL:
            await self._reply(f"hello:{arrival.conversation.id}", arrival.conversation, help.help_answer(parts))

    # -- the job behind a turn -------------------------------------------------------------------------------------

    async def handle(self, key: str) -> None:
        """Does what a recorded request asks for, and keeps the answer. Safe to run again at any point."""
        request = await self._parts.requests.get(key)
        if request is None or request.state is not RequestState.RECEIVED:
            return
        with logs.bound(correlation=request.correlation_id, actor=request.body["actor"]["object_id"]):
            if request.body["kind"] == "message":
                await self._handle_message(request, _message_from_json(request.body))
            else:
                await self._handle_click(request, _click_from_json(request.body))

    async def gave_up(self, key: str, correlation_id: str) -> None:
        """Answers a request that failed for a reason of our own."""
        request = await self._parts.requests.get(key)
        if request is None:
            return
        error = Bug(correlation_id=correlation_id)
        await self._reply(
            f"reply:{key}", conversation_from_json(request.body["conversation"]), _problem(error, correlation_id)
        )
        await self._parts.requests.finish(key, RequestState.REFUSED, {"text": explain(error).what})

    async def _handle_message(self, request: Request, message: Message) -> None:
        kept: Mapping[str, Any] = {}
        state = RequestState.DONE
        try:
            card, kept = await self._run(parse(message.text, message.mentions), message, request)
        except IRBotError as error:
            _log_refusal(error)
            card, state = _problem(error, request.correlation_id), RequestState.REFUSED
        if card is not None:
            await self._reply(f"reply:{request.key}", message.conversation, card)
        await self._parts.requests.finish(request.key, state, kept)

    async def _run(self, command: Command, message: Message, request: Request) -> tuple[Card | None, Mapping[str, Any]]:
        parts = self._parts
        match command:
            case Compromise():
                return await open.compromise(parts, message, command, request.correlation_id) or (None, {})
            case Status():
                return await help.status(parts, message, command), {}
            case Report():
                return await help.report(parts, message, command), {}
            case Incidents():
                return await help.incidents(parts, message), {}
            case WhoAmI():
                return await help.whoami(parts, message), {}
            case Help():
                return help.help_answer(parts), {}
            case Unknown():
                return help.help_answer(parts, unknown=command.text), {}

    async def _handle_click(self, request: Request, click: Click) -> None:
        verb = Verb(click.verb)
        try:
            answer, state = await VERBS[verb](self._parts, click), RequestState.DONE
        except IRBotError as error:
            _log_refusal(error)
            answer, state = await self._refused(verb, click, error), RequestState.REFUSED
            late = (self._parts.now() - request.received_at).total_seconds() >= self._parts.settings.answer_seconds
            if late:
                card = _problem(error, request.correlation_id)
                await self._reply(f"reply:{request.key}", click.conversation, card)
        await self._parts.requests.finish(request.key, state, _answer_to_json(answer))

    async def _refused(self, verb: Verb, click: Click, error: IRBotError) -> Answer:
        """A refusal leaves the card whole: the same card, with one line for the person who clicked."""
        words = explain(error)
        notice = f"{words.what} {words.next_step}".strip()
        bare = isinstance(error, NotAllowed) and error.data.get("reason") in _NO_BUTTONS_FOR
        viewer = Viewer(click.actor, frozenset()) if bare else None
        return await self._shown(verb, click, viewer=viewer, notice=notice) or TextAnswer(notice)

    async def _shown(
        self, verb: Verb, click: Click, *, viewer: Viewer | None = None, notice: str | None = None
    ) -> CardAnswer | None:
        """The card that a click is about, as it is now; None where it is about none, or about one that is not there."""
        parts = self._parts
        try:
            if verb in _ABOUT_INCIDENT:
                return CardAnswer(incident_card(await incident_view(parts, click.id, viewer=viewer, notice=notice)))
            if verb in _ABOUT_APPROVAL:
                async with parts.database.read() as connection:
                    approval = await approvals.get(connection, click.id)
                if click.conversation.kind is ConversationKind.PERSONAL:
                    return CardAnswer(approval_card(await approval_view(parts, approval.id, notice=notice)))
                view = await incident_view(parts, approval.incident_id, viewer=viewer, notice=notice)
                return CardAnswer(incident_card(view))
        except NotFound:
            log.info("a click names something that does not exist: %s", click.id)
        return None

    async def _view(self, click: Click) -> Answer:
        """The card with only the buttons that this person may press. Cosmetic: a failed look-up leaves them all."""
        parts = self._parts
        try:
            async with parts.database.read() as connection:
                incident = await store.get(connection, click.id)
        except NotFound as error:
            _log_refusal(error)
            return TextAnswer(explain(error).what)
        try:
            standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
        except NotAllowed:
            viewer: Viewer | None = Viewer(click.actor, frozenset())
        else:
            viewer = Viewer(click.actor, standing.permissions)
        return CardAnswer(incident_card(await incident_view(parts, incident.id, viewer=viewer)))

    async def _reply(self, key: str, where: Conversation, card: Card) -> None:
        async with self._parts.database.write() as connection:
            await self._parts.posts.want(
                connection, key, PostKind.REPLY, self._parts.now(), conversation=where, card=card, summary="IRBot"
            )


def _verb(click: Click) -> Verb | None:
    if click.version != CARD_VERSION or click.verb not in set(Verb):
        return None
    return Verb(click.verb)


def _key(kind: str, *parts: str) -> str:
    return f"{kind}:{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]}"


def _problem(error: IRBotError, correlation_id: str) -> Card:
    words = explain(error)
    shown = None if isinstance(error, Refusal) else correlation_id
    return problem_card(ProblemView(words.title, words.what, words.next_step, shown))


def _log_refusal(error: IRBotError) -> None:
    log.info("request refused: %s %s", error.code, error.data.get("reason", ""))


def _answer_to_json(answer: Answer) -> dict[str, Any]:
    return {"card": answer.card} if isinstance(answer, CardAnswer) else {"text": answer.text}


def _answer_from_json(value: Mapping[str, Any]) -> Answer:
    return CardAnswer(value["card"]) if "card" in value else TextAnswer(value["text"])


def _message_from_json(value: Mapping[str, Any]) -> Message:
    return Message(
        actor=actor_from_json(value["actor"]),
        conversation=conversation_from_json(value["conversation"]),
        activity_id=value["activity_id"],
        text=value["text"],
        mentions=tuple(Mention(**mention) for mention in value["mentions"]),
        locale=value["locale"],
    )


def _click_from_json(value: Mapping[str, Any]) -> Click:
    return Click(
        actor=actor_from_json(value["actor"]),
        conversation=conversation_from_json(value["conversation"]),
        activity_id=value["activity_id"],
        verb=value["verb"],
        version=value["version"],
        id=value["id"],
        nonce=value["nonce"],
        inputs=value["inputs"],
    )
