"""Files in Teams: the person's answer to an offer, and the upload to where Teams then wants the file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import aiohttp

from bot.service_urls import ServiceUrls, is_safe_endpoint
from bot.trust import trust
from dialogs.turn import FileAnswer
from services.channel import Actor, Conversation, Upload
from services.errors import BadInput, NotAllowed, NotFound, Throttled, UnknownOutcome, UpstreamDown

FILE_CONSENT_INVOKE = "fileConsent/invoke"

_LONGEST = 4000
# The storage takes a file in pieces whose size is a multiple of 320 KiB.
_PIECE_BYTES = 32 * 320 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=60)
_TRIES = 3
_PAUSE_SECONDS = 1.0


def read_file_answer(value: object, actor: Actor, conversation: Conversation) -> FileAnswer:
    """The answer. Raises BadInput with a reason where it is not one that our offers lead to."""
    if not isinstance(value, Mapping) or value.get("type") != "fileUpload":
        raise BadInput(reason="not-a-file-answer")
    context = value.get("context")
    if not isinstance(context, Mapping):
        raise BadInput(reason="no-context")
    upload: Upload | None = None
    match value.get("action"):
        case "accept":
            upload = _upload(value.get("uploadInfo"))
        case "decline":
            pass
        case _:
            raise BadInput(reason="no-action")
    return FileAnswer(actor, conversation, _word(context, "offer"), _word(context, "nonce"), upload)


def _upload(info: object) -> Upload:
    if not isinstance(info, Mapping):
        raise BadInput(reason="no-upload-info")
    return Upload(
        upload_url=_word(info, "uploadUrl"),
        content_url=_word(info, "contentUrl"),
        name=_word(info, "name"),
        unique_id=_word(info, "uniqueId"),
        file_type=_word(info, "fileType"),
    )


def _word(source: Mapping[str, Any], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value or len(value) > _LONGEST or not value.isprintable():
        raise BadInput(reason=f"bad-{name}")
    return value


class FileHosts:
    """Where files may go: hosts that end in a domain (".sharepoint.com", HTTPS alone), or a URL's own origin."""

    def __init__(self, hosts: Iterable[str]) -> None:
        """Raises ValueError for an entry that is neither."""
        listed = tuple(hosts)
        self._domains = tuple(entry.lower() for entry in listed if entry.startswith("."))
        self._origins = ServiceUrls(entry for entry in listed if not entry.startswith("."))

    def allows(self, url: str) -> bool:
        """Whether a file may be sent to this address."""
        bare = url.partition("?")[0]
        if self._origins.allows(bare):
            return True
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return False
        host = (parts.hostname or "").lower()
        return (
            parts.scheme == "https"
            and port in {None, 443}
            and parts.username is None
            and is_safe_endpoint(bare)
            and host.endswith(self._domains)
        )


class FileUploads:
    """See `services.channel.Uploads`. The address carries its own permission, so no token of ours is sent."""

    def __init__(self, hosts: Iterable[str], ca_file: Path | None) -> None:
        self._hosts = FileHosts(hosts)
        self._ca_file = ca_file

    async def put(self, upload_url: str, content: BinaryIO, size: int) -> None:
        """Uploads piece by piece; a piece that surely did not arrive is sent again, the whole is the same twice."""
        if not self._hosts.allows(upload_url):
            raise NotAllowed(reason="upload-host")
        connector = aiohttp.TCPConnector(ssl=await trust(self._ca_file))
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http:
            for start in range(0, max(size, 1), _PIECE_BYTES):
                piece = await asyncio.to_thread(content.read, min(_PIECE_BYTES, size - start))
                await self._put_piece(http, upload_url, piece, f"bytes {start}-{start + len(piece) - 1}/{size}")

    async def _put_piece(self, http: aiohttp.ClientSession, url: str, piece: bytes, content_range: str) -> None:
        headers = {"Content-Range": content_range, "Content-Type": "application/octet-stream"}
        for attempt in range(1, _TRIES + 1):
            try:
                async with http.put(url, data=piece, headers=headers, allow_redirects=False) as answer:
                    if 200 <= answer.status < 300:
                        return
                    if answer.status in {404, 410}:
                        raise NotFound(what="upload", sought=content_range)
                    if answer.status not in {429, 500, 502, 503, 504}:
                        raise UpstreamDown(service="files", status=answer.status)
                    if attempt == _TRIES:
                        raise Throttled(service="files") if answer.status == 429 else UpstreamDown(service="files")
            except (aiohttp.ClientError, TimeoutError) as error:
                if attempt == _TRIES:
                    raise UnknownOutcome(service="files") from error
            await asyncio.sleep(_PAUSE_SECONDS * attempt)
