"""`$batch`: up to twenty requests in one, each of them served, recorded and throttled like any other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from simulator.graph.errors import GraphError, bad_request
from simulator.tenant import Json

Serve = Callable[[Json], Awaitable[Json]]
_LIMIT = 20
_METHODS = {"GET", "POST", "PATCH", "PUT", "DELETE"}
_FIELDS = {"id", "method", "url", "headers", "body", "dependsOn"}


def read(body: Any) -> list[Json]:
    """The inner requests. Raises GraphError 400 for a batch that is not well formed as a whole."""
    if not isinstance(body, dict) or not isinstance(body.get("requests"), list) or not body["requests"]:
        raise bad_request("Invalid batch payload format.", "BadRequest")
    requests: list[Any] = body["requests"]
    if len(requests) > _LIMIT:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {_LIMIT}.", "BadRequest")
    seen: set[str] = set()
    for inner in requests:
        if not isinstance(inner, dict) or not isinstance(inner.get("id"), str) or not inner["id"]:
            raise bad_request("Invalid batch payload format: every request needs an id.", "BadRequest")
        unknown = set(inner) - _FIELDS
        if unknown:
            raise bad_request(f"Invalid batch payload format: '{sorted(unknown)[0]}' is not known.", "BadRequest")
        if inner["id"].lower() in seen:
            raise bad_request("Request Id has to be unique in a batch.", "BadRequest")
        if str(inner.get("method", "")).upper() not in _METHODS or not isinstance(inner.get("url"), str):
            raise bad_request(f"Invalid batch payload format in request '{inner['id']}'.", "BadRequest")
        depends = inner.get("dependsOn", [])
        if not isinstance(depends, list) or any(str(other).lower() not in seen for other in depends):
            raise bad_request("Request dependencies must name requests that stand before them.", "BadRequest")
        _check_body(inner)
        seen.add(inner["id"].lower())
    return requests


def _check_body(inner: Json) -> None:
    headers = inner.get("headers", {})
    if not isinstance(headers, dict):
        raise bad_request("Invalid batch payload format: headers must be an object.", "BadRequest")
    names = {str(name).lower() for name in headers}
    if inner.get("body") is not None and "content-type" not in names:
        raise bad_request("Content-Type header is required for a request with a body.", "BadRequest")


async def run(requests: list[Json], serve: Serve) -> Json:
    """Runs the requests; independent ones side by side, dependent ones after a success of what they name."""
    done: dict[str, asyncio.Task[Json]] = {}

    async def one(inner: Json) -> Json:
        before = [await done[str(other).lower()] for other in inner.get("dependsOn", [])]
        if any(answer["status"] >= 400 for answer in before):
            error = {"code": "FailedDependency", "message": "A request that this one depends on failed."}
            return {"id": inner["id"], "status": 424, "headers": {}, "body": {"error": error}}
        return {"id": inner["id"]} | await serve(inner)

    for inner in requests:
        done[inner["id"].lower()] = asyncio.create_task(one(inner))
    try:
        return {"responses": await asyncio.gather(*done.values())}
    finally:
        for task in done.values():
            task.cancel()
        await asyncio.gather(*done.values(), return_exceptions=True)


def body_of(inner: Json) -> bytes:
    """The body of an inner request as it would come over the wire."""
    return b"" if inner.get("body") is None else json.dumps(inner["body"]).encode()


__all__ = ["GraphError", "body_of", "read", "run"]
