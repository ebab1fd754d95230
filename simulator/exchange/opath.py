"""The small part of Exchange's filter language (OPATH) that administrators use over this interface."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

from simulator.exchange.errors import CmdletError

Test = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(
    r"\s*(?:(\()|(\))|-(and|or|not|eq|ne|like|notlike|gt|lt)\b|'((?:[^']|'')*)'|(\"[^\"]*\")|([\w.$]+))", re.I
)


def compile_filter(text: Any) -> Test:
    """A test for rows. Raises the service's own error for what it cannot read."""
    if not text:
        return lambda row: True
    parser = _Parser(str(text))
    test = parser.either()
    if parser.tokens:
        raise _bad(str(text))
    return test


def _bad(text: str) -> CmdletError:
    return CmdletError(
        f'Invalid filter syntax. Filter: "{text}"',
        "Microsoft.Exchange.Data.Filtering.ParsingNonFilterablePropertyException",
    )


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise _bad(text)
            opening, closing, operator, quoted, double, word = found.groups()
            if opening or closing:
                self.tokens.append(("bracket", opening or closing))
            elif operator:
                self.tokens.append(("operator", operator.lower()))
            elif quoted is not None:
                self.tokens.append(("value", quoted.replace("''", "'")))
            elif double is not None:
                self.tokens.append(("value", double.strip('"')))
            else:
                self.tokens.append(("word", word))
            position = found.end()

    def _take(self, kind: str, *values: str) -> str | None:
        if self.tokens and self.tokens[0][0] == kind and (not values or self.tokens[0][1] in values):
            return self.tokens.pop(0)[1]
        return None

    def either(self) -> Test:
        tests = [self.both()]
        while self._take("operator", "or"):
            tests.append(self.both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.single()]
        while self._take("operator", "and"):
            tests.append(self.single())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def single(self) -> Test:
        if self._take("operator", "not"):
            inner = self.single()
            return lambda row: not inner(row)
        if self._take("bracket", "("):
            inside = self.either()
            if not self._take("bracket", ")"):
                raise _bad(self.text)
            return inside
        name, operator = self._take("word"), self._take("operator", "eq", "ne", "like", "notlike")
        value = self._take("value")
        if value is None:
            value = self._take("word")
            # `$true` is a variable of the shell and means nothing here: booleans are written as 'True'.
            if value is None or (value.startswith("$") and value.lower() != "$null"):
                raise _bad(self.text)
        if name is None or operator is None:
            raise _bad(self.text)
        return _comparison(name, operator, value)


def _comparison(name: str, operator: str, value: str) -> Test:
    def test(row: dict[str, Any]) -> bool:
        held = next((item for key, item in row.items() if key.lower() == name.lower()), None)
        items = held if isinstance(held, (list, tuple)) else [held]
        if value.lower() == "$null":
            matches = held in (None, "", [])
        elif operator.endswith("like"):
            matches = any(fnmatch.fnmatch(str(item or "").lower(), value.lower()) for item in items)
        else:
            matches = any(item is not None and str(item).lower() == value.lower() for item in items)
        return matches if operator in {"eq", "like"} else not matches

    return test
