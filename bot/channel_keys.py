"""The public keys with which the Bot Framework channel signs, fetched and kept without ever blocking the event loop.

Keys change a few times a year. A key id that is not known makes us look again, but only once in a while: a flood of
invented ids costs one request. While the endpoint is down, the keys that we have go on working for some days.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from bot.service_urls import is_safe_endpoint
from bot.trust import trust

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 6 * 3600  # older keys are renewed behind the calls that use them
_USABLE_SECONDS = 5 * 24 * 3600  # older keys are not used
_AGAIN_SECONDS = 60.0  # between two looks for an unknown key id
_AGAIN_EMPTY_SECONDS = 5.0  # between two looks while there are no keys at all
_FETCH_SECONDS = 8.0
_LARGEST_ANSWER = 512 * 1024
_SMALLEST_KEY_BITS = 2048
_MOST_KEYS = 200


@dataclass(frozen=True)
class ChannelKey:
    """A signing key and the channels that it may speak for."""

    key: RSAPublicKey
    endorsements: frozenset[str]


class KeysUnavailable(Exception):
    """There are no usable keys now, so no signature can be checked."""


class ChannelKeys:
    """The keys by id, from the OpenID metadata at `metadata_url`. Raises ValueError where that could be forged."""

    def __init__(
        self, metadata_url: str, ca_file: Path | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not is_safe_endpoint(metadata_url):
            raise ValueError(f"the OpenID metadata must come over https or from this machine: {metadata_url!r}")
        self._metadata_url = metadata_url
        self._ca_file = ca_file
        self._clock = clock
        self._keys: Mapping[str, ChannelKey] = {}
        self._fetched = 0.0
        self._tried: float | None = None
        self._flight: asyncio.Task[None] | None = None

    async def key(self, key_id: str) -> ChannelKey | None:
        """The key, None where the channel has none of that id. Raises KeysUnavailable where nobody could look."""
        age = self._clock() - self._fetched
        usable = bool(self._keys) and age < _USABLE_SECONDS
        found = self._keys.get(key_id) if usable else None
        if found is not None:
            if age > _FRESH_SECONDS:
                self._look(_AGAIN_SECONDS)
            return found
        flight = self._look(_AGAIN_SECONDS if usable else _AGAIN_EMPTY_SECONDS)
        if flight is not None:
            # Shielded: a caller who gives up must not take the keys away from the others who wait for them.
            await asyncio.shield(flight)
        if not self.ready:
            raise KeysUnavailable
        return self._keys.get(key_id)

    async def warm(self) -> None:
        """Fetches the keys before the first activity needs them; a failure is only logged."""
        flight = self._look(0)
        if flight is not None:
            await asyncio.shield(flight)

    async def look_if_needed(self) -> bool:
        """Whether signatures can be checked; looks again where not, so that a bad start does not last."""
        flight = None if self.ready else self._look(_AGAIN_EMPTY_SECONDS)
        if flight is not None:
            await asyncio.shield(flight)
        return self.ready

    @property
    def ready(self) -> bool:
        """Whether signatures can be checked now."""
        return bool(self._keys) and self._clock() - self._fetched < _USABLE_SECONDS

    async def close(self) -> None:
        """Ends what is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    def _look(self, again_seconds: float) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one, or None where the last one was too short a time ago."""
        if self._flight is not None and not self._flight.done():
            return self._flight
        now = self._clock()
        if self._tried is not None and now - self._tried < again_seconds:
            return None
        self._tried = now
        self._flight = asyncio.create_task(self._fetch(), name="channel keys")
        return self._flight

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                keys = await self._download()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            logger.warning("the channel's keys cannot be fetched: %r", error)
        else:
            self._keys, self._fetched = keys, self._clock()

    async def _download(self) -> dict[str, ChannelKey]:
        connector = aiohttp.TCPConnector(ssl=await trust(self._ca_file))
        async with aiohttp.ClientSession(connector=connector) as session:
            metadata = await _get(session, self._metadata_url)
            keys_url = metadata.get("jwks_uri")
            if not isinstance(keys_url, str) or not is_safe_endpoint(keys_url):
                raise ValueError("no usable jwks_uri")
            keys = _read_keys(await _get(session, keys_url))
        if not keys:
            raise ValueError("no usable key")
        return keys


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        body = await answer.content.read(_LARGEST_ANSWER + 1)
        while len(body) <= _LARGEST_ANSWER and (more := await answer.content.read(_LARGEST_ANSWER)):
            body += more
    if len(body) > _LARGEST_ANSWER:
        raise ValueError("answer too large")
    try:
        document = json.loads(body)
    except RecursionError:
        raise ValueError("answer nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004  # one kind of error for every unusable answer
    return document


def _read_keys(document: Mapping[str, Any]) -> dict[str, ChannelKey]:
    """The RSA signing keys of a key set; what is anything else is left out."""
    keys: dict[str, ChannelKey] = {}
    listed = document.get("keys")
    for entry in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        key_id, endorsements = entry.get("kid"), entry.get("endorsements")
        try:
            key = RSAAlgorithm.from_jwk({name: entry[name] for name in ("kty", "n", "e")})
        except (jwt.InvalidKeyError, KeyError, ValueError, TypeError):
            logger.warning("a key of the channel is unreadable")
            continue
        if isinstance(key_id, str) and isinstance(key, RSAPublicKey) and key.key_size >= _SMALLEST_KEY_BITS:
            channels = endorsements if isinstance(endorsements, list) else ()
            keys[key_id] = ChannelKey(key, frozenset(name for name in channels if isinstance(name, str)))
    return keys
