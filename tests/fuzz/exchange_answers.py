"""Whatever Exchange answers, a function gives plain values or one of our errors; it never breaks."""

from __future__ import annotations

import asyncio
import importlib
import typing
from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import strategies as st

from services.errors import Bug
from services.microsoft365.exchange import ALL, RestBackend
from services.microsoft365.exchange.pace import Pace
from services.microsoft365.exchange.protocols import Protocol
from tests.fuzz.graph_answers import names_in
from tests.fuzz.hostile import ANY_JSON, DEEP, ID, LEAVES, TEXTS, argument, json_of, written
from tests.fuzz.rounds import Came, Kind, came_of
from tests.services.microsoft365.exchange.conftest import Hours
from tests.services.microsoft365.graph_bench import settings

_URL = "https://exchange.test"
_ENDPOINT = f"{_URL}/adminapi/beta/t1/InvokeCommand"
_REFUSAL = (302, 400, 400, 400, 401, 403, 404, 405, 415, 429, 500, 502, 503, 504)
_LINKS = (f"{_ENDPOINT}?next=1", "https://evil.example/next", "https://[", f"{_URL}:bad/x", "next", "\ud800", "\x00")
_WAITS = ("", "1", "-1", "nan", "inf", "soon", "99999999999")
_SAID = st.sampled_from(
    (
        *("Ex1|M.E.ManagementObjectNotFoundException|not there", "||", "|a|b|c|", "ErrorInboxRuleDoesNotExist"),
        *("maximum number of concurrent requests", "surpassed the permitted limit", "pagination request is expired"),
        *("there are more results", "no settings of this were changed", "may be transient", "|M.ServerBusyException|x"),
        *("role definition of the current user", '||{"localizedString": {"stringId": 7}}', '||{"localizedString": []}'),
    )
)  # fmt: skip
_SWITCHES = {
    "protocols.switch": st.just({Protocol.IMAP: False}),
    "protocols.set_one": st.just({"imap": False, "smtp_auth": None}),
}
_PARTS = st.sampled_from(("id", "status", "headers", "body", "Retry-After", "error", "value", "responses"))


class Tokens:
    """A token, always the same."""

    async def token(self, scope: str, *, claims: str | None = None) -> str:
        return "e30.e30.x"

    async def forget(self, scope: str, token: str) -> None:
        """Nothing is kept."""


def _rows(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """A page of rows that have most of the properties that are asked for, with anything in them."""
    part = LEAVES | json_of(st.sampled_from(names), leaves=4)
    plain = st.sampled_from((ID, "megan@contoso.com", "True", "False", "2026-11-25T12:00:00Z", 3, True, False))
    row = st.builds(
        lambda good, bad: {**dict.fromkeys(names, good), **bad},
        plain,
        st.dictionaries(st.sampled_from(names), plain | part, max_size=8),
    )
    return st.fixed_dictionaries(
        {"value": st.lists(row, max_size=2)},
        optional={
            "@odata.nextLink": st.sampled_from(_LINKS) | LEAVES,
            "@adminapi.warnings": st.lists(_SAID | LEAVES, max_size=2) | LEAVES,
            "@adminapi.errors": st.lists(_SAID | ANY_JSON, max_size=1) | LEAVES,
        },
    )


def _refusals() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(("error", "code", "message", "details", "innererror", "internalexception"))
    said = st.fixed_dictionaries({"message": _SAID | TEXTS})
    error = st.fixed_dictionaries(
        {"code": TEXTS, "details": st.lists(said, max_size=2), "innererror": json_of(keys, leaves=4)}
    )
    return st.one_of(st.fixed_dictionaries({"error": error | json_of(keys, leaves=6)}), ANY_JSON, DEEP)


def _batches(row: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An answer to a $batch: parts that are whole, and parts that are anything."""
    good = st.fixed_dictionaries(
        {
            "id": st.sampled_from(("0", "1", "2", 0, 1)),
            "status": st.sampled_from((200, 200, 200, 400, 429, 503)) | LEAVES,
            "body": st.one_of(row, row, _refusals()),
        },
        optional={"headers": st.dictionaries(_PARTS, LEAVES, max_size=2) | LEAVES},
    )
    part = st.one_of(good, good, good, st.dictionaries(_PARTS, ANY_JSON, max_size=4), ANY_JSON)
    return st.fixed_dictionaries({"responses": st.lists(part, max_size=4) | ANY_JSON}) | ANY_JSON


class Office:
    """The functions over an Exchange that answers what it is told to."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.scripted: list[tuple[int, bytes, bytes | None, str]] = []
        hours = Hours()
        self.exchange = RestBackend(
            settings(exchange_url=_URL),
            Tokens(),
            pace=Pace(per_second=100_000, clock=hours.clock, sleep=hours.sleep),
            client=httpx.AsyncClient(transport=httpx.MockTransport(self._answer)),
            sleep=hours.sleep,
        )

    def close(self) -> None:
        self.runner.run(self.exchange.close())
        self.runner.close()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        status, one, batch, wait = self.scripted.pop(0) if len(self.scripted) > 1 else self.scripted[0]
        content = one
        if request.url.path.endswith("$batch"):
            parts = b",".join(b'{"id": "%d", "status": %d, "body": %s}' % (each, status, one) for each in range(10))
            content = b'{"responses": [%s]}' % parts if batch is None else batch
        return httpx.Response(status, stream=httpx.ByteStream(content), headers={"Retry-After": wait} if wait else {})

    def kind(self) -> Kind:
        """All functions of all areas, each with rows in its own vocabulary."""
        return Kind("Exchange answers", st.one_of([self._calls(name) for name in ALL]), self.check)

    @staticmethod
    def _calls(name: str) -> st.SearchStrategy[Any]:
        function: Callable[..., Any] = ALL[name]
        module = importlib.import_module(function.__module__)
        hints = typing.get_type_hints(function.__wrapped__)  # type: ignore[attr-defined]  # update_wrapper sets it
        plain = st.just(ID)
        given = st.fixed_dictionaries(
            {
                key: _SWITCHES[name] if key == "switches" else argument(hint, plain)
                for key, hint in hints.items()
                if key not in ("exchange", "return")
            }
        )
        names = tuple(each for each in names_in(module.__name__) if each[0].isupper() and each.isalnum())
        row = _rows(names or ("Guid",))
        one = st.one_of(row, row, row, ANY_JSON, DEEP).map(written)
        batch = st.one_of(st.none(), st.none(), _batches(row).map(written))
        success = st.tuples(st.just(200), one | st.binary(max_size=30), batch, st.just(""))
        refusal = st.tuples(
            st.sampled_from(_REFUSAL), _refusals().map(written) | st.binary(max_size=30), batch, st.sampled_from(_WAITS)
        )
        scripted = st.lists(st.one_of(success, success, success, refusal), min_size=1, max_size=3)
        return st.tuples(st.just(name), given, scripted)

    def check(self, value: Any) -> Came:
        """Calls one function against scripted answers, the last of which stays."""
        name, given, scripted = value
        self.scripted = list(scripted)
        answered = all(status == 200 for status, *_ in scripted)
        return came_of(
            name,
            lambda: self.runner.run(self._call(name, given)),
            lambda error: answered and not _our_refusal(error),
        )

    async def _call(self, name: str, given: dict[str, Any]) -> Any:
        async with asyncio.timeout(30):
            return await ALL[name](self.exchange, **given)


def _our_refusal(error: Bug) -> bool:
    """A call that could reach more than it names is never sent: an identity that Exchange told us may be such a one."""
    return error.data.get("reason") in ("empty-identity", "bad-call")
