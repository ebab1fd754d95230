"""Teams' message extension: reporting a message, and looking for an incident while writing. Client input throughout."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from bot.identity import object_id_of
from dialogs.commands import tidy
from dialogs.turn import Compose, ComposeAnswer, FormAnswer, FoundAnswer, MessageSeen, ReportAsked, ReportSent, Search
from services.channel import Actor
from services.errors import BadInput

ADAPTIVE_CARD = "application/vnd.microsoft.card.adaptive"
PREVIEW = "application/vnd.microsoft.card.thumbnail"
FETCH = "composeExtension/fetchTask"
SUBMIT = "composeExtension/submitAction"
QUERY = "composeExtension/query"
_REPORT, _INCIDENTS = "report-message", "incidents"
_LONGEST_ID = 200
_LONGEST_NAME = 200
_LONGEST_TEXT = 300
_LONGEST_NOTE = 300
_LONGEST_BODY = 20_000
_TAG = re.compile(r"<[^<>]*>")


def is_compose(name: object) -> bool:
    """Whether an invoke is one of a message extension."""
    return isinstance(name, str) and name.startswith("composeExtension/")


def read_compose(name: str, value: object, actor: Actor, place: str) -> Compose:
    """What is asked for. Raises BadInput where the bot does not know it, or cannot read it."""
    if not isinstance(value, Mapping):
        raise BadInput(reason="no-value")
    command = value.get("commandId")
    if name == QUERY and command == _INCIDENTS:
        return Search(actor, _sought(value.get("parameters")))
    if name == FETCH and command == _REPORT:
        return ReportAsked(actor, _message(value))
    if name == SUBMIT and command == _REPORT:
        data = value.get("data")
        if not isinstance(data, Mapping):
            raise BadInput(reason="no-data")
        kind, note = data.get("kind"), data.get("note") or ""
        if kind not in ("phishing", "compromise") or not isinstance(note, str):  # a kind may be a list, too
            raise BadInput(reason="bad-input-value")
        return ReportSent(actor, _message(value), place, str(kind), tidy(note)[:_LONGEST_NOTE])
    raise BadInput(reason="unknown-command")


def _sought(parameters: object) -> str:
    for each in parameters if isinstance(parameters, list) else ():
        if isinstance(each, Mapping) and each.get("name") == "sought" and isinstance(each.get("value"), str):
            return tidy(each["value"])[:_LONGEST_NAME]
    return ""


def _message(value: Mapping[str, Any]) -> MessageSeen:
    payload = value.get("messagePayload")
    if not isinstance(payload, Mapping):
        raise BadInput(reason="no-message")
    identifier = payload.get("id")
    if not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST_ID or not identifier.isprintable():
        raise BadInput(reason="no-message")
    sender = _inner(_inner(payload, "from"), "user")
    name, sent_at = sender.get("displayName"), payload.get("createdDateTime")
    body = _inner(payload, "body").get("content")
    return MessageSeen(
        id=identifier,
        sender_id=object_id_of(sender.get("id")),
        sender_name=tidy(name)[:_LONGEST_NAME] if isinstance(name, str) else "",
        sent_at=sent_at[:40] if isinstance(sent_at, str) else "",
        text=_words(body[:_LONGEST_BODY])[:_LONGEST_TEXT] if isinstance(body, str) else "",
    )


def _words(content: str) -> str:
    """The text of a message without its markup."""
    return tidy(html.unescape(_TAG.sub(" ", content)))


def _inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def compose_body(name: str, answer: ComposeAnswer) -> dict[str, Any]:
    """The answer as Teams reads it: a window with a form or a word, or a list."""
    if isinstance(answer, FormAnswer):
        card = {"contentType": ADAPTIVE_CARD, "content": answer.card}
        window = {"title": answer.title, "height": "medium", "width": "medium", "card": card}
        return {"task": {"type": "continue", "value": window}}
    if isinstance(answer, FoundAnswer) and answer.found:
        attachments = [
            {
                "contentType": ADAPTIVE_CARD,
                "content": one.card,
                "preview": {"contentType": PREVIEW, "content": {"title": one.title, "text": one.text}},
            }
            for one in answer.found
        ]
        return {"composeExtension": {"type": "result", "attachmentLayout": "list", "attachments": attachments}}
    return _said(name, answer.hint if isinstance(answer, FoundAnswer) else answer.text)


def compose_refusal(name: str) -> dict[str, Any]:
    """A polite no to what the bot does not know."""
    return _said(name, "IRBot does not do that.")


def compose_late(name: str) -> dict[str, Any]:
    """What is said when the answer takes too long; the work goes on."""
    return _said(name, "IRBot is busy. A report that you sent is kept; otherwise try again in a moment.")


def _said(name: str, text: str) -> dict[str, Any]:
    if name in {FETCH, SUBMIT}:
        return {"task": {"type": "message", "value": text}}
    return {"composeExtension": {"type": "message", "text": text}}
