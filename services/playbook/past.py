"""What a step that gives an account back may ask of its incident: what was changed, the gate, the one-shot pass."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from services.microsoft365.sign_in_methods import AccessPass

if TYPE_CHECKING:
    from services.playbook.step import Change, Context


class PassState(StrEnum):
    """How far a Temporary Access Pass is. Only a shown one is of any use; every other ends withdrawn."""

    BEGUN = "begun"
    HIDDEN = "hidden"  # it was shown, and the message does not show it any more
    SHOWN = "shown"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"


class Past(Protocol):
    """The promises. One incident's record stands behind them; a step knows neither tables nor chats."""

    async def made(self, incident_id: str, step_id: str) -> tuple[Change, ...]:
        """The changes that this step made in this incident and that nobody has put back, each as it was approved."""
        ...

    async def closed_gate(self, ctx: Context, *, mail_only: bool = False) -> str | None:
        """Why the account must not be given back, looked at now; None where every line is green or waived."""
        ...

    async def pass_state(self, cause: str) -> PassState | None:
        """How far the pass of this approval is; None where none was begun."""
        ...

    async def hand_over(self, ctx: Context, make: Callable[[], Awaitable[AccessPass]]) -> None:
        """Makes a pass and shows it once to whoever approved. Whatever fails, no pass is left behind.

        Raises NotFound where the person cannot be reached (nothing was made), Expired where it was not, or perhaps
        not, shown.
        """
        ...

    async def withdraw(self, ctx: Context) -> bool:
        """Deletes whatever pass the account has; whether that is surely done. Else it is tried again later."""
        ...


class NoPast:
    """For a step outside an incident: nothing was changed, the gate is shut, and nobody can be shown a pass."""

    async def made(self, incident_id: str, step_id: str) -> tuple[Change, ...]:
        return ()

    async def closed_gate(self, ctx: Context, *, mail_only: bool = False) -> str | None:
        return "There is no incident that has been checked."

    async def pass_state(self, cause: str) -> PassState | None:
        return None

    async def hand_over(self, ctx: Context, make: Callable[[], Awaitable[AccessPass]]) -> None:
        raise LookupError("no incident")

    async def withdraw(self, ctx: Context) -> bool:
        raise LookupError("no incident")


NO_PAST = NoPast()
