"""Watches every Graph request that the product makes in a test run, and fails the test that made a wrong one.

A request is held against two descriptions of Graph: the contract file, where it is present, and the SDK's own request
builders and models. Method, path, query options, body and the permission that the operation declares must fit.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from jsonschema import Draft202012Validator
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.serialization import ParseNodeFactoryRegistry
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

import services.microsoft365
from services.microsoft365.operations import Operation, OperationOption

CONTRACT = Path(__file__).resolve().parents[2] / "shared" / "contracts" / "graph-openapi-slice.json"

_FILES = frozenset({"Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All"})
_ROLES = frozenset({"RoleManagement.ReadWrite.Directory"})
# Not in the contract file: checked against the SDK, and against Microsoft's published permissions as written here.
BEYOND: Mapping[tuple[str, str], frozenset[str]] = {
    ("POST", "/v1.0/oauth2PermissionGrants"): frozenset({"DelegatedPermissionGrant.ReadWrite.All"}),
    ("GET", "/v1.0/users/{user-id}/ownedObjects/graph.group"): frozenset({"User.Read.All", "Directory.Read.All"}),
    ("POST", "/v1.0/users/{user-id}/appRoleAssignments"): frozenset({"AppRoleAssignment.ReadWrite.All"}),
    ("POST", "/v1.0/roleManagement/directory/roleAssignments"): _ROLES,
    ("DELETE", "/v1.0/roleManagement/directory/roleAssignments/{unifiedRoleAssignment-id}"): _ROLES,
    ("POST", "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests"): _ROLES,
    ("GET", "/v1.0/groups"): frozenset({"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}),
    ("GET", "/v1.0/users/{user-id}/drive"): _FILES,
    ("GET", "/v1.0/drives/{drive-id}/items/{driveItem-id}/search(q='{q}')"): _FILES,
    ("POST", "/v1.0/groups/{group-id}/members/$ref"): _ROLES | {"GroupMember.ReadWrite.All"},
    ("DELETE", "/v1.0/groups/{group-id}/members/{directoryObject-id}/$ref"): _ROLES | {"GroupMember.ReadWrite.All"},
}

# Calls that the contract file leaves out, each with its reason; the SDK's builders and models alone speak for them.
OUTSIDE: dict[tuple[str, str], str] = {
    ("GET", "/v1.0/users/{user-id}/ownedObjects/graph.group"): "who owns a role-assignable group is an administrator",
    ("GET", "/v1.0/groups"): "which group is behind an address that the intruder wrote to",
    ("GET", "/v1.0/users/{user-id}/drive"): "whose files the intruder could read",
    ("GET", "/v1.0/drives/{drive-id}/items/{driveItem-id}/search(q='{q}')"): "what is in those files that hurts",
    ("POST", "/v1.0/oauth2PermissionGrants"): "undo: puts back a grant that was revoked",
    ("POST", "/v1.0/users/{user-id}/appRoleAssignments"): "undo: puts back an assignment that was removed",
}

_OPTIONS = "kiota_request_options"
_VERSION = re.compile(r"/(?P<version>v1\.0|beta)(?P<path>/.*)$")
_QUALIFIED = re.compile(r"microsoft\.graph\.(?:[a-z]+\.)*(?=[a-z])")
_ODATA = re.compile(r"@odata\.")


@dataclass(frozen=True)
class GraphRequest:
    """A request as it went out. `path` is decoded and without qualified action names."""

    operation: Operation
    method: str
    version: str
    path: str
    query: tuple[str, ...]
    body: str

    @property
    def name(self) -> str:
        return f"{self.method} /{self.version}{self.path}"


def read(request: httpx.Request) -> GraphRequest | None:
    """The Graph request in an HTTP request; None where it is none of the product's."""
    option = request.extensions.get(_OPTIONS, {}).get(OperationOption.KEY)
    found = _VERSION.search(request.url.raw_path.decode("ascii").partition("?")[0])
    if not isinstance(option, OperationOption) or found is None or option.operation not in declared_operations():
        return None
    names = [name for name, _ in parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)]
    return GraphRequest(
        operation=option.operation,
        method=request.method,
        version=found["version"],
        path=_QUALIFIED.sub("", "/".join(unquote(part).replace("/", "%2F") for part in found["path"].split("/"))),
        query=tuple(sorted(names)),
        body=request.content.decode(),
    )


@functools.cache
def declared_operations() -> frozenset[Operation]:
    """Every operation that a module of the product declares."""
    return frozenset(value for module in modules() for value in vars(module).values() if isinstance(value, Operation))


@functools.cache
def modules() -> tuple[ModuleType, ...]:
    package = services.microsoft365
    return tuple(
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
        if not info.ispkg
    )


