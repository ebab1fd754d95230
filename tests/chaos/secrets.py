"""What must never be written down: a wire-tap on the tenant that hears every password and token."""

from __future__ import annotations

from typing import Any

from simulator.tenant import User
from simulator.world import World


class Overheard:
    """Every secret of a round, from when it was made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._passwords: list[str] = []
        self._tokens: list[str] = []
        set_password, issue = world.tenant.set_password, world.tokens.issue

        def keep_password(user: User, password: str, by: str) -> None:
            self._passwords.append(password)
            set_password(user, password, by)

        def keep_token(*arguments: Any, **named: Any) -> str:
            self._tokens.append(issue(*arguments, **named))
            return self._tokens[-1]

        world.tenant.set_password = keep_password  # type: ignore[method-assign]  # a wire-tap, not another behaviour
        world.tokens.issue = keep_token  # type: ignore[method-assign]  # likewise

    def all(self) -> dict[str, str]:
        """The secrets by a name that may be printed."""
        return {
            "the client secret": self._world.app_secret,
            **{f"password {number}": password for number, password in enumerate(self._passwords)},
            **{f"token {number}": token.rpartition(".")[2][:60] for number, token in enumerate(self._tokens)},
        }
