"""A press of a button: what Teams sends for it, how often, and what the person who pressed gets to see."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.channel.conversations import Json, Post
from simulator.channel.delivery import BotAnswer, Redelivery
from simulator.channel.signing import Forgery
from simulator.channel.teams import Teams
from simulator.reading import Choice, Shown


class BenchError(AssertionError):
    """What a test expected is not there; the text shows what is."""


@dataclass(frozen=True)
class Pressed:
    """What the person who pressed gets to see: a card in the card's place, or a short text."""

    answer: BotAnswer
    card: Shown | None
    message: str | None

    @property
    def text(self) -> str:
        """The words of either."""
        return self.card.text if self.card else self.message or ""

    def has(self, words: str) -> bool:
        """Whether these words can be read."""
        return self.card.has(words) if self.card else words.casefold() in self.text.casefold()


class Aim:
    """A finger over a button: the card as it was when it was looked for, to be pressed later, or several times."""

    def __init__(
        self, teams: Teams, post: Post, choice: Choice, action: Json, by: str, report: Callable[[], str]
    ) -> None:
        self._teams = teams
        self._report = report
        self.post = post
        self.choice = choice
        self.action = action
        self.by = by

    def but(self, *, by: str | None = None, **data: Any) -> Aim:
        """The same press with other card data, or by somebody else: what only a forger sends."""
        action = copy.deepcopy(self.action)
        action["data"] = {**action.get("data", {}), **data}
        return Aim(self._teams, self.post, self.choice, action, by or self.by, self._report)

    async def press(self, *, forgery: Forgery | None = None, check: bool = True) -> Pressed:
        """Sends it once."""
        answer = await self._teams.press(self.post, self.action, by=self.by, forgery=forgery)
        return pressed(answer, self.post, self._report, check=check)

    async def press_again(self, how: Redelivery, *, check: bool = True) -> list[Pressed]:
        """Sends it several times as Teams does, each with its own id."""
        teams, seen = self._teams, self.post.changed
        answers = await teams.delivery.repeat(teams.press_activity(self.post, self.action, by=self.by), how)
        teams.take_answer(self.post, teams.person(self.by).id, answers[-1], seen)
        return [pressed(answer, self.post, self._report, check=check) for answer in answers]


def pressed(answer: BotAnswer, post: Post, report: Callable[[], str], *, check: bool = True) -> Pressed:
    """The bot's answer to a press, as the person sees it. Raises BenchError for one that Teams would not take."""
    if check and answer.fault:
        raise BenchError(f"Teams would not take the bot's answer: {answer.fault} {answer.raw[:400]!r}{report()}")
    body = answer.body if isinstance(answer.body, dict) else {}
    value = body.get("value")
    if isinstance(value, dict) and value.get("type") == "AdaptiveCard":
        return Pressed(answer, as_shown(post, value), None)
    if isinstance(value, dict):
        return Pressed(answer, None, str(value.get("message") or value))
    return Pressed(answer, None, None if value is None else str(value))


def as_shown(post: Post, card: Json) -> Shown:
    """A card of a post, as it is read."""
    return Shown(card, conversation_id=post.conversation_id, activity_id=post.activity_id, changed=post.changed)
