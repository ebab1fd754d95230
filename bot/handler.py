"""What the bot needs of the dialogs: three verbs. Each only records and answers; slow work runs behind it."""

from __future__ import annotations

from typing import Protocol

from dialogs.turn import Answer, Arrival, Click, Compose, ComposeAnswer, FileAnswer, Message, Reading


class Handler(Protocol):
    """The dialogs, as the bot sees them. The same message, click or arrival may come more than once."""

    async def on_message(self, message: Message) -> None:
        """Somebody wrote to the bot."""
        ...

    async def on_click(self, click: Click) -> Answer:
        """Somebody pressed a button of a card; the answer is shown to that person."""
        ...

    async def on_compose(self, compose: Compose) -> ComposeAnswer:
        """Somebody reports a message, or looks for an incident while they write."""
        ...

    async def on_file_answer(self, answer: FileAnswer) -> None:
        """Somebody took or declined a file that was offered to them."""
        ...

    async def on_reading(self, reading: Reading) -> None:
        """Somebody has read what the bot wrote to them."""
        ...

    async def on_arrival(self, arrival: Arrival) -> None:
        """The bot came into a conversation, or a person opened their chat with it."""
        ...
