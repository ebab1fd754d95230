"""OData `$filter`: parsed into a tree, checked against what each property offers, evaluated on plain JSON.

Offered: eq, ne, ge, le, gt, lt, in, and, or, not, parentheses, startswith, endswith, contains, and `any` over lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.clock import parse_stamp
from simulator.graph.errors import GraphError, bad_request, unknown_property, unsupported_query
from simulator.graph.schema import EntityType
from simulator.tenant import Json

Test = Callable[[Json], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')"
    r"|(?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w.]*(?:/[A-Za-z_$][\w.]*)*)"
    r"|(?P<mark>[(),:]))"
)
_COMPARISONS = {"eq", "ne", "ge", "le", "gt", "lt"}
_FUNCTIONS = {"startswith", "endswith", "contains"}
_DEPTH = 20


Equals = tuple[tuple[str, Any], ...]
_NAMES = frozenset({"id", "userPrincipalName", "mail", "mailNickname", "proxyAddresses"})


@dataclass(frozen=True)
class Filter:
    """A checked filter. `advanced` says that the directory needs ConsistencyLevel and $count for it.

    For indexed look-ups: `equals` are property/value pairs that every match has; `names` are ids and addresses of
    which every match has at least one, None where the filter does not say.
    """

    test: Test
    equals: Equals = ()
    names: frozenset[str] | None = None
    advanced: bool = False


class _Parser:
    def __init__(self, text: str, entity: EntityType) -> None:
        self.text = text
        self.entity = entity
        self.tokens = self._split(text)
        self.at = 0
        self.depth = 0
        self.advanced = False
        self.variables: dict[str, str] = {}

    def _split(self, text: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            match = _TOKEN.match(stripped, at)
            if match is None or match.lastgroup is None:
                raise self.invalid(f"Syntax error at position {at} in '{text}'.")
            found.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        if not found:
            raise self.invalid("An expression was expected.")
        return found

    @staticmethod
    def invalid(why: str) -> GraphError:
        return bad_request(f"Invalid filter clause: {why}")

    def peek(self, offset: int = 0) -> tuple[str, str]:
        index = self.at + offset
        return self.tokens[index] if index < len(self.tokens) else ("end", "")

    def take(self, kind: str | None = None, value: str | None = None) -> str:
        found_kind, found = self.peek()
        if found_kind == "end" or (kind and found_kind != kind) or (value and found.lower() != value):
            raise self.invalid(f"Syntax error at position {self.at} in '{self.text}'.")
        self.at += 1
        return found

    def whole(self) -> Filter:
        part = self.either()
        if self.peek()[0] != "end":
            raise self.invalid(f"Syntax error: unexpected '{self.peek()[1]}' in '{self.text}'.")
        return part

    def either(self) -> Filter:
        part = self.both()
        while self.peek() == ("word", "or"):
            self.take()
            left, right = part, self.both()
            names = None if left.names is None or right.names is None else left.names | right.names
            part = Filter(_or(left.test, right.test), names=names)
        return part

    def both(self) -> Filter:
        part = self.one()
        while self.peek() == ("word", "and"):
            self.take()
            left, right = part, self.one()
            names = left.names if right.names is None else right.names
            part = Filter(_and(left.test, right.test), left.equals + right.equals, names)
        return part

    def one(self) -> Filter:
        self.depth += 1
        if self.depth > _DEPTH * 5:
            raise self.invalid("The expression is too complex.")
        kind, value = self.peek()
        if (kind, value) == ("mark", "("):
            self.take()
            inner = self.either()
            self.take("mark", ")")
            return inner
        if (kind, value) == ("word", "not"):
            self.take()
            self.advanced = True
            test = self.one().test
            return Filter(lambda item: not test(item))
        if kind == "word" and value.lower() in _FUNCTIONS and self.peek(1) == ("mark", "("):
            return Filter(self.function())
        if kind == "word" and value.endswith("/any") and self.peek(1) == ("mark", "("):
            return self.any_of(value.removesuffix("/any"))
        return self.comparison()

    def function(self) -> Test:
        name = self.take().lower()
        self.take("mark", "(")
        path = self.path(self.take("word"), name)
        self.take("mark", ",")
        wanted = self.literal()
        self.take("mark", ")")
        if not isinstance(wanted, str):
            raise self.invalid(f"{name} takes a string.")
        if name == "endswith":
            self.advanced = True
        sought = wanted.lower()

        def matches(value: Any) -> bool:
            if not isinstance(value, str):
                return False
            text = value.lower()
            if name == "startswith":
                return text.startswith(sought)
            return text.endswith(sought) if name == "endswith" else sought in text

        return lambda item: any(matches(value) for value in _values(item, path))

    def any_of(self, path: str) -> Filter:
        self.take("word")
        self.take("mark", "(")
        variable = self.take("word")
        self.take("mark", ":")
        if variable in self.variables:
            raise self.invalid(f"The range variable '{variable}' is used twice.")
        self.variables[variable] = self.resolve(path)
        inner = self.either()
        test = inner.test
        del self.variables[variable]
        self.take("mark", ")")
        listed = path.split("/")

        def matches(item: Json) -> bool:
            elements = _walk(item, listed)
            return any(test({"$it": variable, variable: element}) for element in elements)

        return Filter(matches, names=inner.names)

    def comparison(self) -> Filter:
        name = self.take("word")
        operator = self.take("word").lower()
        if operator == "in":
            path = self.path(name, "in")
            self.take("mark", "(")
            options = [self.literal()]
            while self.peek() == ("mark", ","):
                self.take()
                options.append(self.literal())
            self.take("mark", ")")
            named = self.named(path, options)
            return Filter(lambda item: any(_same(v, o) for v in _values(item, path) for o in options), names=named)
        if operator not in _COMPARISONS:
            raise self.invalid(f"'{operator}' is not a comparison.")
        path = self.path(name, operator)
        wanted = self.literal()
        if operator == "ne":
            self.advanced = True
        test = _compare(path, operator, wanted)
        if operator != "eq":
            return Filter(test)
        return Filter(test, ((name, wanted),), self.named(path, [wanted]))

    def named(self, path: list[str], values: list[Any]) -> frozenset[str] | None:
        """The names that these values are, where the property is one that people are found by."""
        if self.resolve("/".join(path)) not in _NAMES or not all(isinstance(value, str) for value in values):
            return None
        return frozenset(value.lower().removeprefix("smtp:") for value in values)

    def resolve(self, path: str) -> str:
        first, _, rest = path.partition("/")
        if first in self.variables:
            base = self.variables[first]
            return f"{base}/{rest}" if rest else base
        return path

    def path(self, name: str, operator: str) -> list[str]:
        full = self.resolve(name)
        known = {key.lower(): key for key in self.entity.filterable}
        root = full.split("/")[0]
        if full.lower() not in known:
            if root.lower() not in {p.lower() for p in self.entity.properties | self.entity.navigation}:
                raise unknown_property(root, self.entity.name)
            raise unsupported_query(f"Unsupported or invalid query filter clause specified for property '{full}'.")
        key = known[full.lower()]
        if operator not in self.entity.filterable[key]:
            raise unsupported_query(f"Unsupported property filter clause '{operator}' for property '{full}'.")
        if key in self.entity.needs_advanced:
            self.advanced = True
        return name.split("/") if name.partition("/")[0] in self.variables else key.split("/")

    def literal(self) -> Any:
        kind, value = self.peek()
        self.at += 1
        if kind == "string":
            return value[1:-1].replace("''", "'")
        if kind == "date":
            return parse_stamp(value if "T" in value else f"{value}T00:00:00Z")
        if kind == "guid":
            return value
        if kind == "number":
            return float(value) if "." in value else int(value)
        constants = {"true": True, "false": False, "null": None}
        if kind == "word" and value in constants:
            return constants[value]
        self.at -= 1
        raise self.invalid(f"A value was expected at '{value}'.")


def _and(left: Test, right: Test) -> Test:
    return lambda item: left(item) and right(item)


def _or(left: Test, right: Test) -> Test:
    return lambda item: left(item) or right(item)


def _walk(item: Any, path: list[str]) -> list[Any]:
    """The values at a path; lists on the way are entered."""
    values = [item]
    for name in path:
        following: list[Any] = []
        for value in values:
            if isinstance(value, dict):
                found = value.get(name)
                following.extend(found if isinstance(found, list) else [found])
        values = following
    return values


def _values(item: Json, path: list[str]) -> list[Any]:
    return _walk(item, path) or [None]


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    if isinstance(wanted, datetime):
        return isinstance(value, str) and parse_stamp(value) == wanted
    return (type(value) is type(wanted) and bool(value == wanted)) or (value is None and wanted is None)


def _compare(path: list[str], operator: str, wanted: Any) -> Test:
    if operator == "eq":
        return lambda item: any(_same(value, wanted) for value in _values(item, path))
    if operator == "ne":
        return lambda item: not any(_same(value, wanted) for value in _values(item, path))

    def ordered(item: Json) -> bool:
        for value in _values(item, path):
            if value is None:
                continue
            try:
                left = parse_stamp(value) if isinstance(wanted, datetime) else value
                if {"ge": left >= wanted, "le": left <= wanted, "gt": left > wanted, "lt": left < wanted}[operator]:
                    return True
            except (TypeError, ValueError):
                continue
        return False

    return ordered


def parse(text: str, entity: EntityType) -> Filter:
    """Reads a filter. Raises GraphError 400 naming what is wrong."""
    if text.count("(") > _DEPTH:
        raise bad_request("Invalid filter clause: the expression is too complex.")
    parser = _Parser(text, entity)
    found = parser.whole()
    return Filter(found.test, found.equals, found.names, parser.advanced)
