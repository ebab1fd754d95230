"""What each simulated person received: Teams messages and cards, activity-feed notices and mail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass
class Item:
    """One thing received. `owner` is a person's object id or a conversation id; `content` is the activity or mail."""

    id: str
    owner: str
    kind: str
    content: dict[str, Any]
    at: datetime
    edited_at: datetime | None = None
    deleted: bool = False

    def to_json(self) -> dict[str, Any]:
        """The item as plain JSON."""
        return {
            "id": self.id,
            "owner": self.owner,
            "kind": self.kind,
            "content": self.content,
            "at": self.at.isoformat(),
            "edited_at": self.edited_at.isoformat() if self.edited_at else None,
            "deleted": self.deleted,
        }


class Inbox:
    """All inboxes. An owner is a person (object id) or a conversation id, in the order of arrival."""

    def __init__(self, now: Callable[[], datetime], touched: Callable[[], None]) -> None:
        self._now = now
        self._touched = touched
        self._items: defaultdict[str, list[Item]] = defaultdict(list)
        self._number = 0

    def add(self, owner: str, kind: str, content: dict[str, Any], item_id: str | None = None) -> Item:
        """Delivers something. `kind` is message, card, feed or mail."""
        self._number += 1
        item = Item(item_id or f"item-{self._number}", owner, kind, content, self._now())
        self._items[owner].append(item)
        self._touched()
        return item

    def edit(self, owner: str, item_id: str, content: dict[str, Any]) -> bool:
        """Replaces what was delivered; False where there is no such item."""
        for item in self._items[owner]:
            if item.id == item_id:
                item.content = content
                item.edited_at = self._now()
                self._touched()
                return True
        return False

    def delete(self, owner: str, item_id: str) -> bool:
        """Marks an item as deleted; False where there is no such item."""
        for item in self._items[owner]:
            if item.id == item_id:
                item.deleted = True
                self._touched()
                return True
        return False

    def of(self, owner: str) -> list[Item]:
        """What this person or conversation received, oldest first."""
        return list(self._items.get(owner, ()))

    def owners(self) -> list[str]:
        """Everybody who received something."""
        return [owner for owner, items in self._items.items() if items]

    def clear(self) -> None:
        """Empties every inbox."""
        self._items.clear()
        self._touched()
