"""Whatever Graph answers, an area gives plain values or one of our errors; it never breaks."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import typing
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st

from services.microsoft365 import Microsoft365, Tokens
from services.microsoft365.exchange import backend
from tests.fuzz.hostile import ANY_JSON, DEEP, ID, LEAVES, argument, json_of, written
from tests.fuzz.rounds import Came, Kind, came_of
from tests.services.microsoft365.graph_bench import BASE, EMPTY, GraphBench, settings
from tests.services.microsoft365.test_areas import functions

_SUCCESS = (200, 200, 200, 200, 201, 202, 204)
_REFUSAL = (301, 304, 400, 401, 403, 404, 405, 409, 410, 412, 423, 424, 429, 500, 501, 502, 503, 504, 599)
_WAITS = ("", "1", "-1", "nan", "inf", "1e400", "soon", "Thu, 01 Jan 0001 00:00:00 GMT", "99999999999", "2, 3")
_LINKS = (f"{BASE}/v1.0/next", "https://evil.example/next", "http://[", f"{BASE}:bad/x", "next", "\ud800", "\x00")


@cache
def names_in(*modules: str) -> tuple[str, ...]:
    """The names of properties that the source of these modules knows: their strings."""
    found: set[str] = set()
    for module in modules:
        source = Path(importlib.import_module(module).__file__ or "").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 1 < len(node.value) <= 50:
                found.update(part for part in node.value.split(",") if part.strip("@._$#").replace(".", "").isalnum())
    return tuple(sorted(found))


def answers(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """JSON that looks like an answer: lists of entries with these names, entries alone, and anything at all."""
    keys = st.sampled_from(names)
    part = json_of(keys, leaves=6)
    full = st.builds(
        lambda good, bad: {**dict.fromkeys(names[:150], good), **bad},
        st.sampled_from((ID, "megan@contoso.com", True, 3, [], {}, [{}], "2026-11-25T12:00:00Z")),
        st.dictionaries(keys, part | LEAVES, max_size=8),
    )
    entry = st.dictionaries(keys, part | LEAVES, max_size=14) | full
    page = st.fixed_dictionaries(
        {"value": st.lists(entry, max_size=3)},
        optional={"@odata.nextLink": st.sampled_from(_LINKS) | LEAVES, "@odata.count": LEAVES},
    )
    return st.one_of(page, page, entry, st.fixed_dictionaries({"value": ANY_JSON}), ANY_JSON, DEEP)


def refusals() -> st.SearchStrategy[Any]:
    """JSON that looks like a refusal of Graph."""
    keys = st.sampled_from(("error", "code", "message", "innerError", "request-id", "details"))
    error = st.dictionaries(keys, json_of(keys, leaves=4), max_size=4)
    return st.fixed_dictionaries({"error": error}) | ANY_JSON


class Area:
    """The areas over a Graph that answers what it is told to."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.wire = self.runner.run(self._open())
        self.m365 = Microsoft365(self.wire.graph, "app-1", backend(settings(), Tokens(settings())))
        self.functions = functions(self.m365)

    @staticmethod
    async def _open() -> GraphBench:
        return GraphBench(EMPTY)

    def close(self) -> None:
        self.runner.run(self.wire.close())
        self.runner.close()

    def kind(self) -> Kind:
        """All functions of all areas, each with answers in its own vocabulary."""
        return Kind("Graph answers", st.one_of([self._calls(name) for name in self.functions]), self.check)

    def _calls(self, name: str) -> st.SearchStrategy[Any]:
        function = self.functions[name]
        module = inspect.getmodule(function)
        assert module is not None
        hints = {key: hint for key, hint in typing.get_type_hints(function).items() if key != "return"}
        plain = st.just(ID) | st.just("megan@contoso.com")
        given = st.fixed_dictionaries({key: argument(hint, plain) for key, hint in hints.items()})
        body = answers(names_in(module.__name__, "services.microsoft365.accounts"))
        success = st.tuples(st.sampled_from(_SUCCESS), body.map(written) | st.binary(max_size=40))
        refusal = st.tuples(st.sampled_from(_REFUSAL), refusals().map(written) | st.binary(max_size=40))
        return st.tuples(
            st.just(name),
            given,
            st.lists(st.one_of(success, success, success, success, refusal), min_size=1, max_size=2),
            st.sampled_from(_WAITS),
        )

    def check(self, value: Any) -> Came:
        """Calls one function against scripted answers, the last of which stays."""
        name, given, scripted, wait = value
        self.wire.replies = [
            httpx.Response(status, content=content, headers={"Retry-After": wait} if wait else {})
            for status, content in scripted
        ]
        self.wire.requests.clear()
        statuses = {status for status, _ in scripted}
        return came_of(
            name, lambda: self.runner.run(self._call(name, given)), lambda _: not statuses & {400, 304, 405, 410}
        )

    async def _call(self, name: str, given: dict[str, Any]) -> Any:
        async with asyncio.timeout(30):
            result: Any = self.functions[name](**given)  # type: ignore[operator]
            if isinstance(result, AsyncIterator):
                return [each async for each in result]
            return await result
