"""Logs: one JSON object a line, tied to its turn, and without secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import logs

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of the process, as it would be on standard error."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    logs.configure("INFO", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


def _lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_what_where_and_for_whom(stream: io.StringIO) -> None:
    with logs.bound(correlation="c1", actor="a1"), logs.bound(incident="IR-0007", step="block-sign-in"):
        logging.getLogger("irbot.x").warning("blocked %s", "megan")
    [line] = _lines(stream)
    assert line["time"].endswith("+00:00")
    del line["time"]
    assert line == {
        "level": "WARNING",
        "logger": "irbot.x",
        "message": "blocked megan",
        "incident": "IR-0007",
        "step": "block-sign-in",
        "actor": "a1",
        "correlation": "c1",
    }


def test_what_was_bound_is_let_go(stream: io.StringIO) -> None:
    with pytest.raises(RuntimeError), logs.bound(correlation="c1"):
        raise RuntimeError
    logging.getLogger("x").warning("after")
    assert "correlation" not in _lines(stream)[0]


async def test_tasks_inherit_and_do_not_mix(stream: io.StringIO) -> None:
    async def one(name: str) -> None:
        with logs.bound(correlation=name):
            await asyncio.sleep(0)
            await asyncio.create_task(two())

    async def two() -> None:
        await asyncio.sleep(0)
        logging.getLogger("x").warning("%s", logs.correlation.get())

    await asyncio.gather(*(one(f"c{number}") for number in range(5)))
    assert all(line["message"] == line["correlation"] for line in _lines(stream))
    assert len(_lines(stream)) == 5


def test_a_traceback_stays_on_its_line_without_secrets(stream: io.StringIO) -> None:
    error = ValueError(f"Authorization: Bearer {TOKEN}")
    logging.getLogger("x").error("failed", exc_info=error)
    [line] = _lines(stream)
    assert "ValueError" in line["traceback"]
    assert TOKEN not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "Bearer {secret}",
        "authorization: {secret}",
        "Authorization: Basic {secret}",
        "password={secret}",
        "'password': '{secret}'",
        '{{"passwordProfile": {{"password": "{secret}"}}}}',
        "client_secret={secret}&grant_type=x",
        '"clientSecret" : "{secret}"',
        "access_token={secret};",
        "refreshToken: {secret}",
        "temporaryAccessPass='{secret}'",
        "temporary_access_pass: {secret}",
        "client_assertion={secret}",
        "nonce={secret}",
        "-----BEGIN RSA PRIVATE KEY-----\n{secret}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{secret}",
    ],
)
def test_secrets_by_their_names(text: str) -> None:
    secret = "hunter2Abcdef+/9"
    assert secret not in logs.redact(text.format(secret=secret))


@pytest.mark.parametrize("token", [TOKEN, TOKEN.rsplit(".", 1)[0] + ".", TOKEN.rsplit(".", 1)[0]])
def test_tokens_by_their_looks(token: str) -> None:
    assert token not in logs.redact(f"got {token} from x")


@pytest.mark.parametrize(
    "text",
    [
        "megan@contoso.com was blocked",
        "The password was scrambled.",
        "no token for https://graph.microsoft.com/.default",
        "https://smba.trafficmanager.net/emea/v3/conversations",
        "the design: fine",
        "19:abc@thread.tacv2;messageid=1700000000000",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert logs.redact(text) == text


def test_a_value_can_be_hidden_wherever_it_turns_up(stream: io.StringIO) -> None:
    logs.hide("Zx9-very-own")
    logging.getLogger("x").warning("said %r", {"odd": "Zx9-very-own"})
    assert "Zx9-very-own" not in stream.getvalue()
    logs.hide("short")  # would black out half the log
    assert logs.redact("a short word") == "a short word"


def test_libraries_that_log_bodies_are_kept_quiet(stream: io.StringIO) -> None:
    logs.configure("DEBUG", stream)
    for name in ("msal", "msal.token_cache", "urllib3", "httpx", "msrest.universal_http"):
        logging.getLogger(name).debug("body")
        logging.getLogger(name).info("body")
    assert stream.getvalue() == ""


def test_a_wrong_format_string_does_not_lose_the_record() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%d things", ("seven",), None)
    assert "seven" in json.loads(logs.JsonLines().format(record))["message"]


def test_a_giant_message_is_cut_and_says_so(stream: io.StringIO) -> None:
    logging.getLogger("x").warning("y" * 500_000)
    message = _lines(stream)[0]["message"]
    assert len(message) < 25_000
    assert message.endswith("characters)")


def test_configuring_twice_logs_once(stream: io.StringIO) -> None:
    logs.configure("INFO", stream)
    logging.getLogger("x").warning("once")
    assert len(_lines(stream)) == 1


def test_correlation_ids_are_short_and_new() -> None:
    ids = {logs.new_correlation_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 12 and one.isalnum() for one in ids)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_message_is_one_line_of_json(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (text,), None)
    line = logs.JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["level"] == "INFO"
    line.encode()


OBEYED = ("\x9b31mred", "\x85", "\u2028", "\u2029", "\u202e", "\x1b]0;owned\x07", "\x7f", "\ud800", "\r\n", "\x00")


@given(st.lists(st.sampled_from(OBEYED) | st.text(max_size=8), max_size=12).map("".join))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_a_line_or_steers_a_terminal(text: str) -> None:
    line = logs.JsonLines().format(logging.LogRecord("x", logging.INFO, "", 0, "%s", (text,), None))
    assert len(line.splitlines()) == 1
    assert not [letter for letter in line if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    "piece",
    ['token="', "secret='", "eyJaaaaaa-", "bearer ", "-----BEGIN ", 'password="\\', 'nonce="\\\n', "token ", "sig:"],
)
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    """What takes time with the square of the length would take minutes here."""
    logs.redact(piece * (200_000 // len(piece)))


def test_a_secret_that_is_cut_off_is_hidden_too() -> None:
    assert "hunter2" not in logs.redact('{"password": "hunter2 and the re')
    assert "hunter2" not in logs.redact("client_secret='hunter2\\")
