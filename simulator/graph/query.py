"""OData query options of a request, and the collection and entity answers that they shape."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from simulator.graph.errors import GraphError, bad_request, unknown_property, unsupported_query
from simulator.graph.filters import parse
from simulator.graph.schema import EntityType
from simulator.tenant import Json

_KNOWN = frozenset(
    {"$select", "$filter", "$expand", "$orderby", "$search", "$top", "$skip", "$skiptoken", "$count", "$format"}
)
_SEARCH_CLAUSE = re.compile(r'\s*"([A-Za-z]+):((?:[^"\\]|\\.)*)"\s*')
_EXPAND = re.compile(r"^([A-Za-z]+)(?:\(\$select=([A-Za-z,]+)\))?$")


@dataclass(frozen=True)
class Options:
    """The options of one request, checked for form; the names are checked against the type that answers."""

    select: tuple[str, ...]
    filter: str | None
    expand: tuple[str, ...]
    orderby: str | None
    search: str | None
    top: int | None
    skip: int
    skiptoken: str | None
    count: bool
    eventual: bool
    raw: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, query: Mapping[str, str], headers: Mapping[str, str]) -> Options:
        """Reads a query string. Raises GraphError 400 for an option that does not exist or has no sense."""
        for name in query:
            if name.startswith("$") and name.lower() not in _KNOWN:
                raise bad_request(f"The query parameter '{name}' is not supported.", "BadRequest")
        lowered = {name.lower(): value for name, value in query.items()}
        count = lowered.get("$count", "false").lower()
        if count not in {"true", "false"}:
            raise bad_request(f"Invalid value '{count}' for $count query option found.", "BadRequest")
        if lowered.get("$format", "json").split(";")[0] not in {"json", "application/json"}:
            raise bad_request("A supported MIME type could not be found for $format.", "BadRequest")
        return cls(
            select=tuple(part.strip() for part in lowered.get("$select", "").split(",") if part.strip()),
            filter=lowered.get("$filter"),
            expand=tuple(part.strip() for part in lowered.get("$expand", "").split(",") if part.strip()),
            orderby=lowered.get("$orderby"),
            search=lowered.get("$search"),
            top=_number(lowered, "$top"),
            skip=_number(lowered, "$skip") or 0,
            skiptoken=lowered.get("$skiptoken"),
            count=count == "true",
            eventual=headers.get("consistencylevel", "").lower() == "eventual",
            raw=tuple(query.items()),
        )


def _number(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    if not query[name].isdecimal() or len(query[name]) > 9:
        raise bad_request(f"Invalid value '{query[name]}' for {name} query option found.", "BadRequest")
    return int(query[name])


def shape(item: Json, entity: EntityType, options: Options, *, strict: bool = True) -> Json:
    """One entity with the chosen properties. `strict` refuses unknown names; lists of mixed types are not strict."""
    if options.select == ("*",):
        wanted: Iterable[str] = item
    elif options.select:
        known = {name.lower(): name for name in entity.properties}
        for name in options.select:
            if name.lower() not in known and strict and name not in entity.navigation:
                raise unknown_property(name, entity.name)
        wanted = [known[name.lower()] for name in options.select if name.lower() in known]
    else:
        wanted = entity.default_select or item
    shown = {name: item.get(name) for name in wanted if name in (entity.properties if strict else item)}
    kept = {name: value for name, value in item.items() if name.startswith("@odata.")}
    expanded = {_expand_name(part) for part in options.expand}
    kept |= {name: value for name, value in item.items() if name in expanded}
    return kept | shown


def _expand_name(part: str) -> str:
    return part.split("(", maxsplit=1)[0]


def check_expand(options: Options, entity: EntityType, offered: frozenset[str]) -> None:
    """Refuses an $expand that is unknown, not offered here, or combined with another."""
    for part in options.expand:
        if _EXPAND.match(part) is None:
            raise bad_request(f"Parsing OData Select and Expand failed: '{part}'.", "BadRequest")
        if _expand_name(part) not in entity.navigation:
            raise unknown_property(_expand_name(part), entity.name)
        if _expand_name(part) not in offered:
            raise bad_request(f"Expanding '{_expand_name(part)}' is not supported here.", "BadRequest")
    if len(options.expand) > 1:
        raise bad_request("Only one navigation property can be expanded in a request.", "BadRequest")


def _advanced(options: Options, why: str) -> None:
    if not options.eventual or not options.count:
        raise unsupported_query(
            f"{why} is only supported with the request header 'ConsistencyLevel: eventual' and $count=true."
        )


def _search_test(text: str, entity: EntityType) -> list[list[tuple[str, str]]]:
    """`"displayName:ann" OR "mail:ann"` as a list of alternatives of clauses that all must fit."""
    alternatives: list[list[tuple[str, str]]] = [[]]
    at = 0
    known = {name.lower(): name for name in entity.searchable}
    while True:
        match = _SEARCH_CLAUSE.match(text, at)
        if match is None:
            raise bad_request(f"Syntax error: character is not valid at position {at} in '{text}'.", "BadRequest")
        name = match.group(1).lower()
        if name not in known:
            raise unsupported_query(f"Property '{match.group(1)}' does not support $search.")
        alternatives[-1].append((known[name], match.group(2).replace('\\"', '"').lower()))
        at = match.end()
        if at >= len(text):
            return alternatives
        word = text[at:].split(maxsplit=1)[0]
        if word not in {"AND", "OR"}:
            raise bad_request(f"Syntax error: character is not valid at position {at} in '{text}'.", "BadRequest")
        if word == "OR":
            alternatives.append([])
        at += len(word)


def _found(item: Json, name: str, sought: str) -> bool:
    value = item.get(name)
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            continue
        words = re.split(r"[^\w@.'-]+", text.lower())
        pieces = [piece for piece in re.split(r"[^\w@.'-]+", sought) if piece]
        if pieces and all(any(word.startswith(piece) for word in words) for piece in pieces):
            return True
    return False


def collection(
    items: Iterable[Json],
    entity: EntityType,
    options: Options,
    *,
    url: str,
    context: str,
    strict: bool = True,
    expand: frozenset[str] = frozenset(),
    searched: bool = False,
) -> Json:
    """A page of a collection. `url` is the absolute address without query, for the next link.

    `searched`: the caller did $search and the order already.
    """
    check_expand(options, entity, expand)
    rows = list(items)
    if options.filter is not None:
        parsed = parse(options.filter, entity)
        if parsed.advanced and entity.advanced:
            _advanced(options, f"The filter '{options.filter}'")
        rows = [row for row in rows if parsed.test(row)]
    if options.search is not None and not searched:
        if not entity.searchable:
            raise bad_request("$search is not supported for this resource.", "BadRequest")
        if not options.eventual:
            raise unsupported_query(
                "Request with $search query parameter only works through MSGraph with a special request header: "
                "'ConsistencyLevel: eventual'"
            )
        alternatives = _search_test(options.search, entity)
        rows = [row for row in rows if any(all(_found(row, *clause) for clause in one) for one in alternatives)]
    if options.count and entity.advanced and not options.eventual:
        raise bad_request("$count is not currently supported without 'ConsistencyLevel: eventual'.", "BadRequest")
    if options.orderby is not None and not searched:
        rows = _ordered(rows, entity, options)
    size = entity.page_size if options.top is None else options.top
    if not 1 <= size <= entity.page_limit:
        raise bad_request(
            f"Invalid page size specified: '{size}'. Must be between 1 and {entity.page_limit} inclusive."
        )
    start = options.skip if options.skiptoken is None else _read_token(options)
    page = rows[start : start + size]
    answer: Json = {"@odata.context": context}
    if options.count:
        answer["@odata.count"] = len(rows)
    if start + size < len(rows):
        answer["@odata.nextLink"] = _next_link(url, options, start + size)
    answer["value"] = [shape(row, entity, options, strict=strict) for row in page]
    if strict and options.select and not page:
        shape({}, entity, options)
    return answer


def _ordered(rows: list[Json], entity: EntityType, options: Options) -> list[Json]:
    assert options.orderby is not None
    name, _, direction = options.orderby.strip().partition(" ")
    known = {key.lower(): key for key in entity.properties}
    if name.lower() not in known:
        raise unknown_property(name, entity.name)
    if direction.strip().lower() not in {"", "asc", "desc"}:
        raise bad_request(f"Syntax error in $orderby '{options.orderby}'.", "BadRequest")
    if entity.advanced and (options.filter or options.search):
        _advanced(options, "Sorting with a filter")
    key = known[name.lower()]
    return sorted(rows, key=lambda row: str(row.get(key) or "").lower(), reverse=direction.strip().lower() == "desc")


def _digest(options: Options) -> str:
    meaning = [pair for pair in options.raw if pair[0].lower() not in {"$skiptoken", "$top"}]
    return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:12]


def _next_link(url: str, options: Options, start: int) -> str:
    token = base64.urlsafe_b64encode(f"{start}.{_digest(options)}".encode()).decode().rstrip("=")
    kept = [(name, value) for name, value in options.raw if name.lower() not in {"$skiptoken", "$skip"}]
    pairs = [*kept, ("$skiptoken", token)]
    encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
    return f"{url}?{encoded}"


def _read_token(options: Options) -> int:
    assert options.skiptoken is not None
    expired = GraphError(400, "Directory_ExpiredPageToken", "The specified page token value has expired.")
    try:
        padded = options.skiptoken + "=" * (-len(options.skiptoken) % 4)
        start, _, digest = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
    except ValueError as problem:
        raise expired from problem
    if not start.isdecimal() or digest != _digest(options):
        raise expired
    return int(start)
