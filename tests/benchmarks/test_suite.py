"""The command of the benchmarks."""

from __future__ import annotations

import pytest

import app as irbot
from benchmarks.suite import LONG, SUITE


def test_a_name_that_is_none_measures_nothing_and_lists_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["bench", "--only", "everything", "--save"]) == 2
    told = capsys.readouterr().err
    assert "There is no benchmark everything" in told
    assert all(name in told for name in (*SUITE, *LONG))
