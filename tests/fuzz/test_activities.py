"""A short round of authenticated nonsense against a real bot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from tests.counting import BadRequests
from tests.fuzz.activities import Room
from tests.fuzz.hostile import SHORT, bent
from tests.fuzz.rounds import Came


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    made = Room({"answer_seconds": "4", "stop_seconds": "0.2"})
    yield made
    made.close()


def test_the_bot_may_be_sent_anything(room: Room, bad_requests: BadRequests) -> None:
    @given(value=room.kind().values)
    @settings(SHORT, max_examples=60)
    def one(value: Any) -> None:
        bad_requests.refused(room.check(value) in set(Came), value)

    one()
    room.settle(15)


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("value", "data", "kind"), []),
        (("value", "data", "kind"), {"phishing": 1}),
        (("value", "uploadInfo", "uploadUrl"), "https://[::1"),
        (("value", "uploadInfo", "uploadUrl"), "https://x.sharepoint.com:port/"),
        (("entities", 1, "mentioned", "id"), "\ud800"),
        (("entities", 1, "mentioned", "id"), "\x00" * 100_000),
    ],
)
def test_activities_that_once_broke_something(room: Room, way: tuple[str | int, ...], value: Any) -> None:
    fitting = [bad for good in room.good if (bad := bent(good, way, to=value)) != good]
    assert fitting
    for bad in fitting:
        room.check(bad)
    room.settle(15)
