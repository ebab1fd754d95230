"""Mail: folders, messages, moving and purging, and sending. What is sent arrives in the simulated mailboxes."""

from __future__ import annotations

import re
from uuid import uuid4

from simulator.exchange import exchange_of
from simulator.exchange.graph_rules import graph_folder_id
from simulator.exchange.state import USER_CREATED
from simulator.graph.errors import GraphError, bad_request, item_not_found
from simulator.graph.mailbox import mailbox_user
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation, Row
from simulator.graph.remediation import carry_out
from simulator.graph.schema import MAIL_FOLDER
from simulator.graph.schema_workloads import CONTACT, MESSAGE, PERSON
from simulator.tenant import Json, User

# well-known name → display name
FOLDERS: dict[str, str] = {
    "inbox": "Inbox",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
    "junkemail": "Junk Email",
    "archive": "Archive",
    "rssfeeds": "RSS Feeds",
    "conversationhistory": "Conversation History",
    "recoverableitemsdeletions": "Deletions",
}
# well-known name → type in Exchange, which knows the name in the owner's language
_TYPES: dict[str, str] = {
    "inbox": "Inbox",
    "sentitems": "SentItems",
    "deleteditems": "DeletedItems",
    "drafts": "Drafts",
    "junkemail": "JunkEmail",
    "archive": "Archive",
    "rssfeeds": "RssSubscriptions",
    "conversationhistory": "ConversationHistory",
}
_SEARCHABLE = {"subject", "body", "from", "to", "cc", "bcc", "participants", "recipients"}


def _folders(call: Call, user: User) -> dict[str, str]:
    """Display names in the owner's language by well-known name, and by id for the folders that the owner made."""
    mailbox = exchange_of(call.world).mailbox_of(user.id)
    if mailbox is None:
        return FOLDERS
    types = {folder.folder_type: folder.name for folder in mailbox.folders}
    standard = {name: types.get(_TYPES.get(name, ""), shown) for name, shown in FOLDERS.items()}
    made = [each for each in mailbox.folders if each.folder_type == USER_CREATED]
    return standard | {graph_folder_id(folder): folder.name for folder in made}


def _folder(call: Call, user: User, key: str) -> str:
    """A folder's well-known name, or its id, from either or from its display name."""
    for name, shown in _folders(call, user).items():
        if key == name or key.lower() in {name.lower() if name in FOLDERS else name, shown.lower()}:
            return name
    raise item_not_found()


def _folder_row(name: str, shown: str, messages: list[Json]) -> Json:
    inside = [message for message in messages if message["parentFolderId"] == name]
    return {
        "id": name,
        "displayName": shown,
        "parentFolderId": "msgfolderroot",
        "childFolderCount": 0,
        "isHidden": name == "recoverableitemsdeletions",
        "totalItemCount": len(inside),
        "unreadItemCount": sum(not message["isRead"] for message in inside),
    }


def list_folders(call: Call) -> Answer:
    """GET /users/{id}/mailFolders: hidden ones are not listed."""
    user = mailbox_user(call)
    mail = call.tenant.records.mail[user.id]
    folders = _folders(call, user)
    rows = [_folder_row(name, folders[name], mail) for name in folders if name != "recoverableitemsdeletions"]
    return call.collection(rows, MAIL_FOLDER, f"users('{user.id}')/mailFolders")


def get_folder(call: Call) -> Answer:
    """GET /users/{id}/mailFolders/{name}."""
    user = mailbox_user(call)
    name = _folder(call, user, call.parameters["mailFolder-id"])
    row = _folder_row(name, _folders(call, user)[name], call.tenant.records.mail[user.id])
    return call.entity(row, MAIL_FOLDER, f"users('{user.id}')/mailFolders/$entity")


def _readable(call: Call, row: Json) -> Json:
    """Without Mail.Read there are no bodies."""
    if call.caller.permissions.intersection({"Mail.Read", "Mail.ReadWrite"}):
        return row
    return {name: value for name, value in row.items() if name not in {"body", "bodyPreview", "uniqueBody"}}


