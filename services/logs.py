"""Logs as JSON lines, each tied to the turn, incident and step it belongs to; secrets are blacked out.

The bound values travel with the asyncio task: what a turn starts inherits them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO
from uuid import uuid4

correlation: ContextVar[str | None] = ContextVar("correlation", default=None)
incident: ContextVar[str | None] = ContextVar("incident", default=None)
step: ContextVar[str | None] = ContextVar("step", default=None)
actor: ContextVar[str | None] = ContextVar("actor", default=None)

_BOUND: dict[str, ContextVar[str | None]] = {
    "incident": incident,
    "step": step,
    "actor": actor,
    "correlation": correlation,
}
_HIDDEN = "[hidden]"
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 20_000  # characters of one message or traceback

_NAMES_OF_SECRETS = (
    r"(?:access|refresh|id)?_?token|client_?secret|client_?assertion|app_?secret|assertion|authorization|passwd|pwd"
    r"|password|secret|temporary_?access_?pass|tap_?code|private_?key|nonce|sig|signature|api_?key"
)
# A quotation without an end goes to the end of the text: all of it is hidden, and it is looked through once only.
_ASSIGNED_SECRET = rf"""(?ix)
    ((?:{_NAMES_OF_SECRETS}) ["']? \s* [:=] \s*)
    ( "(?:[^"\\]|\\[\s\S])*(?:"|\\?\Z) | '(?:[^'\\]|\\[\s\S])*(?:'|\\?\Z)
    | (?!\[hidden\]|bearer\b|basic\b) [^\s,;&}}\])"']+ )
"""
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        _HIDDEN,
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,2}"), _HIDDEN),  # a JSON web token, or a part of one
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {_HIDDEN}"),
    (re.compile(_ASSIGNED_SECRET), rf"\1{_HIDDEN}"),
)
_known_secrets: set[str] = set()


def hide(secret: str) -> None:
    """Blacks out this very value wherever it turns up in a log. Values under six characters are not taken."""
    if len(secret) >= 6:
        _known_secrets.add(secret)


def redact(text: str) -> str:
    """`text` without tokens, keys, passwords and the values given to `hide`."""
    for secret in _known_secrets:
        text = text.replace(secret, _HIDDEN)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def new_correlation_id() -> str:
    """A short id that a person can read out on the telephone."""
    return uuid4().hex[:12]


@contextmanager
def bound(
    *,
    incident: str | None = None,
    step: str | None = None,
    actor: str | None = None,
    correlation: str | None = None,
) -> Iterator[None]:
    """Ties every record inside the block to these values; None leaves what was bound outside."""
    given = {"incident": incident, "step": step, "actor": actor, "correlation": correlation}
    marks = [(_BOUND[name], _BOUND[name].set(value)) for name, value in given.items() if value is not None]
    try:
        yield
    finally:
        for variable, mark in reversed(marks):
            variable.reset(mark)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the bound values, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _safe(_message(record)),
        }
        for name, variable in _BOUND.items():
            value = getattr(record, name, None) or variable.get()
            if value:
                line[name] = _safe(str(value))
        if record.exc_info:
            line["traceback"] = _safe(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure(level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Sends every record of the process to `stream` (standard error) as JSON lines; called again, replaces itself."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, JsonLines)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for chatty in ("msal", "msrest", "urllib3", "httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a wrong format string must not lose the record
        return f"{record.msg} {record.args!r}"


def _safe(text: str) -> str:
    clean = redact(text[: 10 * _LONGEST])
    short = clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}… ({len(clean)} characters)"
    # JSON escapes the older control characters only; these are line breaks, terminal codes and directions, too.
    return _OBEYED.sub(lambda found: f"[U+{ord(found[0]):04X}]", short)
