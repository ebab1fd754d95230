"""The channel's keys: fetched once, renewed when they must be, and never asked for in a flood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from bot.channel_keys import ChannelKeys, KeysUnavailable
from tests.bot.channel_double import KEY, OTHER_KEY, ChannelDouble, jwk


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keys(channel: ChannelDouble, clock: Clock) -> AsyncIterator[ChannelKeys]:
    made = ChannelKeys(f"{channel.base_url}/openid", clock=clock)
    yield made
    await made.close()


async def _settled(keys: ChannelKeys) -> None:
    assert keys._flight is not None
    await asyncio.gather(keys._flight, return_exceptions=True)


async def test_many_who_ask_at_once_cause_one_fetch(channel: ChannelDouble, keys: ChannelKeys) -> None:
    channel.key_delay = 0.02
    found = await asyncio.gather(*(keys.key("k1") for _ in range(50)))
    assert all(found)
    assert channel.key_fetches == 1


async def test_a_new_key_is_found_once_the_pause_is_over(
    channel: ChannelDouble, keys: ChannelKeys, clock: Clock
) -> None:
    assert await keys.key("k1") is not None
    channel.keys.append(jwk(OTHER_KEY, "k2"))
    assert await keys.key("k2") is None
    clock.now += 61
    assert await keys.key("k2") is not None
    assert channel.key_fetches == 2


async def test_a_flood_of_invented_key_ids_costs_one_request_a_minute(
    channel: ChannelDouble, keys: ChannelKeys, clock: Clock
) -> None:
    await keys.key("k1")
    clock.now += 61
    for number in range(500):
        assert await keys.key(f"invented-{number}") is None
    assert channel.key_fetches == 2


async def test_old_keys_are_renewed_behind_the_calls_that_use_them(
    channel: ChannelDouble, keys: ChannelKeys, clock: Clock
) -> None:
    await keys.key("k1")
    clock.now += 7 * 3600
    channel.keys = [jwk(OTHER_KEY, "k2")]
    assert await keys.key("k1") is not None  # answered from what is there
    await _settled(keys)
    assert await keys.key("k2") is not None
    assert await keys.key("k1") is None  # withdrawn by the channel


async def test_old_keys_still_work_while_the_endpoint_is_down(
    channel: ChannelDouble, keys: ChannelKeys, clock: Clock
) -> None:
    await keys.key("k1")
    channel.keys_down = True
    for _ in range(20):
        clock.now += 5 * 3600
        assert await keys.key("k1") is not None
        await _settled(keys)
    assert keys.ready


async def test_keys_of_last_week_do_not_count(channel: ChannelDouble, keys: ChannelKeys, clock: Clock) -> None:
    await keys.key("k1")
    channel.keys_down = True
    clock.now += 6 * 24 * 3600
    assert not keys.ready
    with pytest.raises(KeysUnavailable):
        await keys.key("k1")


async def test_a_dead_endpoint_is_not_hammered(channel: ChannelDouble, keys: ChannelKeys, clock: Clock) -> None:
    channel.keys_down = True
    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            await keys.key("k1")
    assert channel.metadata_fetches == 1
    clock.now += 6
    channel.keys_down = False
    assert await keys.key("k1") is not None


async def test_looking_if_needed_looks_only_then(channel: ChannelDouble, keys: ChannelKeys, clock: Clock) -> None:
    channel.keys_down = True
    assert not await keys.look_if_needed()
    channel.keys_down = False
    assert not await keys.look_if_needed()  # too soon
    clock.now += 6
    assert await keys.look_if_needed()
    clock.now += 3600
    assert await keys.look_if_needed()
    assert channel.key_fetches == 1


async def test_one_who_gives_up_does_not_take_the_keys_from_the_others(
    channel: ChannelDouble, keys: ChannelKeys
) -> None:
    channel.key_delay = 0.05
    impatient = asyncio.create_task(keys.key("k1"))
    patient = asyncio.create_task(keys.key("k1"))
    await asyncio.sleep(0.01)
    impatient.cancel()
    assert await patient is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"kty": "RSA", "kid": "bad", "n": "!!!", "e": "AQAB", "endorsements": ["msteams"]},
        {"kty": "RSA", "kid": "bad", "endorsements": ["msteams"]},
        {"kty": "EC", "kid": "bad", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "bad", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": 7},
        {"kty": "RSA", "use": "enc", "kid": "bad"},
        "not an object",
        None,
    ],
)
async def test_one_unusable_key_does_not_spoil_the_others(
    channel: ChannelDouble, keys: ChannelKeys, broken: object
) -> None:
    channel.keys = [broken, jwk(KEY, "k1")]  # type: ignore[list-item]  # what a faulty endpoint may serve
    assert await keys.key("k1") is not None
    assert await keys.key("bad") is None


async def test_private_parts_in_a_key_set_are_not_read(channel: ChannelDouble, keys: ChannelKeys) -> None:
    channel.keys = [{**jwk(KEY, "k1"), "d": "AQAB", "p": "AQAB", "q": "AQAB"}]
    assert await keys.key("k1") is not None


@pytest.mark.parametrize(
    "metadata",
    [
        lambda base: web.Response(status=302, headers={"Location": f"{base}/keys"}),
        lambda base: web.json_response({"jwks_uri": "http://keys.example/keys"}),
        lambda base: web.json_response({"jwks_uri": f"{base}/connector/v3"}),  # answers, but lists no keys
        lambda base: web.json_response({"jwks_uri": 7}),
        lambda base: web.json_response({}),
        lambda base: web.json_response([base]),
        lambda base: web.Response(text="<html>sign in to the network</html>"),
        lambda base: web.Response(body=b"[" * 100_000),
        lambda base: web.Response(body=b" " * 600_000 + b"{}"),
        lambda base: web.Response(body=b"\xff\xfe"),
    ],
)
async def test_metadata_that_is_none_leaves_the_keys_as_they_are(
    channel: ChannelDouble, keys: ChannelKeys, clock: Clock, metadata: Callable[[str], web.Response]
) -> None:
    assert await keys.key("k1") is not None
    channel.metadata = lambda: metadata(channel.base_url)
    clock.now += 61
    assert await keys.key("k2") is None
    assert channel.metadata_fetches == 2
    assert await keys.key("k1") is not None
    assert channel.key_fetches == 1


@pytest.mark.parametrize("url", ["http://login.botframework.com/x", "ftp://x/y", "", "https://user@host/x"])
def test_metadata_that_could_be_forged_on_the_way_stops_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="OpenID metadata"):
        ChannelKeys(url)
