"""Messages in mailboxes: what was sent, what lies there, sending our own, and taking the intruder's away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.graph import Graph, Json
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, instant, moment, objects, quoted, text

_READ = Operation("messages", ("Mail.ReadBasic.All",), Row.OUTLOOK)
_SEARCH = Operation("search-messages", ("Mail.Read",), Row.OUTLOOK)
_MOVE = Operation("move-message", ("Mail.ReadWrite",), Row.OUTLOOK, Effect.ONCE)
_PURGE = Operation("purge-message", ("Mail.ReadWrite",), Row.OUTLOOK, Effect.REPEATABLE)
_SEND = Operation("send-mail", ("Mail.Send",), Row.OUTLOOK, Effect.ONCE)
_REMEDIATE = Operation(
    "remediate-mail",
    ("SecurityAnalyzedMessage.ReadWrite.All",),
    Row.SECURITY,
    Effect.ONCE,
    licence="Microsoft Defender for Office 365 P2",
)

NEEDS: Needs = {
    "in_folder": permissions_of(_READ),
    "search": permissions_of(_SEARCH),
    "search_any": permissions_of(_SEARCH),
    "move": permissions_of(_MOVE),
    "purge": permissions_of(_PURGE),
    "send": permissions_of(_SEND),
    "sent_marks": permissions_of(_READ),
    "lying_in": permissions_of(_READ),
    "reports": permissions_of(_SEARCH),
    "remediate": permissions_of(_REMEDIATE),
}

MARK_HEADER = "x-irbot-message"
_PAGE = 100
_MESSAGE_IDS = re.compile(r"<[^<>\s]+>")
_FIELDS = (
    "id",
    "subject",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "sentDateTime",
    "receivedDateTime",
    "internetMessageId",
    "hasAttachments",
)
_STABLE_IDS = {"Prefer": 'IdType="ImmutableId"'}


class Remedy(StrEnum):
    """What Defender does with delivered mail, in its own words."""

    PULL_BACK = "softDelete"
    PUT_BACK = "moveToInbox"


@dataclass(frozen=True)
class Message:
    """A message without its body. `id` stays the same when the message is moved within its mailbox."""

    id: str
    subject: str
    sender: str
    recipients: tuple[str, ...]
    sent_at: datetime | None
    message_id: str
    has_attachments: bool


@dataclass(frozen=True)
class SentMarks:
    """Internet message ids by the marks that their mails were sent with. Not `complete`: there is more."""

    found: Mapping[str, str]
    complete: bool


@dataclass(frozen=True)
class Report:
    """A mail server's report about mail that it did not deliver. `about` are the message ids that it answers to."""

    at: datetime | None
    about: tuple[str, ...]
    text: str


