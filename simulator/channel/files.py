"""Files that a bot offers in a personal chat, and the storage where Teams then wants them.

The storage takes an upload in pieces at an address that carries its own permission, and refuses a token beside it.
Microsoft's emulator has no such question, so its person sees a card with the two buttons that Teams would show.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from simulator.channel.teams import Teams
    from simulator.world import World

Json = dict[str, Any]
CONSENT = "application/vnd.microsoft.teams.card.file.consent"
INFO = "application/vnd.microsoft.teams.card.file.info"
INVOKE = "fileConsent/invoke"
EMULATED_VERB = "simulator.file"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_LARGEST_PIECE = 60 * 1024 * 1024


@dataclass
class StoredFile:
    """One file in a person's storage; `token` opens its upload session, which ends with the last byte."""

    owner: str  # object id
    name: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex, repr=False)
    unique_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    content: bytearray = field(default_factory=bytearray, repr=False)
    finished: bool = False

    @property
    def file_type(self) -> str:
        """The end of the name, as Teams gives it."""
        return self.name.rpartition(".")[2]

    def upload_info(self, base_url: str) -> Json:
        """What the bot is told about where to upload."""
        return {
            "contentUrl": f"{base_url}/sharepoint/files/{self.unique_id}/{quote(self.name)}",
            "name": self.name,
            "uploadUrl": f"{base_url}/sharepoint/upload?guid={self.unique_id}&tempauth={self.token}",
            "uniqueId": self.unique_id,
            "fileType": self.file_type,
        }


def faults_of_file(attachment: Json, at: str) -> Iterator[str]:
    """Why Teams would not take this file attachment from a bot."""
    content = attachment.get("content")
    if not isinstance(attachment.get("name"), str) or not attachment["name"]:
        yield f"{at}: no name"
    if not isinstance(content, dict):
        yield f"{at}: no content"
    elif attachment["contentType"] == CONSENT:
        if not isinstance(content.get("description"), str):
            yield f"{at}.content: no description"
        if type(content.get("sizeInBytes")) is not int or content["sizeInBytes"] <= 0:
            yield f"{at}.content: no sizeInBytes"
    elif not isinstance(attachment.get("contentUrl"), str):
        yield f"{at}: no contentUrl"
    elif not isinstance(content.get("uniqueId"), str) or not isinstance(content.get("fileType"), str):
        yield f"{at}.content: uniqueId and fileType are needed"


def offer_in(activity: Json) -> Json | None:
    """The offer of a file in an activity."""
    return next((each for each in activity.get("attachments") or [] if each.get("contentType") == CONSENT), None)


def for_the_emulator(activity: Json) -> Json:
    """The activity as the emulator can show it: the question as a card with its two buttons."""
    attachments = [_as_card(each) for each in activity.get("attachments") or []]
    return {**activity, "attachments": attachments} if attachments else activity


def _as_card(attachment: Json) -> Json:
    content = attachment.get("content") or {}
    if attachment.get("contentType") == CONSENT:
        size = f"{attachment['name']}, about {max(1, content['sizeInBytes'] // 1024)} KB"
        body = [_line(size, bold=True), _line(content["description"])]
        actions = [_button("Allow", "accept"), _button("Decline", "decline")]
    elif attachment.get("contentType") == INFO:
        body = [_line(attachment["name"], bold=True), _line("In your OneDrive.")]
        actions = [{"type": "Action.OpenUrl", "title": "Open", "url": attachment["contentUrl"]}]
    else:
        return attachment
    card = {"type": "AdaptiveCard", "version": "1.5", "body": body, "actions": actions}
    return {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}


def _line(words: str, *, bold: bool = False) -> Json:
    return {"type": "TextBlock", "text": words, "wrap": True, "weight": "bolder" if bold else "default"}


def _button(title: str, answer: str) -> Json:
    return {"type": "Action.Execute", "title": title, "verb": EMULATED_VERB, "data": {"answer": answer}}


def invoke_value(teams: Teams, offer: Json, object_id: str, *, accept: bool) -> Json:
    """What the bot is told of a person's answer; a yes opens a place in their storage."""
    content = offer["content"]
    value: Json = {"type": "fileUpload", "action": "accept" if accept else "decline"}
    value["context"] = content.get("acceptContext" if accept else "declineContext")
    if accept:
        stored = StoredFile(object_id, offer["name"])
        teams.files[stored.unique_id] = stored
        value["uploadInfo"] = stored.upload_info(teams.world.base_url)
    return value


def routes(world: World) -> list[web.RouteDef]:
    """All routes under /sharepoint/."""
    storage = _Storage(world)
    return [
        web.put("/sharepoint/upload", storage.upload),
        web.get("/sharepoint/files/{guid}/{name}", storage.read),
    ]


class _Storage:
    def __init__(self, world: World) -> None:
        self._world = world

    def _file(self, guid: str) -> StoredFile | None:
        from simulator.channel.teams import teams_of

        return teams_of(self._world).files.get(guid)

    async def upload(self, request: web.Request) -> web.Response:
        """One piece, in order; with the last one the session ends."""
        if "Authorization" in request.headers:
            return _problem(401, "unauthenticated", "The upload address carries its own permission.")
        file = self._file(request.query.get("guid", ""))
        if file is None or file.finished or request.query.get("tempauth") != file.token:
            return _problem(404, "itemNotFound", "The upload session was not found.")
        named = _RANGE.fullmatch(request.headers.get("Content-Range", ""))
        if named is None:
            return _problem(400, "invalidRequest", "A Content-Range is needed.")
        first, last, total = (int(number) for number in named.groups())
        piece = await request.read()
        if len(piece) != last - first + 1 or len(piece) > _LARGEST_PIECE:
            return _problem(400, "invalidRequest", "The piece does not have the length that its range says.")
        if last + 1 < total and len(piece) % (320 * 1024):
            return _problem(400, "invalidRequest", "A piece that is not the last is a multiple of 320 KiB.")
        if first > len(file.content):
            return _problem(416, "invalidRange", "The piece before is missing.")
        file.content[first:] = piece
        if last + 1 < total:
            return web.json_response({"nextExpectedRanges": [f"{last + 1}-{total - 1}"]}, status=202)
        file.finished = True
        return web.json_response({"id": file.unique_id, "name": file.name, "size": total}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """The file, as its owner opens it."""
        file = self._file(request.match_info["guid"])
        if file is None or not file.finished:
            return _problem(404, "itemNotFound", "There is no such file.")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        return web.Response(body=bytes(file.content), content_type="application/octet-stream", headers=headers)


def _problem(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
