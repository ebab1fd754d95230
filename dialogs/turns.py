"""A turn: record what was asked, start the work, answer in time. `dialogs/handlers.py` says who does what.

Nothing is done before it is a row. A message or click that is delivered again finds its row and does nothing anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cards import (
    approval_card,
    closing_card,
    gate_card,
    incident_card,
    problem_card,
    task_card,
    trigger_card,
    watch_card,
)
from cards.views import ProblemView
from dialogs import (  # the dialogs' own names
    blasts,
    close,
    help,  # noqa: A004
    home,
    open,  # noqa: A004
    partner,
    phases,
    recover,
    report,
    reporting,
    tasks,
    trigger,
    watch,
)
from dialogs.buttons_by_kind import (
    ABOUT_APPROVAL,
    ABOUT_INCIDENT,
    ABOUT_TASK,
    AGAIN,
    AGAIN_AFTER_SECONDS,
    BEGINS,
    ON_A_BLAST,
    ON_A_PHASE,
    ON_A_TRIGGER,
    ON_PARTNERS,
    ON_THE_GATE,
    SHOWN_AFRESH,
    WHEN_CLOSED,
    WITH_INPUTS,
)
from dialogs.commands import (
    Command,
    Compromise,
    Help,
    Unknown,
    parse,
)
from dialogs.facts import Viewer
from dialogs.handlers import BARE, VERBS, WITH_WORDS
from dialogs.parts import Parts
from dialogs.render import approval_view, incident_view
from dialogs.seeing import incident_named, may_see, stands_here
from dialogs.turn import (
    Answer,
    Arrival,
    CardAnswer,
    Click,
    Compose,
    ComposeAnswer,
    FileAnswer,
    Mention,
    Message,
    Reading,
    ReportAsked,
    ReportSent,
    Search,
    TextAnswer,
)
from dialogs.typing import typing
from dialogs.verbs import Verb
from services import approvals, logs
from services.access import Permission
from services.blasts import receipts
from services.channel import Card, Conversation, ConversationKind
from services.errors import BadInput, Bug, Conflict, IRBotError, NotAllowed, NotFound, Refusal
from services.incidents import store
from services.incidents.model import IncidentState, actor_from_json, conversation_from_json
from services.plain_words import explain
from services.posts import PostKind
from services.requests import Request, RequestState

log = logging.getLogger(__name__)

JOB = "request"
CARD_VERSION = 1

_WORKING = "Working on it. The card shows it as soon as it is done."

_NO_BUTTONS_FOR = frozenset({"guest", "no-role", "subject-of-incident"})


class Turns:
    """The bot's handler: see `bot.handler.Handler`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def on_message(self, message: Message) -> None:
        """Records the message and starts its work; the reply comes as a post."""
        await self._parts.people.seen(message.actor, message.conversation)
        await self._parts.triggers.seen(message.conversation)
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
        choice = json.dumps(sorted(click.inputs.items())) if verb in WITH_INPUTS else ""
        key = _key("click", verb, click.id, click.nonce, click.actor.object_id, choice)
        request = await parts.requests.record(
            key,
            {"kind": "click", **asdict(click)},
            click.actor.object_id,
            may_repeat=True,
            again_after_seconds=AGAIN_AFTER_SECONDS if verb.value in AGAIN else None,
        )
        if request.state is RequestState.RECEIVED:
            await parts.durable.start(JOB, request.key)
        elif (
            request.state is RequestState.DONE
            and verb in SHOWN_AFRESH
            and await may_see(parts, click)
            and (shown := await self._shown(verb, click)) is not None
        ):
            return shown
        finished = await parts.requests.wait(request.key, parts.settings.answer_seconds)
        if finished is None or finished.answer is None:
            return TextAnswer(_WORKING)
        return _answer_from_json(finished.answer)

    async def on_file_answer(self, answer: FileAnswer) -> None:
        """Records the answer; the upload comes behind it."""
        await self._parts.people.seen(answer.actor, answer.conversation)
        try:
            await report.answered(self._parts, answer)
        except IRBotError as error:
            _log_refusal(error)

    async def on_compose(self, compose: Compose) -> ComposeAnswer:
        """Answers at once; a report is a row when this returns."""
        try:
            match compose:
                case ReportAsked():
                    return await reporting.form(self._parts, compose)
                case ReportSent():
                    return await reporting.sent(self._parts, compose)
                case Search():
                    return await reporting.search(self._parts, compose)
        except IRBotError as error:
            _log_refusal(error)
            words = explain(error)
            return TextAnswer(f"{words.what} {words.next_step}".strip())

    async def on_reading(self, reading: Reading) -> None:
        """See `bot.handler.Handler`. Doing it twice is the same as once, so it needs no request of its own."""
        parts = self._parts
        await receipts.read_up_to(parts.database, reading.actor.object_id, reading.last_read, parts.now())

    async def on_arrival(self, arrival: Arrival) -> None:
        """Keeps how to reach the people, and greets each personal chat once."""
        parts = self._parts
        for person in {person.object_id: person for person in (arrival.actor, *arrival.members) if person}.values():
            await parts.people.seen(person, arrival.conversation)
        await parts.triggers.seen(arrival.conversation)
        if arrival.conversation.kind is ConversationKind.CHANNEL:
            await self._reply(f"welcome:{arrival.conversation.id}", arrival.conversation, home.welcome(parts))
        elif arrival.conversation.kind is ConversationKind.PERSONAL:
            await self._greet(arrival)

    async def _greet(self, arrival: Arrival) -> None:
        """Has a person's home put into their new chat, once. Whom a blast is on its way to reads that first."""
        parts, where = self._parts, arrival.conversation
        person = next((each for each in (arrival.actor, *arrival.members) if each), None)
        if person is None:
            await self._reply(f"hello:{where.id}", where, help.help_answer(parts))
            return
        async with parts.database.read() as connection:
            if await receipts.is_on_its_way(connection, person.object_id):
                return
        hello = Message(actor=person, conversation=where, activity_id="", text="", mentions=(), locale=None)
        key = _key("hello", where.id)
        request = await parts.requests.record(
            key, {"kind": "hello", **asdict(hello)}, person.object_id, may_repeat=False
        )
        if request.state is RequestState.RECEIVED:
            await parts.durable.start(JOB, request.key)

    # -- the job behind a turn -------------------------------------------------------------------------------------

    async def handle(self, key: str) -> None:
        """Does what a recorded request asks for, and keeps the answer. Safe to run again at any point."""
        request = await self._parts.requests.get(key)
        if request is None or request.state is not RequestState.RECEIVED:
            return
        with logs.bound(correlation=request.correlation_id, actor=request.body["actor"]["object_id"]):
            if request.body["kind"] == "message":
                await self._handle_message(request, _message_from_json(request.body))
            elif request.body["kind"] == "hello":
                hello = _message_from_json(request.body)
                card = await home.home(self._parts, hello.actor, hello.conversation, hello=True)
                await self._reply(f"reply:{request.key}", hello.conversation, card)
                await self._parts.requests.finish(request.key, RequestState.DONE, {})
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
            async with typing(self._parts.channel, message.conversation):
                card, kept = await self._run(parse(message.text, message.mentions), message, request)
        except IRBotError as error:
            _log_refusal(error)
            card, state = _problem(error, request.correlation_id), RequestState.REFUSED
        if card is not None:
            await self._reply(f"reply:{request.key}", message.conversation, card)
        await self._parts.requests.finish(request.key, state, kept)

    async def _run(self, command: Command, message: Message, request: Request) -> tuple[Card | None, Mapping[str, Any]]:
        parts = self._parts
        if isinstance(command, Compromise):
            return await open.compromise(parts, message, command, request.correlation_id) or (None, {})
        if isinstance(command, Help | Unknown):
            unknown = command.text if isinstance(command, Unknown) else None
            if message.conversation.kind is ConversationKind.PERSONAL:
                return await home.home(parts, message.actor, message.conversation, unknown=unknown), {}
            return help.help_answer(parts, unknown=unknown), {}
        bare = BARE.get(type(command))
        if bare is not None:
            return await bare(parts, message), {}
        return await WITH_WORDS[type(command)](parts, message, command), {}

    async def _handle_click(self, request: Request, click: Click) -> None:
        verb = Verb(click.verb)
        try:
            await self._refuse_if_closed(verb, click)
            answer, state = await VERBS[verb](self._parts, click), RequestState.DONE
        except IRBotError as error:
            _log_refusal(error)
            answer, state = await self._refused(verb, click, error), RequestState.REFUSED
            late = (self._parts.now() - request.received_at).total_seconds() >= self._parts.settings.answer_seconds
            if late:
                card = _problem(error, request.correlation_id)
                await self._reply(f"reply:{request.key}", click.conversation, card)
        await self._parts.requests.finish(request.key, state, _answer_to_json(answer))

    async def _refuse_if_closed(self, verb: Verb, click: Click) -> None:
        """A closed incident is read only, whichever of its cards the button is on."""
        if verb in WHEN_CLOSED:
            return
        async with self._parts.database.read() as connection:
            incident = await incident_named(connection, click)
        if incident is not None and incident.state is not IncidentState.OPEN:
            raise Conflict(reason="incident-closed")

    async def _refused(self, verb: Verb, click: Click, error: IRBotError) -> Answer:
        """A refusal leaves the card whole: the same card, with one line for the person who clicked.

        Who may not see it gets the line alone; a click may be refused before anybody looked who it came from.
        """
        words = explain(error)
        notice = f"{words.what} {words.next_step}".strip()
        bare = isinstance(error, NotAllowed) and error.data.get("reason") in _NO_BUTTONS_FOR
        if not await (stands_here if bare else may_see)(self._parts, click):
            return TextAnswer(notice)
        viewer = Viewer(click.actor, frozenset()) if bare else None
        return await self._shown(verb, click, viewer=viewer, notice=notice) or TextAnswer(notice)

    async def _shown(
        self, verb: Verb, click: Click, *, viewer: Viewer | None = None, notice: str | None = None
    ) -> CardAnswer | None:
        """The card that a click is about, as it is now; None where it is about none, or about one that is not there."""
        parts = self._parts
        try:
            if verb in ABOUT_INCIDENT:
                incident_id = click.id.partition("/")[0]
                return CardAnswer(incident_card(await incident_view(parts, incident_id, viewer=viewer, notice=notice)))
            if verb in ABOUT_APPROVAL:
                async with parts.database.read() as connection:
                    approval = await approvals.get(connection, click.id)
                if click.conversation.kind is ConversationKind.PERSONAL:
                    return CardAnswer(approval_card(await approval_view(parts, approval.id, notice=notice)))
                view = await incident_view(parts, approval.incident_id, viewer=viewer, notice=notice)
                return CardAnswer(incident_card(view))
            if verb in ABOUT_TASK and "/" not in click.id:
                return CardAnswer(task_card(await tasks.view_of(parts, click.id, viewer=viewer, notice=notice)))
            if verb in ON_THE_GATE:
                return CardAnswer(gate_card(await recover.view_of(parts, click.id, viewer=viewer, notice=notice)))
            if verb in ON_PARTNERS:
                return await partner.shown(parts, click.id, viewer=viewer, notice=notice)
            if verb in ON_A_TRIGGER:
                return CardAnswer(trigger_card(await trigger.view_of(parts, click.id, viewer=viewer, notice=notice)))
            if verb is Verb.WATCH_LOOK:
                return CardAnswer(watch_card(await watch.view_of(parts, click.id, viewer=viewer, notice=notice)))
            if verb in ON_A_BLAST:
                return CardAnswer(await blasts.shown(parts, click, notice))
            if verb is Verb.CLOSE_CONFIRM:
                return CardAnswer(closing_card(await close.view_of(parts, click.id, viewer=viewer, notice=notice)))
            if verb in ON_A_PHASE or verb in ABOUT_TASK or verb.value in BEGINS:
                return await phases.shown(parts, click.id, viewer=viewer, notice=notice)
        except NotFound:
            log.info("a click names something that does not exist: %s", click.id)
        return None

    async def _view(self, click: Click) -> Answer:
        """The card with only the buttons that this person may press; who may not read it sees it where it stands."""
        parts = self._parts
        try:
            async with parts.database.read() as connection:
                incident = await store.get(connection, click.id)
        except NotFound as error:
            _log_refusal(error)
            return TextAnswer(explain(error).what)
        try:
            standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
        except NotAllowed as error:
            if not await stands_here(parts, click):
                _log_refusal(error)
                return TextAnswer(explain(error).what)
            viewer = Viewer(click.actor, frozenset())
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
