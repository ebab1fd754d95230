"""The certificate authorities that the bot's own connections trust, loaded off the event loop."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from services.microsoft365.trust import trusted_authorities


async def trust(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and those in `ca_file` now, which may have been replaced since the last time."""
    return await asyncio.to_thread(trusted_authorities, ca_file)