class Contract:
    """The contract file."""

    def __init__(self, path: Path) -> None:
        self._document = json.loads(path.read_text(encoding="utf-8"))
        self._paths = sorted(
            ((_pattern(template), template) for template in self._document["paths"]),
            key=lambda pair: pair[1].count("{"),
        )

    def misses(self, request: GraphRequest) -> Iterator[str]:
        """Why the request is not what the contract says; nothing where it is."""
        permitted = next(
            (row for key, row in BEYOND.items() if key[0] == request.method and _is_at(key[1], request)), None
        )
        if permitted is not None:
            yield from (
                f"permission {name} is not listed" for name in request.operation.permissions if name not in permitted
            )
            return
        template = self.template(request)
        if template is None:
            yield "no such path"
            return
        operation = self._document["paths"][template].get(request.method.lower())
        if operation is None:
            yield "no such method"
            return
        known = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        # The token of a next link is not ours: the service wrote it.
        for name in request.query:
            if name not in known and name not in ("$skiptoken", "$skip", "$deltatoken"):
                yield f"no query option {name}"
        yield from self._body_misses(operation, request.body)
        permissions = (operation.get("x-ms-permissions") or {}).get("application")
        if permissions is not None:
            listed = {*(permissions.get("least") or ()), *(permissions.get("other") or ())}
            for name in request.operation.permissions:
                if name not in listed:
                    yield f"permission {name} is not listed"

    def methods(self, template: str) -> set[str]:
        return set(self._document["paths"].get(template, ()))

    def template(self, request: GraphRequest) -> str | None:
        whole = f"/{request.version}{request.path}"
        return next((template for pattern, template in self._paths if pattern.fullmatch(whole)), None)

    def _body_misses(self, operation: Mapping[str, Any], body: str) -> Iterator[str]:
        declared = operation.get("requestBody")
        if declared is None:
            if body:
                yield "a body where none is taken"
            return
        if not body:
            if declared.get("required"):
                yield "no body where one is needed"
            return
        schema = declared["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": self._document["components"]})
        for error in validator.iter_errors(json.loads(body)):
            yield f"body: {error.json_path}: {error.validator} does not hold"


def _is_at(template: str, request: GraphRequest) -> bool:
    return _pattern(template).fullmatch(f"/{request.version}{request.path}") is not None


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^}]*\})", template)
    return re.compile("".join(r"[^/]+?" if part.startswith("{") else re.escape(part) for part in parts))


class SdkBuilders:
    """The request builders and models of msgraph-sdk, which Microsoft generates from its own description of Graph."""

    def __init__(self) -> None:
        adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=httpx.AsyncClient())
        self._client = GraphServiceClient(request_adapter=adapter)

    def misses(self, request: GraphRequest) -> Iterator[str]:
        """Why the SDK could not have sent the request; nothing where it could, or where it is beta."""
        if request.version == "beta":
            return
        builder = self.builder(request.path)
        if builder is None:
            yield "the SDK has no such path"
            return
        verb = getattr(builder, request.method.lower(), None)
        if verb is None:
            yield "the SDK has no such method there"
            return
        for name in request.query:
            if name.replace("$", "%24") not in builder.url_template and name != "$skiptoken":
                yield f"the SDK has no query option {name} there"
        if request.body:
            model = _body_model(verb, builder)
            if model is None:
                yield "the SDK takes no body there"
            else:
                yield from (f"the SDK's {model.__name__} has no {name}" for name in _unknown(model, request.body))

    def builder(self, path: str) -> Any:
        builder: Any = self._client
        for segment in path.strip("/").split("/"):
            builder = self._next(builder, segment)
            if builder is None:
                return None
        return builder

    @staticmethod
    def _next(builder: Any, segment: str) -> Any:
        members = inspect.getmembers(type(builder))
        plain = _plain(segment)
        for name, value in members:
            if not isinstance(value, property):
                continue
            if _plain(name).removeprefix("microsoftgraph").removeprefix("security") == plain or _plain(name) == plain:
                return getattr(builder, name)
        function = re.fullmatch(r"(\w+)\(.*\)", segment)
        for name, value in members:
            if not inspect.isfunction(value):
                continue
            if function and _plain(name).startswith(_plain(function[1])):
                return value(builder, *("x" for _ in list(inspect.signature(value).parameters)[1:]))
            if name.startswith("by_") and not function:
                return value(builder, segment)
        return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _body_model(verb: Any, builder: Any) -> Any:
    """The model that a builder's method takes: imported for type checkers only, so the source tells where it is."""
    parameter = inspect.signature(verb).parameters.get("body")
    if parameter is None:
        return None
    module = inspect.getmodule(type(builder))
    assert module is not None
    # Not `ast`: before Python 3.12 it fails at times while another thread uses it (CPython issue 106905).
    found = re.search(rf"^\s*from (\S+) import {parameter.annotation}$", inspect.getsource(module), re.MULTILINE)
    if found is not None:
        return getattr(importlib.import_module(found[1], module.__package__), parameter.annotation)
    raise AssertionError(f"{parameter.annotation} is not imported by {module.__name__}")


