"""Which addresses the bot may talk to, and hand its token to.

Every activity names the address to answer to. The bot's token goes there, so only addresses under the configured
prefixes count, compared part by part: a host that merely starts like an allowed one is another host.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_FORBIDDEN = frozenset("\\{}<>\"'`^|%")  # nothing that another parser might read differently


class ServiceUrls:
    """The allowed prefixes. Raises ValueError on a prefix that is no URL, or plain HTTP to another machine."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._prefixes = tuple(_prefix(text) for text in prefixes)

    def allows(self, url: str) -> bool:
        """Whether `url` lies under one of the prefixes."""
        parts = _split(url)
        if parts is None or "?" in url or "#" in url:
            return False
        path = parts.path.rstrip("/") + "/"
        return any(_origin(parts) == origin and path.startswith(root) for origin, root in self._prefixes)


def same_url(one: str, other: str) -> bool:
    """Equal but for a slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


def is_safe_endpoint(url: str) -> bool:
    """Whether what comes from `url` cannot be changed on the way: HTTPS, or this very machine."""
    parts = _split(url)
    return parts is not None and (parts.scheme.lower() == "https" or (parts.hostname or "") in _LOOPBACK)


def _split(url: str) -> SplitResult | None:
    """The parts of a plain absolute URL, None for anything that could be read in two ways."""
    if not url.isascii() or not url.isprintable() or " " in url or _FORBIDDEN & set(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None or port == 0:
        return None
    if any(segment in {".", ".."} for segment in unquote(parts.path).split("/")):
        return None
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower().rstrip("."), parts.port or _DEFAULT_PORTS[scheme]


def _prefix(text: str) -> tuple[tuple[str, str, int], str]:
    parts = _split(text)
    if parts is None or "?" in text or "#" in text:
        raise ValueError(f"not a usable service URL prefix: {text!r}")
    if not is_safe_endpoint(text):
        raise ValueError(f"a service URL prefix on another machine must be https: {text!r}")
    return _origin(parts), parts.path.rstrip("/") + "/"
