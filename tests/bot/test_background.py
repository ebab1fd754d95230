"""Work behind an answer has an owner who sees it end."""

from __future__ import annotations

import asyncio

import pytest

from bot.background import Background


async def test_closing_waits_for_what_is_under_way() -> None:
    background, done = Background(), []

    async def work() -> None:
        await asyncio.sleep(0.02)
        done.append(1)

    background.start(work(), "work")
    await background.close()
    assert done == [1]


async def test_closing_ends_what_does_not_end() -> None:
    background = Background()
    task = background.start(asyncio.Event().wait(), "stuck")
    await background.close(patience_seconds=0.01)
    assert task.cancelled()


async def test_nothing_starts_after_the_close() -> None:
    background = Background()
    await background.close()
    with pytest.raises(RuntimeError):
        background.start(asyncio.sleep(0), "late")


async def test_a_failure_is_logged_and_nobody_needs_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    background = Background()

    async def work() -> None:
        raise KeyError("what happened")

    background.start(work(), "doomed work")
    await background.close()
    assert "doomed work failed" in caplog.text
    assert "what happened" in caplog.text