def _unknown(model: Any, body: str) -> Iterator[str]:
    """The properties that a model does not know: they end up in its bag of additional data."""
    root = ParseNodeFactoryRegistry().get_root_parse_node("application/json", body.encode())
    pending: list[Any] = [root.get_object_value(model)]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif hasattr(value, "get_field_deserializers"):
            yield from (name for name in getattr(value, "additional_data", {}) if not _ODATA.search(name))
            pending.extend(vars(value).values() if not hasattr(value, "backing_store") else _stored(value))


def _stored(value: Any) -> list[Any]:
    return [pair[1] for pair in value.backing_store.enumerate_()]


@dataclass
class Watch:
    """What was seen, and what of it was wrong."""

    contract: Contract | None
    builders: SdkBuilders | None = None
    seen: dict[GraphRequest, tuple[str, ...]] = field(default_factory=dict)
    fresh: list[GraphRequest] = field(default_factory=list)
    count: int = 0

    def note(self, request: httpx.Request) -> None:
        found = read(request)
        if found is not None:
            self.count += 1
            self.fresh.append(found)

    def wrong(self) -> list[str]:
        """What is wrong with the requests since the last time, one line for each."""
        lines: list[str] = []
        for request in self.fresh:
            if request not in self.seen:
                self.seen[request] = tuple(self.misses(request))
            lines += [f"{request.name} ({request.operation.name}): {miss}" for miss in self.seen[request]]
        self.fresh.clear()
        return sorted(set(lines))

    def misses(self, request: GraphRequest) -> Iterator[str]:
        if self.builders is None:
            self.builders = SdkBuilders()
        if self.contract is not None:
            yield from self.contract.misses(request)
        yield from self.builders.misses(request)

    @property
    def operations(self) -> set[str]:
        if self.contract is None:
            return {f"{request.method} {request.operation.name}" for request in self.seen}
        return {f"{request.method} {self.contract.template(request)}" for request in self.seen}


WATCH = pytest.StashKey[Watch]()


def pytest_configure(config: pytest.Config) -> None:
    watch = Watch(Contract(CONTRACT) if CONTRACT.is_file() else None)
    config.stash[WATCH] = watch
    send = httpx.AsyncClient.send

    async def noted(client: httpx.AsyncClient, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        watch.note(request)
        return await send(client, request, **kwargs)

    httpx.AsyncClient.send = noted  # type: ignore[assignment,method-assign]  # every client of the run is watched


@pytest.fixture(autouse=True)
def _graph_contract(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test whose requests do not fit."""
    yield
    wrong = request.config.stash[WATCH].wrong()
    if wrong:
        pytest.fail("Graph requests that do not fit the contract:\n" + "\n".join(wrong), pytrace=False)


@dataclass
class Tally:
    """What all processes of a run saw together."""

    count: int = 0
    operations: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    wrong: int = 0

    def add(self, count: int, operations: Iterable[str], used: Iterable[str], wrong: int) -> None:
        self.count += count
        self.operations.update(operations)
        self.used.update(used)
        self.wrong += wrong


TALLY = pytest.StashKey[Tally]()
_PARCEL = "graph-contract"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A helper process hands in what it saw; a run in one process keeps it."""
    config = session.config
    watch = config.stash[WATCH]
    parcel = {
        "count": watch.count,
        "operations": sorted(watch.operations),
        "used": sorted({request.operation.name for request in watch.seen}),
        "wrong": sum(1 for misses in watch.seen.values() if misses),
    }
    output: dict[str, Any] | None = getattr(config, "workeroutput", None)
    if output is not None:
        output[_PARCEL] = parcel
    else:
        config.stash.setdefault(TALLY, Tally()).add(**parcel)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Takes what a helper process saw; one that crashed saw nothing that could be counted."""
    parcel = getattr(node, "workeroutput", {}).get(_PARCEL)
    if parcel is not None:
        node.config.stash.setdefault(TALLY, Tally()).add(**parcel)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    tally = config.stash.get(TALLY, None)
    if tally is None or not tally.count:
        return
    against = "the contract and the SDK" if CONTRACT.is_file() else f"the SDK alone ({CONTRACT.name} is not there)"
    terminalreporter.write_line(
        f"Graph requests: {tally.count} made, {len(tally.operations)} operations of Graph exercised, "
        f"{len(tally.used)} of {len(declared_operations())} declared; checked against {against}: "
        f"{tally.wrong} do not fit"
    )
