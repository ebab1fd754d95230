"""How many requests one mailbox serves at a time: four, as Outlook's limit says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

MAILBOX_LIMIT = 4
_MAILBOX = re.compile(
    r"^/graph/[^/]+/users/([^/]+)/(?:mailFolders|messages|mailboxSettings|sendMail|contacts|contactFolders|people)\b"
)


class TooManyAtOnce(Exception):
    """The mailbox is busy."""


class Lanes:
    """Counts what is under way in each mailbox."""

    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()

    @contextmanager
    def enter(self, path: str, *, limited: bool) -> Iterator[None]:
        """Holds a lane for one request. Raises TooManyAtOnce."""
        match = _MAILBOX.match(path)
        if match is None or not limited:
            yield
            return
        mailbox = match.group(1).lower()
        if self._busy[mailbox] >= MAILBOX_LIMIT:
            raise TooManyAtOnce
        self._busy[mailbox] += 1
        try:
            yield
        finally:
            self._busy[mailbox] -= 1
