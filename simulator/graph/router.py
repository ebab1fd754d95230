"""Finds the operation of a path, in every spelling that Graph accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from simulator.graph.errors import unknown_segment, wrong_method
from simulator.graph.operation import Operation

_KEY = re.compile(r"^([A-Za-z0-9_.$]+)\('((?:[^']|'')*)'\)$")
_NAMED_KEY = re.compile(r"^([A-Za-z0-9_.]+)\(([A-Za-z]+)='((?:[^']|'')*)'\)$")
_QUALIFIED = re.compile(r"^microsoft\.graph\.security\.([A-Za-z]+)$")


@dataclass(frozen=True)
class Match:
    """An operation and the values of its template's places."""

    operation: Operation
    parameters: dict[str, str]


def split(raw_path: str) -> list[str]:
    """A raw (still encoded) path as decoded segments; `users('x')` becomes two, qualified action names short."""
    found: list[str] = []
    for raw in raw_path.strip("/").split("/"):
        segment = unquote(raw)
        key = _KEY.match(segment)
        qualified = _QUALIFIED.match(segment)
        if key:
            found.extend((key.group(1), key.group(2).replace("''", "'")))
        elif qualified:
            found.append(qualified.group(1))
        elif segment.startswith("graph."):
            found.append(f"microsoft.{segment}")  # the alias that the SDK writes
        else:
            found.append(segment)
    return found


def _fit(template: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for wanted, found in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            if not found:
                return None
            parameters[wanted[1:-1]] = found
            continue
        named_wanted, named_found = _NAMED_KEY.match(wanted), _NAMED_KEY.match(found)
        if named_wanted and named_found:
            if named_wanted.group(1, 2) != named_found.group(1, 2):
                return None
            parameters[named_wanted.group(3)[1:-1]] = named_found.group(3).replace("''", "'")
            continue
        if wanted.lower() != found.lower():
            return None
    return parameters


class Router:
    """The table of operations. Templates with more fixed words win."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        self.operations = tuple(sorted(operations, key=lambda operation: operation.template.count("{")))

    def find(self, method: str, version: str, segments: list[str]) -> Match:
        """The operation. Raises GraphError 400 for an unknown path and 405 for a method that it does not have."""
        path_exists = False
        for operation in self.operations:
            parameters = _fit(operation.segments, segments)
            if parameters is None or version not in operation.versions:
                continue
            path_exists = True
            if operation.method == method:
                return Match(operation, parameters)
        if path_exists:
            raise wrong_method()
        raise unknown_segment(self._first_unknown(segments, version))

    def _first_unknown(self, segments: list[str], version: str) -> str:
        for length in range(1, len(segments) + 1):
            start = segments[:length]
            if not any(
                _fit(operation.segments[:length], start) is not None
                for operation in self.operations
                if version in operation.versions
            ):
                return start[-1]
        return segments[-1] if segments else ""
