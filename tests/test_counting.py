from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.counting import BadRequests

_ROOT = Path(__file__).resolve().parents[1]
_TESTS = """
import pytest

@pytest.mark.parametrize("half", ["first", "second"])
def test_many_that_stay_out(bad_requests, half):
    for number in range(600):
        bad_requests.refused(True, f"{half}: {number}")

def test_one_that_gets_in(bad_requests):
    bad_requests.refused(True)
    bad_requests.refused(False, "a forged token")
    bad_requests.refused(True, "is not reached")

def test_that_counts_nothing():
    pass
"""


def _run(folder: Path, *options: str) -> str:
    """What a run of these tests says, without the plugins that it does not need."""
    tests = folder / "test_counted.py"
    tests.write_text(_TESTS)
    place = ["-c", "/dev/null", "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.counting", *place, *options, str(tests)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "spread"])
def test_a_run_says_how_many_bad_requests_were_tried(tmp_path: Path, options: tuple[str, ...]) -> None:
    said = _run(tmp_path, *options)
    assert "Forged and forbidden requests tried: 1,202; let in: 1" in said
    assert "let in: a forged token" in said


def test_a_run_without_any_says_nothing(tmp_path: Path) -> None:
    assert "Forged" not in _run(tmp_path, "-k", "nothing")


def test_what_gets_in_fails_its_test() -> None:
    counted = BadRequests()
    counted.refused(refused=True)
    with pytest.raises(AssertionError, match="let in: a late approval"):
        counted.refused(None, "a late approval")
    assert (counted.tried, counted.let_in) == (2, 1)
