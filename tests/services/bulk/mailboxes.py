"""Mailboxes in memory and a list of them, for tests of bulk jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime

from services.bulk import Bulk, Entry, Job, Switches
from services.database import Database
from services.errors import Gone

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
OFF = {"imap": False, "pop": False}
KIND = "imap-pop"


class Killed(BaseException):
    """The process dies here."""


class Mailboxes:
    """So many mailboxes with IMAP and POP on. `before` and `after` run around each change, `on_page` before a page."""

    def __init__(self, count: int = 45) -> None:
        self.held: dict[str, dict[str, bool | None]] = {
            f"box-{number:04}": {"imap": True, "pop": number % 2 == 0} for number in range(count)
        }
        self.changes: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str], None] = lambda key: None
        self.after: Callable[[str], None] = lambda key: None
        self.on_page: Callable[[], None] = lambda: None

    async def change(self, key: str, switches: Switches) -> bool:
        self.before(key)
        self.calls[key] += 1
        box = self._box(key)
        changed = any(box[name] != value for name, value in switches.items())
        box.update(switches)
        self.changes[key] += changed
        self.after(key)
        return changed

    async def read(self, key: str) -> Switches:
        return dict(self._box(key))

    async def pages(self) -> AsyncIterator[Mapping[str, Switches]]:
        keys = list(self.held)
        for start in range(0, len(keys), 10):
            self.on_page()
            yield {key: dict(self.held[key]) for key in keys[start : start + 10]}

    def is_open(self, switches: Switches) -> bool:
        return any(value is True for value in switches.values())

    @property
    def open(self) -> list[str]:
        return [key for key, switches in self.held.items() if self.is_open(switches)]

    def _box(self, key: str) -> dict[str, bool | None]:
        if key not in self.held:
            raise Gone(what="mailbox", sought=key)
        return self.held[key]


def bulk(database: Database, owner: str = "first", may_act: Callable[[], bool] = lambda: True) -> Bulk:
    """A process that works on lists."""
    return Bulk(database, owner=owner, may_act=may_act, now=lambda: NOW)


async def frozen(maker: Bulk, boxes: Mailboxes, without: Iterable[str] = ()) -> Job:
    """A list of all mailboxes that are open, without some."""
    left_out = set(without)

    async def parts() -> AsyncIterator[Mapping[tuple[str, str], list[Entry]]]:
        async for page in boxes.pages():
            lines = [(key, Entry(key, f"id-{key}", f"{key}@contoso.com", now, OFF)) for key, now in page.items()]
            yield {
                (KIND, "all"): [line for key, line in lines if key not in left_out and boxes.is_open(line.before)],
                (KIND, "left-out"): [line for key, line in lines if key in left_out],
            }

    return (await maker.freeze(parts()))[KIND, "all"]
