"""Requests that no channel sends, byte by byte: none gets in, none ends as 500, and nobody else waits for one."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Callable

import pytest

from bot import Patience
from bot.activities import LARGEST_BODY
from tests.bot.conftest import Bench
from tests.counting import BadRequests

Build = Callable[[Bench], bytes]
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_REFUSALS = frozenset({400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 431, 501, 505})


def _head(bench: Bench, *more: str, line: str = "POST /api/messages HTTP/1.1", json_type: bool = True) -> bytes:
    """The head of a request that is right so far: signed, for the right place."""
    lines = [line, "Host: bot.test", f"Authorization: {bench.channel.headers()['Authorization']}"]
    lines += ["Content-Type: application/json"] if json_type else []
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def _with(*more: str, body: bytes | None = None, json_type: bool = True) -> Build:
    """A request with further headers; without a body of its own it has that of a message."""

    def build(bench: Bench) -> bytes:
        sent = _message(bench) if body is None else body
        return _head(bench, *more, f"Content-Length: {len(sent)}", json_type=json_type) + sent

    return build


def _framed(*more: str, tail: bytes = b"{}") -> Build:
    """A request that says itself how long it is."""
    return lambda bench: _head(bench, *more) + tail


def _message(bench: Bench) -> bytes:
    return json.dumps(bench.channel.activity()).encode()


def _packed(encoding: str, pack: Callable[[bytes], bytes]) -> Build:
    return lambda bench: _with(f"Content-Encoding: {encoding}", body=pack(_message(bench)))(bench)


def _in(encoding: str) -> Build:
    """A message in another encoding than UTF-8."""

    def build(bench: Bench) -> bytes:
        text = json.dumps(bench.channel.activity(text="<at>IRBot</at> é"), ensure_ascii=False)
        return _with(body=text.encode(encoding))(bench)

    return build


def _two_tokens(first: str, second: str) -> Build:
    def build(bench: Bench) -> bytes:
        tokens = {"good": bench.channel.token(), "bad": bench.channel.token(aud="somebody-else"), "none": "a.b.c"}
        lines = [f"Authorization: Bearer {tokens[each]}" for each in (first, second)]
        body = _message(bench)
        head = ["POST /api/messages HTTP/1.1", "Host: bot.test", *lines, "Content-Type: application/json"]
        return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body

    return build


_BOMB = gzip.compress(b" " * 64 * 1024 * 1024)
_TYPES = (
    *("text/plain", "text/json", "application/xml", "application/octet-stream", "application/json-patch+json"),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "*/*", "json", ""),
)
HOSTILE: dict[str, Build] = {
    "a bomb, gzip": _with("Content-Encoding: gzip", body=_BOMB),
    "a bomb, deflate": _with("Content-Encoding: deflate", body=zlib.compress(b"[" * 32 * 1024 * 1024)),
    "a bomb in a bomb": _with("Content-Encoding: gzip, gzip", body=gzip.compress(_BOMB)),
    "packed, gzip": _packed("gzip", gzip.compress),
    "packed, deflate": _packed("deflate", zlib.compress),
    "packed, but not really": _packed("gzip", lambda body: body),
    "packed, br": _packed("br", lambda body: body),
    "packed, zstd": _packed("zstd", lambda body: body),
    "packed, an unknown way": _packed("rot13", lambda body: body),
    **{f"content type {name!r}": _with(f"Content-Type: {name}", json_type=False) for name in _TYPES},
    "no content type": _with(json_type=False),
    **{f"in {name}": _in(name) for name in ("latin-1", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037")},
    "an overlong form": _with(body=b'{"type": "\xc0\xaf"}'),
    "half a surrogate": _with(body=b'{"type": "\xed\xa0\x80"}'),
    "zeros": _with(body=b"\x00" * 5000),
    "nested lists": _with(body=b"[" * 100_000 + b"]" * 100_000),
    "nested objects": _with(body=b'{"a":' * 40_000 + b"1" + b"}" * 40_000),
    "a number without end": _with(body=b'{"v": ' + b"9" * 200_000 + b"}"),
    "an exponent": _with(body=b'{"v": 1e' + b"9" * 100_000 + b"}"),
    "many keys": _with(body=json.dumps({str(number): 1 for number in range(20_000)}).encode()),
    "too large": _with(body=b" " * (LARGEST_BODY + 1)),
    "two good tokens": _two_tokens("good", "good"),
    "a good token and a bad one": _two_tokens("good", "bad"),
    "a bad token and a good one": _two_tokens("bad", "good"),
    "no token and a good one": _two_tokens("none", "good"),
    "two lengths": _framed("Content-Length: 2", "Content-Length: 3"),
    "length and chunks": _framed("Content-Length: 2", "Transfer-Encoding: chunked", tail=b"0\r\n\r\n"),
    "a negative length": _framed("Content-Length: -2"),
    "a length with a sign": _framed("Content-Length: +2"),
    "a length beyond all": _framed(f"Content-Length: {10**30}"),
    "a length that is no number": _framed("Content-Length: two"),
    "chunks of no size": _framed("Transfer-Encoding: chunked", tail=b"zz\r\n{}\r\n0\r\n\r\n"),
    "a way to send that is unknown": _framed("Transfer-Encoding: knock", tail=b"{}"),
    "a very long header": _with("X-Long: " + "a" * 100_000),
    "a very long token": _with("Proxy-Authorization: Bearer " + "a" * 60_000),
    "very many headers": _with(*(f"X-{number}: 1" for number in range(3000))),
    "a header in two lines": _framed("X-Folded: a\r\n b", "Content-Length: 2"),
    "a header without a name": _framed(": nothing", "Content-Length: 2"),
    "a zero in a header": _framed("X-Zero: a\x00b", "Content-Length: 2"),
    "a very long address": lambda bench: _head(bench, line="POST /" + "a" * 50_000 + " HTTP/1.1"),
    "another protocol": lambda bench: _head(bench, line="POST /api/messages HTTP/9.9"),
    "HTTP/2 at once": lambda bench: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": lambda bench: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",
    "another method": lambda bench: _head(bench, "Content-Length: 0", line="TRACE /api/messages HTTP/1.1"),
    "a method of its own": lambda bench: _head(bench, "Content-Length: 0", line="KNOCK /api/messages HTTP/1.1"),
}


async def _connect(bench: Bench) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert bench.client.port is not None
    return await asyncio.open_connection("127.0.0.1", bench.client.port)


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer; 0 where the connection is closed without one."""
    found = _STATUS.match(await reader.read(4096))
    return int(found[1]) if found else 0