def _list(call: Call, user: User, rows: list[Json]) -> Answer:
    if call.options.search is not None:
        if call.options.filter is not None or call.options.orderby is not None:
            raise GraphError(400, "SearchWithFilter", "The query parameter '$search' can't be combined with these.")
        if not call.caller.permissions.intersection({"Mail.Read", "Mail.ReadWrite"}):
            raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        rows = [row for row in rows if _search(row, call.options.search)]
    by, _, direction = (call.options.orderby or "receivedDateTime desc").partition(" ")
    if call.options.orderby and call.options.filter and by.lower() not in call.options.filter.lower():
        raise GraphError(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
    rows = sorted(rows, key=lambda row: str(row.get(by) or ""), reverse=direction.strip().lower() == "desc")
    shown = [_readable(call, row) for row in rows]
    return call.collection(shown, MESSAGE, f"users('{user.id}')/messages", searched=True)


def _addresses(row: Json, *fields: str) -> str:
    found: list[str] = []
    for field in fields:
        value = row.get(field)
        for each in value if isinstance(value, list) else [value] if value else []:
            found.append(" ".join(str(part) for part in each["emailAddress"].values()))
    return " ".join(found).lower()


def _search(row: Json, text: str) -> bool:
    """A little of the keyword language: words, property:word, AND and OR between them."""
    query = text.strip()
    if not (query.startswith('"') and query.endswith('"') and len(query) >= 2):
        raise bad_request(f"Syntax error: character is not valid at position 0 in '{text}'.", "BadRequest")
    texts = {
        "subject": str(row["subject"]).lower(),
        "body": str(row["body"]["content"]).lower(),
        "from": _addresses(row, "from"),
        "to": _addresses(row, "toRecipients"),
        "cc": _addresses(row, "ccRecipients"),
        "bcc": _addresses(row, "bccRecipients"),
        "recipients": _addresses(row, "toRecipients", "ccRecipients", "bccRecipients"),
        "participants": _addresses(row, "from", "toRecipients", "ccRecipients", "bccRecipients"),
    }
    alternatives = re.split(r"\s+OR\s+", query[1:-1].replace('\\"', "").strip())
    return any(all(_holds(texts, clause) for clause in re.split(r"\s+AND\s+|\s+", each)) for each in alternatives)


def _holds(texts: dict[str, str], clause: str) -> bool:
    name, colon, word = clause.partition(":")
    if colon and name.lower() in _SEARCHABLE:
        return word.lower() in texts[name.lower()]
    return any(clause.lower() in each for each in texts.values())


def list_messages(call: Call) -> Answer:
    """GET /users/{id}/messages: every folder but the recoverable items."""
    user = mailbox_user(call)
    carry_out(call)
    mail = call.tenant.records.mail[user.id]
    return _list(call, user, [row for row in mail if row["parentFolderId"] != "recoverableitemsdeletions"])


def list_folder_messages(call: Call) -> Answer:
    """GET /users/{id}/mailFolders/{name}/messages."""
    user = mailbox_user(call)
    carry_out(call)
    name = _folder(call, user, call.parameters["mailFolder-id"])
    return _list(call, user, [row for row in call.tenant.records.mail[user.id] if row["parentFolderId"] == name])


def _message(call: Call, user: User) -> Json:
    key = call.parameters["message-id"]
    found = next((row for row in call.tenant.records.mail[user.id] if row["id"] == key), None)
    if found is None:
        raise item_not_found()
    return found


def get_message(call: Call) -> Answer:
    """GET one message."""
    user = mailbox_user(call)
    return call.entity(_readable(call, _message(call, user)), MESSAGE, f"users('{user.id}')/messages/$entity")


def move(call: Call) -> Answer:
    """POST …/move: a new id, unless the caller asked for immutable ones."""
    user = mailbox_user(call)
    row = _message(call, user)
    target = _folder(call, user, str(call.parameters_of_action("destinationId")["destinationId"]))
    before = row["parentFolderId"]
    row["parentFolderId"] = target
    if "immutableid" not in call.headers.get("prefer", "").lower():
        row["id"] = f"AAMk{uuid4().hex}"
    call.tenant.note(user, "Move message", str(row["subject"]), before, target, call.by)
    return Answer(201, call.entity(row, MESSAGE, f"users('{user.id}')/messages/$entity").body)


def delete(call: Call) -> Answer:
    """DELETE one message: it goes to the recoverable items."""
    user = mailbox_user(call)
    row = _message(call, user)
    row["parentFolderId"] = "recoverableitemsdeletions"
    call.tenant.note(user, "Delete message", str(row["subject"]), "there", "recoverable", call.by)
    return NO_CONTENT


def permanent_delete(call: Call) -> Answer:
    """POST …/permanentDelete: gone for its owner; holds keep it."""
    user = mailbox_user(call)
    row = _message(call, user)
    call.tenant.records.mail[user.id].remove(row)
    call.tenant.records.purged.append(row)
    call.tenant.note(user, "Purge message", str(row["subject"]), "there", "purged", call.by)
    return NO_CONTENT


def contacts(call: Call) -> Answer:
    """GET /users/{id}/contacts."""
    user = mailbox_user(call)
    return call.collection(call.tenant.records.contacts[user.id], CONTACT, f"users('{user.id}')/contacts")


def people(call: Call) -> Answer:
    """GET /users/{id}/people: the most relevant first."""
    user = mailbox_user(call)
    return call.collection(call.tenant.records.people[user.id], PERSON, f"users('{user.id}')/people")


_USER = "/users/{user-id}"
_LIST_MAIL = ("Mail.Read", "Mail.ReadBasic.All", "Mail.ReadWrite")
_READ_MAIL = ("Mail.Read", "Mail.ReadBasic.All")
_WRITE_MAIL = ("Mail.ReadWrite",)
_MESSAGE = f"{_USER}/messages/{{message-id}}"
OPERATIONS = tuple(
    Operation(method, path, handler, permissions, row=Row.OUTLOOK)
    for method, path, handler, permissions in (
        ("GET", f"{_USER}/mailFolders", list_folders, _LIST_MAIL),
        ("GET", f"{_USER}/mailFolders/{{mailFolder-id}}", get_folder, _LIST_MAIL),
        ("GET", f"{_USER}/mailFolders/{{mailFolder-id}}/messages", list_folder_messages, _LIST_MAIL),
        ("GET", f"{_USER}/messages", list_messages, _LIST_MAIL),
        ("GET", _MESSAGE, get_message, _READ_MAIL),
        ("DELETE", _MESSAGE, delete, _WRITE_MAIL),
        ("POST", f"{_MESSAGE}/move", move, _WRITE_MAIL),
        ("POST", f"{_MESSAGE}/permanentDelete", permanent_delete, _WRITE_MAIL),
        ("GET", f"{_USER}/contacts", contacts, ("Contacts.Read", "Contacts.ReadWrite")),
        ("GET", f"{_USER}/people", people, ("People.Read.All",)),
    )
)
