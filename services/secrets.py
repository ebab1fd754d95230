"""Passwords and passes that must not be seen: a type that hides its value, and the maker of new passwords."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from typing import NoReturn

_HIDDEN = "Secret(…)"
_LENGTH = 40
_SYMBOLS = "!#$%&*+-.:=?@^_~"
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SYMBOLS)


class Secret:
    """A value that shows itself only to `reveal()`: not in repr, str, formats, logs, JSON or pickles."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        # Held in a closure, so that vars(), dataclasses.asdict() and debuggers that print attributes find no text.
        self._reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._reveal()

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never stored")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


def new_password() -> Secret:
    """A random password with letters of both cases, digits and symbols, as Entra's complexity rule asks."""
    characters = [secrets.choice(each) for each in _CLASSES]
    characters += [secrets.choice("".join(_CLASSES)) for _ in range(_LENGTH - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return Secret("".join(characters))
