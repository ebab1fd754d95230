"""Every request that reached the simulated services, in order of arrival, with secrets taken out."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

REMOVED = "(removed)"
_SECRET_NAMES = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "client_assertion",
        "client_secret",
        "id_token",
        "newpassword",
        "password",
        "refresh_token",
        "temporaryaccesspass",
        "token",
    }
)
_BEARER = re.compile(r"(?i)bearer\s+[\w\-.~+/]+=*")
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


def redact(value: Any) -> Any:
    """A copy of plain JSON with every password, secret and token replaced."""
    if isinstance(value, dict):
        return {
            key: REMOVED if str(key).lower() in _SECRET_NAMES and item is not None else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, str):
        return _JWT.sub(REMOVED, _BEARER.sub(f"Bearer {REMOVED}", value))
    return value


@dataclass
class Entry:
    """One request. `status` is None until it is answered; `carried_out` says whether the handler ran."""

    number: int
    service: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: datetime
    wall: datetime
    app_id: str | None = None
    status: int | None = None
    carried_out: bool = False
    outcome: str = "under way"
    duration_seconds: float | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The entry as plain JSON."""
        return asdict(self) | {"at": self.at.isoformat(), "wall": self.wall.isoformat()}


class Journal:
    """Keeps the newest `limit` entries, all of them where there is no limit."""

    def __init__(self, limit: int | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._count = 0

    def open(
        self, service: str, method: str, path: str, query: dict[str, str], body: Any, at: datetime, wall: datetime
    ) -> Entry:
        """Notes the arrival of a request; the caller fills in the answer."""
        self._count += 1
        entry = Entry(self._count, service, method, redact(path), redact(query), redact(body), at, wall)
        self._entries.append(entry)
        return entry

    def entries(
        self,
        *,
        service: str | None = None,
        method: str | None = None,
        path: str | None = None,
        carried_out: bool | None = None,
    ) -> list[Entry]:
        """The entries that fit; `path` is a regular expression that is searched for."""
        return [
            entry
            for entry in self._entries
            if (service is None or entry.service == service)
            and (method is None or entry.method == method)
            and (path is None or re.search(path, entry.path) is not None)
            and (carried_out is None or entry.carried_out == carried_out)
        ]

    def clear(self) -> None:
        """Forgets everything; numbers go on."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))
