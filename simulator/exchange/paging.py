"""Result pages: what is left of an answer waits under a token, for the mailbox server that made it and not for long."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from simulator.exchange import errors
from simulator.exchange.state import Record

LIFE = timedelta(minutes=30)
_KEPT = 200
DEFAULT_RESULT_SIZE = 1000


class Answer:
    """The rows of one call, made as they are asked for; a large tenant is never rendered in one go."""

    def __init__(self, rows: Iterable[Record], limit: int | None, select: list[str] | None) -> None:
        self._rows: Iterator[Record] = iter(rows)
        self._left = limit
        self._waiting: list[Record] = []
        self.limit = limit
        self.select = select
        self.truncated = False

    def take(self, count: int) -> list[Record]:
        """The next rows; marks itself truncated where the limit cut something off."""
        wanted = count if self._left is None else min(count, self._left)
        page = self._waiting[:wanted] + list(islice(self._rows, max(0, wanted - len(self._waiting))))
        self._waiting = self._waiting[wanted:]
        if self._left is not None:
            self._left -= len(page)
        if not self._waiting:
            self._waiting = list(islice(self._rows, 1))
        if self._left == 0 and self._waiting:
            self.truncated = True
            self._waiting = []
            self._rows = iter(())
        return page

    @property
    def more(self) -> bool:
        """Whether there is another page."""
        return bool(self._waiting)


@dataclass(frozen=True, slots=True)
class _Rest:
    answer: Answer
    cmdlet: str
    anchor: str
    ends: datetime


class Pages:
    """Answers that are not read to the end. A token works once, with the same cmdlet and the same anchor."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Rest] = {}

    def keep(self, answer: Answer, cmdlet: str, anchor: str, now: datetime) -> str:
        """A token for the rest of an answer. Without an anchor the next request lands anywhere, so it never fits."""
        token = base64.urlsafe_b64encode(secrets.token_bytes(18)).decode()
        self._waiting[token] = _Rest(answer, cmdlet, anchor or token, now + LIFE)
        while len(self._waiting) > _KEPT:
            self._waiting.pop(next(iter(self._waiting)))
        return token

    def more(self, token: str, cmdlet: str, anchor: str, now: datetime) -> Answer:
        """The rest behind a token. Raises the service's own error where it is stale or landed elsewhere."""
        rest = self._waiting.pop(token, None)
        if rest is None or rest.ends < now or rest.cmdlet.lower() != cmdlet.lower() or rest.anchor != anchor:
            raise errors.expired_page()
        return rest.answer
