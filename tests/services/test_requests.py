from __future__ import annotations

import asyncio

import pytest

from services.database import Database
from services.requests import Requests, RequestState
from tests.services.fakes import Clock


@pytest.fixture
def requests(database: Database) -> Requests:
    return Requests(database, Clock())


@pytest.fixture
def elsewhere(database: Database) -> Requests:
    """The inbox as another process sees it."""
    return Requests(database, Clock())


async def test_one_key_is_one_row_and_the_first_body_stays(requests: Requests) -> None:
    first = await requests.record("k", {"text": "Ünï", "nested": {"a": [1, None]}}, "alex", may_repeat=True)
    second = await requests.record("k", {"text": "other"}, "somebody-else", may_repeat=True)
    assert second == first
    assert first.state is RequestState.RECEIVED
    assert first.body == {"text": "Ünï", "nested": {"a": [1, None]}}
    assert await requests.unfinished() == ["k"]


async def test_the_same_delivery_many_times_at_once_is_one_row(requests: Requests, elsewhere: Requests) -> None:
    found = await asyncio.gather(
        *((requests, elsewhere)[number % 2].record("k", {}, "alex", may_repeat=False) for number in range(12))
    )
    assert len({request.correlation_id for request in found}) == 1
    assert await requests.unfinished() == ["k"]


async def test_a_done_request_gives_its_answer_again(requests: Requests) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    await requests.finish("k", RequestState.DONE, {"text": "done"})
    again = await requests.record("k", {}, "alex", may_repeat=True)
    assert (again.state, again.answer) == (RequestState.DONE, {"text": "done"})
    assert await requests.unfinished() == []


async def test_a_refused_press_is_taken_up_again_as_new(requests: Requests) -> None:
    first = await requests.record("click:1", {}, "alex", may_repeat=True)
    await requests.finish(first.key, RequestState.REFUSED, {"text": "no"})
    second = await requests.record("click:1", {}, "alex", may_repeat=True)
    assert second.key != first.key
    assert (second.state, second.answer) == (RequestState.RECEIVED, None)
    assert (await requests.record("click:1", {}, "alex", may_repeat=True)).key == second.key
    await requests.finish(second.key, RequestState.REFUSED, {"text": "no"})
    third = await requests.record("click:1", {}, "alex", may_repeat=True)
    await requests.finish(third.key, RequestState.DONE, {"text": "yes"})
    assert len({first.key, second.key, third.key}) == 3
    assert (await requests.record("click:1", {}, "alex", may_repeat=True)).answer == {"text": "yes"}


async def test_what_may_be_begun_again_is_new_once_the_first_is_surely_over(database: Database) -> None:
    clock = Clock()
    requests = Requests(database, clock)

    async def press() -> str:
        return (await requests.record("click:1", {}, "alex", may_repeat=True, again_after_seconds=15)).key

    first = await press()
    clock.pass_by(minutes=5)
    assert await press() == first  # it is still being done
    await requests.finish(first, RequestState.DONE, {"text": "begun"})
    clock.pass_by(seconds=14)
    assert await press() == first  # delivered again
    clock.pass_by(seconds=1)
    second = await press()
    assert second != first
    assert await requests.unfinished() == [second]


async def test_a_refused_message_that_is_delivered_again_is_not_done_again(requests: Requests) -> None:
    await requests.record("message:1", {}, "alex", may_repeat=False)
    await requests.finish("message:1", RequestState.REFUSED, {})
    again = await requests.record("message:1", {}, "alex", may_repeat=False)
    assert (again.key, again.state) == ("message:1", RequestState.REFUSED)


async def test_the_first_answer_stays(requests: Requests) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    await requests.finish("k", RequestState.DONE, {"n": 1})
    await requests.finish("k", RequestState.REFUSED, {"n": 2})
    kept = await requests.get("k")
    assert kept is not None
    assert (kept.state, kept.answer) == (RequestState.DONE, {"n": 1})
    assert await requests.by_correlation(kept.correlation_id) == kept
    assert await requests.by_correlation("nothing") is None
    assert await requests.get("nothing") is None


@pytest.mark.parametrize("by", ["this process", "another process"])
async def test_waiting_ends_with_the_answer(requests: Requests, elsewhere: Requests, by: str) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    waiting = asyncio.create_task(requests.wait("k", 60))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await (requests if by == "this process" else elsewhere).finish("k", RequestState.DONE, {"n": 1})
    async with asyncio.timeout(10):
        finished = await waiting
    assert finished is not None
    assert finished.answer == {"n": 1}


async def test_several_may_wait_for_one_request(requests: Requests) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    waiting = [asyncio.create_task(requests.wait("k", seconds)) for seconds in (0.05, 60, 60)]
    assert await waiting[0] is None
    await requests.finish("k", RequestState.DONE, {"n": 1})
    async with asyncio.timeout(10):
        found = await asyncio.gather(*waiting[1:])
    assert [request.answer for request in found if request] == [{"n": 1}, {"n": 1}]


async def test_patience_ends(requests: Requests) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    assert await requests.wait("k", 0.3) is None
    assert await requests.wait("nothing", 0) is None


async def test_what_is_finished_already_needs_no_waiting(requests: Requests) -> None:
    await requests.record("k", {}, "alex", may_repeat=True)
    await requests.finish("k", RequestState.DONE, {})
    assert await requests.wait("k", 0) is not None