class Messages:
    """Messages by the object id of the mailbox's account."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def in_folder(self, object_id: str, folder: str, since: datetime, limit: int) -> Listing[Message]:
        """What was sent or received since then in a folder, newest first: `sentitems`, `inbox`, `deleteditems`,
        `recoverableitemsdeletions`, `junkemail`, `drafts`, or an id.

        GET /users/{id}/mailFolders/{folder}/messages; Mail.ReadBasic.All; read only.
        """
        where = self._graph.client.users.by_user_id(object_id).mail_folders.by_mail_folder_id(folder).messages
        request = self._graph.request(
            Method.GET,
            where,
            filter=f"sentDateTime ge {instant(since)}",
            orderby=("sentDateTime desc",),
            select=_FIELDS,
            top=_PAGE,
            headers=_STABLE_IDS,
        )
        return listing(await self._graph.items(_READ, request, limit=limit, mailbox=object_id), _message_from)

    async def search(self, object_id: str, words: Sequence[str], limit: int) -> Listing[Message]:
        """Messages that contain all the words, in any folder. Outlook finds a thousand at most.

        GET /users/{id}/messages?$search; Mail.Read; read only.
        """
        return await self._searched(object_id, " ".join(_phrase(word) for word in words), limit)

    async def search_any(self, object_id: str, phrases: Sequence[str], limit: int) -> Listing[Message]:
        """Messages that contain at least one of the phrases, in any folder. Outlook finds a thousand at most.

        GET /users/{id}/messages?$search; Mail.Read; read only.
        """
        return await self._searched(object_id, " OR ".join(_phrase(phrase) for phrase in phrases), limit)

    async def _searched(self, object_id: str, query: str, limit: int) -> Listing[Message]:
        request = self._graph.request(
            Method.GET,
            self._graph.client.users.by_user_id(object_id).messages,
            search=f'"{query}"',
            select=_FIELDS,
            top=_PAGE,
            headers=_STABLE_IDS,
        )
        return listing(await self._graph.items(_SEARCH, request, limit=limit, mailbox=object_id), _message_from)

    async def move(self, object_id: str, message_id: str, folder: str) -> None:
        """Moves a message to a folder, such as `deleteditems`.

        POST /users/{id}/messages/{id}/move; Mail.ReadWrite; after an unknown outcome look where it is.
        """
        where = self._graph.client.users.by_user_id(object_id).messages.by_message_id(message_id).move
        body = {"DestinationId": folder}
        request = self._graph.request(Method.POST, where, body=body, headers=_STABLE_IDS)
        await self._graph.call(_MOVE, request, mailbox=object_id)

    async def purge(self, object_id: str, message_id: str) -> None:
        """Takes a message away so that the user cannot get it back; a hold still keeps it. Raises Gone.

        POST /users/{id}/messages/{id}/permanentDelete; Mail.ReadWrite; safe to repeat. Global cloud only.
        """
        where = self._graph.client.users.by_user_id(object_id).messages.by_message_id(message_id).permanent_delete
        request = self._graph.request(Method.POST, where, headers=_STABLE_IDS)
        await self._graph.call(_PURGE, request, mailbox=object_id)

    async def send(self, sender_id: str, recipients: Sequence[str], subject: str, html: str, *, mark: str) -> None:
        """Hands a mail to Exchange for sending. `mark` is unique and finds it in Sent Items: see `sent_marks`.

        POST /users/{id}/sendMail; Mail.Send; every call sends: after an unknown outcome ask `sent_marks`.
        """
        message: Json = {
            "subject": subject,
            "importance": "high",
            "body": {"contentType": "html", "content": html},
            "toRecipients": [{"emailAddress": {"address": address}} for address in recipients],
            "internetMessageHeaders": [{"name": MARK_HEADER, "value": mark}],
        }
        where = self._graph.client.users.by_user_id(sender_id).send_mail
        request = self._graph.request(Method.POST, where, body={"Message": message, "SaveToSentItems": True})
        await self._graph.call(_SEND, request, mailbox=sender_id)

    async def sent_marks(self, sender_id: str, since: datetime, until: datetime, limit: int) -> SentMarks:
        """The marks of the mails that Sent Items holds from these minutes.

        GET /users/{id}/mailFolders/sentitems/messages; Mail.ReadBasic.All; read only.
        """
        where = self._graph.client.users.by_user_id(sender_id).mail_folders.by_mail_folder_id("sentitems").messages
        request = self._graph.request(
            Method.GET,
            where,
            filter=f"sentDateTime ge {instant(since)} and sentDateTime le {instant(until)}",
            orderby=("sentDateTime desc",),
            select=("id", "internetMessageId", "internetMessageHeaders"),
            top=_PAGE,
        )
        items = await self._graph.items(_READ, request, limit=limit, mailbox=sender_id)
        found = {
            text(header, "value"): text(entry, "internetMessageId")
            for entry in items.values
            for header in objects(entry, "internetMessageHeaders")
            if text(header, "name").casefold() == MARK_HEADER
        }
        return SentMarks(found, items.complete)

    async def reports(self, object_id: str, since: datetime, limit: int) -> Listing[Report]:
        """What mail servers have reported to this mailbox since then, oldest first: mail that was not delivered.

        GET /users/{id}/mailFolders/inbox/messages; Mail.Read; read only.
        """
        where = self._graph.client.users.by_user_id(object_id).mail_folders.by_mail_folder_id("inbox").messages
        request = self._graph.request(
            Method.GET,
            where,
            filter=f"receivedDateTime ge {instant(since)}",
            orderby=("receivedDateTime asc",),
            select=("id", "subject", "receivedDateTime", "internetMessageHeaders", "body"),
            top=_PAGE,
            headers={"Prefer": 'outlook.body-content-type="text"'},
        )
        items = await self._graph.items(_SEARCH, request, limit=limit, mailbox=object_id)
        return Listing(tuple(report for entry in items.values if (report := _report_from(entry))), items.complete)

    async def lying_in(self, object_id: str, message_ids: Sequence[str]) -> frozenset[str]:
        """Which of these messages (by internet message id, 15 at most) lie where the mailbox's owner sees them.

        GET /users/{id}/messages?$filter; Mail.ReadBasic.All; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._graph.client.users.by_user_id(object_id).messages,
            filter=" or ".join(f"internetMessageId eq {quoted(each)}" for each in message_ids),
            select=("id", "internetMessageId"),
            top=_PAGE,
        )
        items = await self._graph.items(_READ, request, mailbox=object_id)
        return frozenset(text(entry, "internetMessageId") for entry in items.values)

    async def remediate(self, name: str, mails: Sequence[tuple[str, str]], action: Remedy) -> str:
        """Asks Defender to pull delivered mail out of mailboxes, or to put it back.

        `mails` are network message ids, which a trace gives, and recipients. The sender's copy stays: it is evidence.
        Returns where people can follow the action. Accepted is not done: it takes minutes to hours.

        POST /security/collaboration/analyzedEmails/remediate; SecurityAnalyzedMessage.ReadWrite.All, Defender for
        Office 365 P2; every call starts an action.
        """
        body: Json = {
            "displayName": name,
            "description": name,
            "severity": "high",
            "action": action.value,
            "remediateSendersCopy": False,
            "analyzedEmails": [
                {"networkMessageId": message_id, "recipientEmailAddress": recipient} for message_id, recipient in mails
            ],
        }
        where = self._graph.client.security.collaboration.analyzed_emails.microsoft_graph_security_remediate
        answer = await self._graph.call(_REMEDIATE, self._graph.request(Method.POST, where, body=body))
        return answer.headers.get("Location") or ""


