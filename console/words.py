"""How the command line speaks: to a terminal that must not obey what a file says, and without secrets."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from services.incidents.report.page import visible

_BREAKS = re.compile(r"[^\S ]+")  # all that is space and not a space: one text is one line


def say(text: str) -> None:
    """To the terminal, which must not obey what a file says."""
    encoding = sys.stdout.encoding or "utf-8"
    line = _BREAKS.sub(" ", visible(text)).rstrip()
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def words_of(error: ValueError) -> str:
    """A validation error in one line, without the values that were given: one of them may be a secret."""
    details: Callable[..., list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if details is None:
        return str(error)
    lines = []
    for detail in details(include_url=False, include_input=False, include_context=False):
        place = "_".join(str(part) for part in detail["loc"]).upper()
        text = str(detail["msg"]).removeprefix("Value error, ")
        lines.append(f"IRBOT_{place}: {text}" if place else text)
    return "; ".join(lines)


def complain(text: str) -> int:
    """Says why nothing was done; the exit code of that."""
    sys.stderr.write(text + "\n")
    return 2
