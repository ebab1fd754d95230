"""Whom we trust on the wire: certificate authorities, and the one place that a token may go to."""

from __future__ import annotations

import functools
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx


def trusted_authorities(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and those in `ca_file` now. Reads files: call it off the event loop.

    Who asks for the same gets the same context: taking in the usual authorities costs more than many requests.
    """
    # Between certificates there may be remarks in any language; the certificates themselves are ASCII.
    return _context(None if ca_file is None else ca_file.read_text("ascii", "ignore"))


@functools.lru_cache(maxsize=4)
def _context(added: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if added is not None:
        context.load_verify_locations(cadata=f"{added}\n")  # nothing at all would be a mistake of the caller
    return context


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL: a token goes to exactly one of these."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", -1
    try:
        port = parts.port
    except ValueError:
        port = -1  # equal to no real one
    return parts.scheme.lower(), (parts.hostname or "").lower(), port or (443 if parts.scheme == "https" else 80)
