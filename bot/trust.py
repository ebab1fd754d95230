"""The certificate authorities that the bot's own connections trust, loaded off the event loop and once."""

from __future__ import annotations

import asyncio
import functools
import ssl
from pathlib import Path

from services.microsoft365.trust import trusted_authorities


async def trust(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and `ca_file` as well, read anew each time because it may have been replaced."""
    if ca_file is None:
        return await asyncio.to_thread(_usual)
    return await asyncio.to_thread(trusted_authorities, ca_file)


@functools.cache
def _usual() -> ssl.SSLContext:
    return trusted_authorities(None)