def _phrase(words: str) -> str:
    """Words in their order as Outlook's search wants them, whatever they contain."""
    return '\\"' + words.replace('"', " ").replace("\\", " ") + '\\"'


def _message_from(entry: Mapping[str, Any]) -> Message:
    return Message(
        id=text(entry, "id"),
        subject=text(entry, "subject"),
        sender=_address(child(entry, "from")),
        recipients=tuple(
            _address(recipient)
            for kind in ("toRecipients", "ccRecipients", "bccRecipients")
            for recipient in objects(entry, kind)
        ),
        sent_at=moment(entry, "sentDateTime"),
        message_id=text(entry, "internetMessageId"),
        has_attachments=flag(entry, "hasAttachments") is True,
    )


def _report_from(entry: Mapping[str, Any]) -> Report | None:
    """None for ordinary mail. Exchange marks its own reports; others follow the standard for delivery reports."""
    headers = {text(each, "name").casefold(): text(each, "value") for each in objects(entry, "internetMessageHeaders")}
    standard = "report-type=delivery-status" in headers.get("content-type", "").replace('"', "").casefold()
    if not standard and "x-ms-exchange-message-is-ndr" not in headers:
        return None
    about = _MESSAGE_IDS.findall(f"{headers.get('in-reply-to', '')} {headers.get('references', '')}")
    return Report(
        at=moment(entry, "receivedDateTime"),
        about=tuple(dict.fromkeys(about)),
        text=f"{text(entry, 'subject')}\n{text(child(entry, 'body'), 'content')}",
    )


def _address(recipient: Mapping[str, Any]) -> str:
    return text(child(recipient, "emailAddress"), "address")
