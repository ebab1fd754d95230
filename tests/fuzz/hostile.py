"""Bad input: what attackers, broken clients and odd tenants send, as strategies.

Used by the short rounds of the test run and by the long one (`python -m tests.fuzz`).
"""

# ruff: noqa: RUF001  (look-alike characters are what this file is about)

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from services.secrets import Secret

# The short rounds: the same inputs in every run, nothing kept between runs, and no clock that decides.
SHORT = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG_PHASES = (Phase.explicit, Phase.generate)

# Each of these has broken something somewhere.
PIECES = (
    *("\x00", "\x07", "\x1b[31m", "\x1b]0;owned\x07", "\x9b2J", "\x7f", "\x85", "\r\n", "\n", "\t", "\u2028", "\u2029"),
    *("\ud800", "\udfff", "\U0001f469\u200d\U0001f4bb", "\ufdfa", "\ufffe", "\U0010ffff", "\ufeff", "\u200b", "\u2060"),
    *("\u202e", "\u202d", "\u2066", "\u2069", "\u061c", "\u200f", "Z\u0351\u036b\u0343", "\u3164", "\U000e0041"),
    *("мegan@contoso.com", "ｍｅｇａｎ＠contoso.com", "ⅿegan", "İ", "ß", "ﬁ", "١٢٣", "²"),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "javascript:alert(1)"),
    *("' onmouseover='alert(1)", "</title></style><script>", "<!--", "]]>", "<?xml", "&#60;b&#62;", "&lt;", "&amp;"),
    *("<at>IRBot</at>", "<at id='0'>x</at>", "<at>", "</at>", "@0", "@1", "{{DATE(2026-01-01T00:00:00Z,SHORT)}}"),
    *("[x](http://evil.example)", "![x](http://evil.example/x.png)", "**b**", "_i_", "`c`", "~~s~~", "# h", "> q"),
    *("- item", "1. item", "|a|b|", "<http://evil.example>", "https://evil.example", "www.evil.example", "${7*7}"),
    *("'", '"', "`", "''", "';--", "' or '1' eq '1", "$(calc)", "%00", "%0d%0aBcc:", "..", "../", "..\\", "/", "\\"),
    *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "＝1", "＋1", "－1", "＠1", "*", "?", "%", "_", "{", "}", "[", "]"),
    *("mailto:megan@contoso.com", "<mailto:a@b.c|d@e.f>", '<a href="mailto:a@b.c">d@e.f</a>', "compromise", "IR-0001"),
    *("megan@contoso.com", "null", "NaN", "1e999", "true", "0b6e5a3c-91d2-4f0e-8a77-000000000001", "Bearer x", " "),
)
_RAW = st.text(max_size=40) | st.text(st.characters(exclude_categories=()), max_size=12)
_MIXED = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map("".join)
TEXTS = _MIXED | _RAW | st.sampled_from(PIECES)
# A little repeated very often: what takes time that grows with the square of a length shows here.
HUGE = st.tuples(st.sampled_from(PIECES) | st.text(min_size=1, max_size=6), st.sampled_from((300, 5_000, 40_000))).map(
    lambda pair: (pair[0] * pair[1])[:60_000]
)
ANY_TEXT = st.one_of(TEXTS, TEXTS, TEXTS, TEXTS, HUGE)

TIMES = st.sampled_from(
    (
        *("2026-11-25T12:00:00Z", "2026-11-25T12:00:00.1234567Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
        *("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.9999999Z", "2026-13-01", "2026-02-30T25:61:61Z", "12:00"),
        *("P1D", "99999999.23:59:59", "999999999999.00:00:00", "-1.00:00:00", "00:00:00.0000000", "Unlimited", "soon"),
    )
)
NUMBERS = (
    st.integers(-3, 100)
    | st.sampled_from((2**31, -(2**63), 2**64, 10**400, -(10**400), 1.5, -0.0, 1e308, 5e-324))
    | st.floats()  # NaN and the infinities too: Python's reader of JSON takes them
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | TIMES


def json_of(keys: st.SearchStrategy[str], *, leaves: int = 12) -> st.SearchStrategy[Any]:
    """Any JSON value whose objects have these names."""
    return st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=leaves,
    )


ANY_JSON = json_of(TEXTS)


def nested(depth: int, mark: str = "a") -> Any:
    """A value of that depth, lists and objects in turn."""
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {mark: value}
    return value


DEEP = st.sampled_from((20, 30, 200)).map(nested)


def written(value: Any) -> bytes:
    """The value as JSON bytes, with lone surrogates in escapes."""
    return json.dumps(value, ensure_ascii=True).encode("ascii")


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every part of a JSON value, itself left out."""
    inner: Iterable[tuple[str | int, Any]] = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


def bent(value: Any, path: Sequence[str | int], *, to: Any = None, away: bool = False) -> Any:
    """A copy of the value with one part replaced, or taken away. A path that is no longer there changes nothing."""
    if not path:
        return to
    key, *rest = path
    if isinstance(value, dict) and key in value:
        if away and not rest:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: bent(value[key], rest, to=to, away=away)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        copied = list(value)
        copied[key : key + 1] = [] if away and not rest else [bent(value[key], rest, to=to, away=away)]
        return copied
    return value


@st.composite
def mutated(draw: st.DrawFn, good: Any, parts: st.SearchStrategy[Any], most: int = 4) -> Any:
    """A good value in which some parts are missing, of another type, or full of bad text."""
    value = good
    for _ in range(draw(st.integers(1, most))):
        ways = list(places(value))
        if not ways:
            break
        away = draw(st.integers(0, 4)) == 0
        value = bent(value, draw(st.sampled_from(ways)), to=None if away else draw(parts), away=away)
    return value


AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
ID = "0b6e5a3c-91d2-4f0e-8a77-000000000001"


def argument(annotation: Any, strings: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Values for a parameter of that type; every string of them comes from `strings`."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    simple: Mapping[Any, st.SearchStrategy[Any]] = {
        str: strings,
        bool: st.booleans(),
        int: st.integers(1, 50),
        float: st.floats(0, 100),
        datetime: st.just(AT),
        timedelta: st.just(timedelta(days=30)),
        type(None): st.none(),
        Any: strings,
        Secret: strings.map(Secret),
    }
    if annotation in simple:
        return simple[annotation]
    if origin in (typing.Union, types.UnionType):
        return st.one_of([argument(each, strings) for each in inside if not _is_exception(each)])
    if origin is tuple and inside[-1] is not Ellipsis:
        return st.tuples(*(argument(each, strings) for each in inside))
    if origin in (tuple, list, frozenset) or (
        isinstance(origin, type) and issubclass(origin, Iterable) and len(inside) == 1
    ):
        kind = frozenset if origin is frozenset else tuple
        return st.lists(argument(inside[0], strings), min_size=1, max_size=2).map(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(argument(inside[0], strings), argument(inside[1], strings), max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return st.sampled_from(annotation)
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        fields = {
            each.name: argument(hints[each.name], strings) for each in dataclasses.fields(annotation) if each.init
        }
        return st.builds(annotation, **fields)
    raise TypeError(f"no values for {annotation!r}")


def _is_exception(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseException)


def unstorable(value: Any) -> str | None:
    """A text in a result that PostgreSQL, SQLite or a log could not take: with a NUL or half a character."""
    if isinstance(value, str):
        return value if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value) else None
    inner: Iterable[Any] = ()
    if isinstance(value, Mapping):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, each.name) for each in dataclasses.fields(value)]
    return next((found for each in inner if (found := unstorable(each)) is not None), None)
