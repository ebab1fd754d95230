"""What the command line says is one line each, in columns, and never an order to the terminal."""

from __future__ import annotations

import pytest

from console.words import complain, say


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("good     Clock: it is right.", "good     Clock: it is right."),
        ("         Check it.", "         Check it."),
        ("one\n\ntwo\tthree\u2028four", "one two three[U+2028]four"),
        ("", ""),
    ],
)
def test_a_text_is_one_line_that_keeps_its_columns(text: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    assert capsys.readouterr().out == f"{line}\n"


def test_no_text_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("name \x1b[2J\x07 \u202egnp.exe")
    told = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


def test_a_complaint_goes_to_the_other_stream(capsys: pytest.CaptureFixture[str]) -> None:
    assert complain("Nothing was done.") == 2
    assert capsys.readouterr() == ("", "Nothing was done.\n")
