"""The mark that the bot is busy."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from dialogs.typing import typing
from services.channel import Conversation
from services.errors import UpstreamDown
from tests.services.fakes import CHANNEL


class _Channel:
    def __init__(self, fail: Exception | None = None) -> None:
        self.shown = asyncio.Event()
        self.fail = fail

    async def show_typing(self, where: Conversation) -> None:
        self.shown.set()
        if self.fail is not None:
            raise self.fail


async def test_what_ends_within_a_moment_shows_no_mark() -> None:
    channel = _Channel()
    async with typing(cast("Any", channel), CHANNEL, after_seconds=60):
        pass
    assert not channel.shown.is_set()


@pytest.mark.parametrize("fail", [None, UpstreamDown(service="bot-connector")])
async def test_longer_work_shows_it_and_its_failure_is_ignored(fail: Exception | None) -> None:
    channel = _Channel(fail)
    async with typing(cast("Any", channel), CHANNEL, after_seconds=0):
        async with asyncio.timeout(5):
            await channel.shown.wait()


async def test_the_error_of_the_work_comes_through() -> None:
    with pytest.raises(ValueError, match="work"):
        async with typing(cast("Any", _Channel()), CHANNEL, after_seconds=60):
            raise ValueError("work")
