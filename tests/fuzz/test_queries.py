"""Text that goes into a request of Graph stays a value there: it ends no literal, adds no option, leads nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import re
import types
import typing
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from services.errors import IRBotError
from services.secrets import Secret
from tests.fuzz.graph_answers import Area
from tests.fuzz.hostile import AT
from tests.services.microsoft365.graph_bench import BASE

MARK = "zq9"
# Each between two marks: what of them is outside a literal has ended it.
HOSTILE = (
    *("'", "''", "' or 1 eq 1 or '", "') or ('", "\u2019", "\uff07", "\u02bc", "\u00b4"),
    *('"', '\\"', '\\\\"', '" OR "', "\\", "(", ")", ":", "*", "+", "="),
    *("/", "/../users", "\\..\\", "%2f..%2f", "%27", "%00", "?$select=id", "&$filter=x", "#x", "{x}", "{+baseurl}"),
    *("\n", "\r\n", "\x00", "\u202e", "\u2028", " ", "@", ";", ",", "$", "<x>"),
)
TEXTS = tuple(MARK + MARK.join(HOSTILE[start::6]) + MARK for start in range(6))
_LITERAL = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
# Its argument is the query itself, which steps write.
_TAKES_A_QUERY = frozenset({"alerts.hunt"})


@pytest.fixture(scope="module")
def area() -> Iterator[Area]:
    made = Area()
    yield made
    made.close()


@dataclass(frozen=True)
class Shape:
    """What a request is, whatever values it has. `outside`: a value of it stands where none belongs."""

    method: str
    parts: int
    options: tuple[str, ...]
    outside: bool


def shapes(area: Area, name: str, text: str) -> list[Shape]:
    """What is sent with this text in every argument."""
    function: Any = area.functions[name]
    area.wire.replies = [httpx.Response(200, json={"value": []})]
    area.wire.requests.clear()

    async def call() -> None:
        hints = {key: hint for key, hint in typing.get_type_hints(function).items() if key != "return"}
        given = {key: value_for(hint, text) for key, hint in hints.items()}
        result = function(**given)
        if isinstance(result, AsyncIterator):
            async for _ in result:
                pass
        else:
            await asyncio.wait_for(result, 20)

    with contextlib.suppress(IRBotError):
        area.runner.run(call())
    found = []
    for request in area.wire.requests:
        url = str(request.url)
        assert url.startswith(f"{BASE}/"), url
        path, _, query = url.partition("?")
        options = [part.partition("=") for part in query.split("&") if part]
        outside = any(MARK in _LITERAL.sub("", unquote(value)) for _, _, value in options)
        dots = any(unquote(segment) in {".", ".."} for segment in path.split("/"))
        found.append(Shape(request.method, path.count("/"), tuple(key for key, _, _ in options), outside or dots))
    return found


def value_for(hint: Any, text: str) -> Any:
    """A value of the type whose every string is this text."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    simple = {
        str: text,
        bool: False,
        int: 3,
        float: 1.0,
        datetime: AT,
        type(None): None,
        Any: text,
        Secret: Secret(text),
    }
    if hint in simple:
        return simple[hint]
    if origin in (typing.Union, types.UnionType):
        return value_for(inside[0], text)
    if origin in (dict, Mapping):
        return {value_for(inside[0], text): value_for(inside[1], text)}
    if origin is tuple and inside[-1] is not Ellipsis:
        return tuple(value_for(each, text) for each in inside)
    if origin is not None:
        return (value_for(inside[0], text),)
    if issubclass(hint, enum.Enum):
        return next(iter(hint))
    hints = typing.get_type_hints(hint)
    return hint(**{each.name: value_for(hints[each.name], text) for each in dataclasses.fields(hint) if each.init})


def test_no_text_leaves_its_place_in_a_request(area: Area) -> None:
    tried = 0
    for name in area.functions:
        if name in _TAKES_A_QUERY:
            continue
        usual = shapes(area, name, MARK)
        for text in TEXTS:
            for sent in shapes(area, name, text):
                tried += 1
                assert not sent.outside, (name, sent)
                assert any(sent == shape for shape in usual), (name, sent, usual)
    assert tried > 200
