"""Tells in a terminal what happens in Teams and in the tenant, as it happens: calm, aligned, fine without colour."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
import time
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from typing import TextIO

from simulator.reading import Shown

_TIME_WIDTH = 9
_NARROWEST = 50
_WIDEST = 110
_PLAIN_ALONE = 100  # where no terminal says how wide it is
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# For terminals that cannot show more than ASCII.
_PLAINER = str.maketrans({"│": "|", "─": "-", "→": "->", "·": "-", "…": "...", "✓": "+", "✗": "x", "•": "*"})


class Look(StrEnum):
    """Colours by meaning, as terminal codes."""

    BAD = "31;1"
    BOT = "35"
    DIM = "2"
    GOOD = "32"
    NAME = "1"
    SCENE = "36;1"
    TENANT = "33"


class Narrator:
    """Writes to `out`. Colour only on a terminal, never with NO_COLOR; as wide as the terminal, up to a limit."""

    def __init__(self, out: TextIO, *, width: int | None = None, colour: bool | None = None) -> None:
        self._out = out
        terminal = out.isatty()
        seen = shutil.get_terminal_size((_PLAIN_ALONE, 24)).columns if terminal else _PLAIN_ALONE
        self.width = max(_NARROWEST, min(width or seen, _WIDEST))
        self._colour = _colour_wanted(terminal) if colour is None else colour
        self._ascii = not _can_show(out)
        self._began = time.monotonic()
        self._last_time = ""
        self._after_blank = False

    # -- what is told ----------------------------------------------------------------------------------------------

    def scene(self, title: str) -> None:
        """A new part of the story."""
        first, *rest = _wrapped(title, self.width - 8)
        self._blank()
        self._write(self._in(Look.SCENE, f"── {first} {'─' * (self.width - _width(first) - 4)}"))
        for line in rest:
            self._write(self._in(Look.SCENE, f"   {line}"))
        self._blank()

    def remark(self, text: str) -> None:
        """Words beside the story."""
        self._paragraph(text, Look.DIM)

    def says(self, name: str, where: str, text: str) -> None:
        """A person writes."""
        self._event(f"{self._in(Look.NAME, name)} {self._in(Look.DIM, f'in {where}')}")
        self._paragraph(text)
        self._blank()

    def presses(self, name: str, title: str) -> None:
        """A person presses a button."""
        self._event(f"{self._in(Look.NAME, name)} presses {self._in(Look.NAME, f'[ {title} ]')}")

    def bot(self, does: str) -> None:
        """The bot does something that the lines after this show."""
        self._event(self._in(Look.BOT, f"IRBot {does}"))

    def card(self, shown: Shown, *, lines: Iterable[str] | None = None) -> None:
        """A card, or the lines of it that are new, and its buttons."""
        for line in shown.lines if lines is None else lines:
            self._barred(line)
        if shown.buttons:
            self._barred("  ".join(f"[ {title} ]" for title in shown.buttons), Look.NAME)
        self._blank()

    def text(self, text: str) -> None:
        """A plain message of the bot."""
        self._barred(text)
        self._blank()

    def changed(self, who: str, what: str, before: str, after: str, by: str) -> None:
        """Something changed in the tenant."""
        self._event(f"{self._in(Look.TENANT, 'tenant')} {self._in(Look.NAME, who)}")
        self._paragraph(f"{what}: {before} → {after}   (by {by})", Look.TENANT)
        self._blank()

    def check(self, words: str, *, good: bool) -> None:
        """One thing that was looked up at the end."""
        mark = self._in(Look.GOOD, "✓") if good else self._in(Look.BAD, "✗ NOT")
        self._write(f"{' ' * _TIME_WIDTH}{mark} {words}")

    def verdict(self, words: str, *, good: bool) -> None:
        """The last line."""
        self._blank()
        self._paragraph(words, Look.GOOD if good else Look.BAD)

    # -- how it is written -----------------------------------------------------------------------------------------

    def _event(self, text: str) -> None:
        clock = f"{time.monotonic() - self._began:6.1f} s"
        shown = clock if clock != self._last_time else ""
        self._last_time = clock
        self._write(f"{self._in(Look.DIM, shown.ljust(_TIME_WIDTH))}{text}")

    def _paragraph(self, text: str, look: Look | None = None) -> None:
        for line in _wrapped(text, self.width - _TIME_WIDTH):
            self._write(" " * _TIME_WIDTH + (self._in(look, line) if look else line))

    def _barred(self, text: str, look: Look | None = None) -> None:
        for line in _wrapped(text, self.width - _TIME_WIDTH - 2):
            bar = self._in(Look.BOT, "│")
            self._write(f"{' ' * _TIME_WIDTH}{bar} {self._in(look, line) if look else line}")

    def _blank(self) -> None:
        """One empty line, never two."""
        if not self._after_blank:
            self._write("")

    def _in(self, look: Look, text: str) -> str:
        return f"\x1b[{look.value}m{text}\x1b[0m" if self._colour and text else text

    def _write(self, line: str) -> None:
        written = line.rstrip()
        if self._ascii:
            written = written.translate(_PLAINER).encode("ascii", "replace").decode()
        self._after_blank = not written
        self._out.write(written + "\n")
        self._out.flush()


def _colour_wanted(terminal: bool) -> bool:
    if not terminal or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    # An old Windows console shows the codes themselves.
    return os.name != "nt" or any(os.environ.get(name) for name in ("WT_SESSION", "ANSICON", "TERM", "ConEmuANSI"))


def _can_show(out: TextIO) -> bool:
    encoding: str | None = out.encoding
    if encoding is None:  # text that is kept, not written to bytes
        return True
    try:
        "│─→·…✓✗".encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _width(text: str) -> int:
    """Columns that a text takes: wide characters two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in _ESCAPES.sub("", text)
    )


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that fit. What could steer a terminal is taken out: the words come from the tenant and its people."""
    clean = _CONTROL.sub("", text)
    wide = _width(clean) - len(clean)
    fitting = max(20, width - wide) if wide > 0 else width
    return textwrap.wrap(clean, fitting, break_long_words=True, break_on_hyphens=False) or [""]
