from __future__ import annotations

import io

import pytest

from simulator.narrator import Narrator
from simulator.reading import Shown
from tests.simulator.stub_bot import card


class Terminal(io.StringIO):
    """An output that says it is a terminal, or that it knows only some characters."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:
        return self._encoding


def tell(out: Terminal, width: int = 60) -> str:
    narrator = Narrator(out, width=width)
    narrator.scene("Scene 1: a title that is a good deal longer than the narrowest terminal")
    narrator.says("Alex Wilber", "IT Helpdesk", "@IRBot compromise " + "megan@contoso.com " * 8)
    narrator.card(Shown(card("Lock now", text="Block sign-in · 王小明 " * 10)))
    narrator.changed("Megan Bowen", "sign-in", "allowed", "blocked", "IRBot")
    narrator.check("sign-in is blocked", good=True)
    narrator.verdict("Locked.", good=True)
    return out.getvalue()


@pytest.mark.parametrize("width", [50, 80, 110])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    from simulator.narrator import _width

    assert max(_width(line) for line in tell(Terminal(), width).splitlines()) <= width


def test_colour_is_only_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in tell(Terminal(terminal=True))
    assert "\x1b[" not in tell(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in tell(Terminal(terminal=True))
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b[" not in tell(Terminal(terminal=True))


def test_a_terminal_that_knows_only_ascii_gets_ascii() -> None:
    told = tell(Terminal(encoding="ascii"))
    assert told.isascii()
    assert "allowed -> blocked" in told


def test_what_people_write_cannot_steer_the_terminal() -> None:
    out = Terminal()
    Narrator(out).says("Alex", "here", "\x1b[2Jgone\x07 \x9b31m")
    assert "\x1b" not in out.getvalue()
    assert "\x9b" not in out.getvalue()
    assert "gone" in out.getvalue()
