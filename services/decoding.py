"""JSON from outside, read so that nothing in it can break what comes after.

Text with a NUL or with half a character is valid JSON, and no database, log or mail takes it.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

# Escapes are the only way for either into UTF-8.
_UNFIT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_INSTEAD = "\ufffd"


def decoded(raw: bytes | str) -> Any:
    """The value. Raises ValueError where it is no JSON in UTF-8, is nested too deeply, or has numbers that are none."""
    text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    try:
        value = json.loads(text, parse_constant=_no_number)
        return _fit(value) if _UNFIT_ESCAPE.search(text) or _UNFIT.search(text) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def fit(text: str) -> str:
    """The text with a mark in the place of what cannot be stored."""
    return _UNFIT.sub(_INSTEAD, text)


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, list):
        return [_fit(each) for each in value]
    if isinstance(value, dict):
        return {fit(name): _fit(each) for name, each in value.items()}
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