async def test_what_no_channel_sends_gets_a_no_and_holds_up_nobody(bench: Bench, bad_requests: BadRequests) -> None:
    for number, (name, build) in enumerate(HOSTILE.items(), 1):
        reader, writer = await _connect(bench)
        writer.write(build(bench))
        assert (await bench.post(bench.channel.activity()))[0] == 200, f"held up by {name}"
        async with asyncio.timeout(20):
            status = await _status(reader)
        bad_requests.refused(status in _REFUSALS and bench.handler.told == number, (name, status))
        writer.close()


@pytest.mark.parametrize("patience", [Patience(body_seconds=0.3)])
async def test_a_body_that_comes_byte_by_byte_is_given_up_and_holds_up_nobody(
    bench: Bench, bad_requests: BadRequests
) -> None:
    connections = [await _connect(bench) for _ in range(30)]
    for _, writer in connections:
        writer.write(_head(bench, "Content-Length: 1000"))
    answers = [asyncio.create_task(_status(reader)) for reader, _ in connections]
    while not all(answer.done() for answer in answers):
        for _, writer in connections:
            if not writer.is_closing():
                writer.write(b" ")
        assert (await bench.post(bench.channel.activity()))[0] == 200
    told = bench.handler.told
    for answer, (_, writer) in zip(answers, connections, strict=True):
        bad_requests.refused(answer.result() == 408, answer.result())
        writer.close()
    assert (await bench.post(bench.channel.activity()))[0] == 200
    assert bench.handler.told == told + 1
