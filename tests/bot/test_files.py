"""An answer to a file is client input, and a file goes nowhere but to Microsoft's storage."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bot.files import FileHosts, FileUploads, read_file_answer
from services.channel import Actor, Conversation, ConversationKind
from services.errors import BadInput, NotAllowed, NotFound, Throttled, UpstreamDown
from services.settings import _FILE_HOSTS, Cloud

ALEX = Actor("alex", "Alex", "29:alex")
CHAT = Conversation("a:1", ConversationKind.PERSONAL, "https://smba.example/", "tenant")
INFO = {
    "uploadUrl": "https://contoso-my.sharepoint.com/up?guid=1",
    "contentUrl": "https://contoso-my.sharepoint.com/report.pdf",
    "name": "report.pdf",
    "uniqueId": "1",
    "fileType": "pdf",
}
YES = {"type": "fileUpload", "action": "accept", "context": {"offer": "o", "nonce": "n"}, "uploadInfo": INFO}


def test_a_yes_says_where_and_a_no_does_not() -> None:
    yes = read_file_answer(YES, ALEX, CHAT)
    assert (yes.offer, yes.nonce, yes.actor) == ("o", "n", ALEX)
    assert yes.upload is not None
    assert yes.upload.upload_url == INFO["uploadUrl"]
    assert "guid=1" not in repr(yes)
    assert read_file_answer({**YES, "action": "decline", "uploadInfo": None}, ALEX, CHAT).upload is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        "accept",
        [],
        {},
        {**YES, "type": "other"},
        {**YES, "action": "delete"},
        {**YES, "action": None},
        {**YES, "context": None},
        {**YES, "context": {"offer": "o"}},
        {**YES, "context": {"offer": 1, "nonce": "n"}},
        {**YES, "context": {"offer": "o\n", "nonce": "n"}},
        {**YES, "uploadInfo": None},
        {**YES, "uploadInfo": {**INFO, "uploadUrl": ["https://x"]}},
        {**YES, "uploadInfo": {**INFO, "name": ""}},
        {**YES, "uploadInfo": {**INFO, "uploadUrl": "https://x/" + "a" * 5000}},
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(BadInput):
        read_file_answer(value, ALEX, CHAT)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://contoso-my.sharepoint.com/personal/x/upload?guid=1&tempauth=abc.def", True),
        ("https://CONTOSO.SharePoint.com/x", True),
        ("http://contoso.sharepoint.com/x", False),
        ("https://contoso.sharepoint.com:8443/x", False),
        ("https://sharepoint.com.evil.example/x", False),
        ("https://evilsharepoint.com/x", False),
        ("https://user@contoso.sharepoint.com/x", False),
        ("https://contoso.sharepoint.com\\@evil.example/x", False),
        ("https://evil.example/?.sharepoint.com", False),
        ("ftp://contoso.sharepoint.com/x", False),
        ("https://[::1", False),
        ("https://[contoso.sharepoint.com]/x?y", False),
        ("https://contoso.sharepoint.com:port/x", False),
        ("", False),
    ],
)
def test_only_the_file_storage_of_the_cloud_is_an_address(url: str, allowed: bool) -> None:
    assert FileHosts(_FILE_HOSTS[Cloud.GLOBAL]).allows(url) is allowed


def test_every_cloud_has_its_file_storage() -> None:
    assert set(_FILE_HOSTS) == set(Cloud)


class Storage:
    """A file storage that answers as told, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.ranges: list[str] = []
        self.tokens: list[str | None] = []
        self.content = b""

    async def put(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization"))
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 201
        if status < 300:
            self.ranges.append(request.headers["Content-Range"])
            self.content += body
        headers = {"Location": "https://evil.example/"} if status in {302, 307} else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def storage() -> AsyncIterator[tuple[Storage, str]]:
    storage = Storage()
    app = web.Application(client_max_size=100_000_000)
    app.router.add_put("/up", storage.put)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield storage, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.files._PAUSE_SECONDS", 0.0)


async def test_a_large_file_goes_in_pieces_and_without_a_token(storage: tuple[Storage, str]) -> None:
    kept, url = storage
    content = bytes(range(256)) * 50_000
    await FileUploads((url,), None).put(f"{url}up?guid=1", io.BytesIO(content), len(content))
    assert kept.content == content
    assert kept.ranges == [f"bytes 0-10485759/{len(content)}", f"bytes 10485760-{len(content) - 1}/{len(content)}"]
    assert set(kept.tokens) == {None}


async def test_a_busy_storage_is_asked_again(storage: tuple[Storage, str]) -> None:
    kept, url = storage
    kept.answers = [503, 429]
    await FileUploads((url,), None).put(f"{url}up", io.BytesIO(b"x"), 1)
    assert kept.content == b"x"


@pytest.mark.parametrize(
    ("answers", "error"),
    [([404], NotFound), ([410], NotFound), ([429] * 3, Throttled), ([503] * 3, UpstreamDown), ([302], UpstreamDown)],
)
async def test_what_does_not_work_has_its_error(
    storage: tuple[Storage, str], answers: list[int], error: type[Exception]
) -> None:
    kept, url = storage
    kept.answers = list(answers)
    with pytest.raises(error):
        await FileUploads((url,), None).put(f"{url}up", io.BytesIO(b"x"), 1)
    assert kept.content == b""


async def test_another_host_gets_nothing(storage: tuple[Storage, str]) -> None:
    kept, url = storage
    with pytest.raises(NotAllowed):
        await FileUploads((".sharepoint.com",), None).put(f"{url}up", io.BytesIO(b"x"), 1)
    assert kept.tokens == []
