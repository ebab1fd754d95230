"""Whom we trust on the wire: the certificate authorities of every outbound client of this package."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx


def trusted_authorities(ca_file: Path | None) -> ssl.SSLContext:
    """The usual authorities, and `ca_file` as well. Reads files: call it off the event loop."""
    context = httpx.create_ssl_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
