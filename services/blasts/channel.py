"""What mass sending needs of the chat channel; `bot/mass.py` implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from services.channel import Card, Conversation


@dataclass(frozen=True)
class Letter:
    """A card made ready to be sent many times: all but the conversation's id is written out."""

    before: bytes
    after: bytes


class MassChannel(Protocol):
    """Single calls, each tried once and with a time-out: the budget and the retries are the caller's.

    Raises NotFound (the conversation or message is gone), NotAllowed (blocked, not installed, disabled by an
    administrator), BadInput (the message is refused), Throttled, AuthBroken, UpstreamDown (surely not sent) or
    UnknownOutcome (maybe sent; with `status` where the service gave one).
    """

    def prepare(self, card: Card, summary: str) -> Letter:
        """Raises BadInput where the message is larger than Teams takes."""
        ...

    async def post(self, where: Conversation, letter: Letter) -> str:
        """Posts it and returns its activity id."""
        ...

    async def open_chat(self, object_id: str, service_url: str) -> Conversation:
        """The personal chat with this person, created where there is none; doing it twice is the same as once."""
        ...

    async def delete(self, where: Conversation, activity_id: str) -> None:
        """Takes a message away. NotFound says that it is gone."""
        ...

    def leave(self, calls_per_second: float) -> None:
        """Tells the live cards of this process how much of Teams' limit the blasts use; 0 where none runs."""
        ...

    def live_calls(self) -> int:
        """How many calls this process has made for live cards since it began."""
        ...
