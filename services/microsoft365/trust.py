"""Whom we trust on the wire: certificate authorities, and the one place that a token may go to."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx


def trusted_authorities(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and `ca_file` as well. Reads files: call it off the event loop."""
    context = httpx.create_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
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
