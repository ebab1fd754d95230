"""The people of a tenant by id and by name, made when somebody looks at them: a large tenant starts in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.tenant import User


class UnseenRow(dict[str, Any]):
    """The properties of somebody nobody has looked at: names at once, and the person made when more is asked."""

    def __init__(self, names: dict[str, Any], everything: Callable[[], dict[str, Any]]) -> None:
        super().__init__(names)
        self._everything = everything

    def get(self, key: str, default: Any = None) -> Any:
        """A property; only names come without making the person."""
        return super().__getitem__(key) if super().__contains__(key) else self._everything().get(key, default)

    def __getitem__(self, key: str) -> Any:
        return super().__getitem__(key) if super().__contains__(key) else self._everything()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._everything()

    def __iter__(self) -> Iterator[str]:
        return iter(self._everything())

    def items(self) -> Any:
        """Everything."""
        return self._everything().items()


class People(MutableMapping[str, "User"]):
    """User objects by object id, in the order of the seed. A user who was never looked at does not exist yet."""

    def __init__(self) -> None:
        self._made: dict[str, User] = {}
        self._waiting: dict[str, Callable[[], User]] = {}
        self._names: dict[str, Callable[[], dict[str, Any]]] = {}
        self._order: dict[str, None] = {}
        self._by_upn: dict[str, str] = {}

    def expect(self, object_id: str, upn: str, make: Callable[[], User], names: Callable[[], dict[str, Any]]) -> None:
        """Announces a person whom `make` brings into being later; `names` are the properties to be found by."""
        self._names[object_id] = names
        self._order[object_id] = None
        self._by_upn[upn.lower()] = object_id
        self._waiting[object_id] = make

    def by_upn(self, upn: str) -> User | None:
        """The user with this principal name."""
        object_id = self._by_upn.get(upn.lower())
        return None if object_id is None else self[object_id]

    def renamed(self, user: User, old_upn: str) -> None:
        """Tells that a principal name has changed."""
        self._by_upn.pop(old_upn.lower(), None)
        self._by_upn[user.upn.lower()] = user.id

    def rows(self, shown: Callable[[User], dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Everybody's properties in order, without making anybody: `shown` gives those of somebody who exists."""
        for object_id in self:
            user = self._made.get(object_id)
            if user is not None:
                yield shown(user)
            else:
                yield UnseenRow(self._names[object_id](), partial(self._shown, object_id, shown))

    def _shown(self, object_id: str, shown: Callable[[User], dict[str, Any]]) -> dict[str, Any]:
        return shown(self[object_id])

    def known(self) -> Iterator[User]:
        """Those who exist already: the others are as the seed made them."""
        return iter(list(self._made.values()))

    def glimpse(self, object_id: str) -> dict[str, Any] | None:
        """What somebody whom nobody has looked at is found by; None for everybody else."""
        return self._names[object_id]() if object_id in self._waiting else None

    @property
    def unseen(self) -> int:
        """How many nobody has looked at yet: ordinary, licensed people all of them."""
        return len(self._waiting)

    def __getitem__(self, object_id: str) -> User:
        found = self._made.get(object_id)
        if found is None:
            found = self._made[object_id] = self._waiting.pop(object_id)()
        return found

    def __setitem__(self, object_id: str, user: User) -> None:
        self._order[object_id] = None
        self._waiting.pop(object_id, None)
        self._made[object_id] = user
        self._by_upn[user.upn.lower()] = object_id

    def __delitem__(self, object_id: str) -> None:
        user = self[object_id]
        del self._made[object_id], self._order[object_id]
        self._by_upn.pop(user.upn.lower(), None)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._order))

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._order
