"""The bootstrap, run as a person runs it, on a checkout that needs no packages."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parent.parent
APP = "import sys\nprint('app.py got', sys.argv[1:], 'in', sys.prefix)\nsys.exit(3 if 'fail' in sys.argv else 0)\n"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose environment exists already; tests take a copy of nothing, they go on with it."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "dev.py", root)
    (root / "requirements.txt").write_text("# nothing\n")
    (root / "requirements-dev.txt").write_text("# nothing\n")
    (root / "app.py").write_text(APP)
    run(root, "demo")
    return root


def run(root: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    # The environment of the tests must not leak into the one that is being made.
    clean = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONHOME"}}
    return subprocess.run(
        [python, "dev.py", *arguments], cwd=root, capture_output=True, text=True, timeout=300, check=False, env=clean
    )


def test_the_first_run_prepares_and_hands_over(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dev.py", tmp_path)
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    (tmp_path / "app.py").write_text(APP)
    first = run(tmp_path, "demo", "--port", "1")
    assert first.returncode == 0, first.stderr
    assert "Creating the virtual environment" in first.stdout
    assert "Installing" in first.stdout
    assert f"app.py got ['demo', '--port', '1'] in {tmp_path / '.venv'}" in first.stdout


def test_a_second_run_installs_nothing(prepared: Path) -> None:
    again = run(prepared, "drill")
    assert "Installing" not in again.stdout
    assert "Creating" not in again.stdout
    assert "app.py got ['drill']" in again.stdout


def test_changed_requirements_are_installed_once(prepared: Path) -> None:
    (prepared / "requirements.txt").write_text("# nothing, in other words\n")
    assert "Installing" in run(prepared, "demo").stdout
    assert "Installing" not in run(prepared, "demo").stdout


def test_the_exit_code_is_the_commands_own(prepared: Path) -> None:
    assert run(prepared, "demo", "fail").returncode == 3


@pytest.mark.thorough
def test_an_environment_that_does_not_start_is_made_anew(prepared: Path) -> None:
    dev_python = prepared / dev.PYTHON.relative_to(dev.ROOT)
    dev_python.unlink()
    dev_python.write_text("not a program")
    dev_python.chmod(0o755)
    mended = run(prepared, "demo")
    assert mended.returncode == 0, mended.stderr
    assert "Creating the virtual environment" in mended.stdout


def test_packages_that_cannot_be_had_are_a_sentence_and_are_tried_again(prepared: Path) -> None:
    before = (prepared / "requirements.txt").read_text()
    (prepared / "requirements.txt").write_text("./no-such-package\n")
    try:
        for _ in range(2):
            failed = run(prepared, "demo")
            assert failed.returncode == 2
            assert "could not be installed" in failed.stderr
            assert "app.py got" not in failed.stdout
    finally:
        (prepared / "requirements.txt").write_text(before)


def test_an_unknown_command_names_the_known_ones(prepared: Path) -> None:
    answer = run(prepared, "dmeo")
    assert answer.returncode == 2
    assert "demo|test|thorough|drill" in answer.stderr


@pytest.mark.parametrize(
    ("python", "sqlite", "words"),
    [
        ((3, 9, 2), (3, 45, 0), "needs Python 3.11 or newer; this is Python 3.9.2."),
        ((3, 11, 7), (), "needs a Python with SQLite; this is Python 3.11.7 without it."),
        ((3, 13, 0), (3, 40, 1), "needs SQLite 3.42 or newer; this is Python 3.13.0 with SQLite 3.40.1."),
    ],
)
def test_a_python_that_does_not_do_is_told_what_it_takes(
    python: tuple[int, ...], sqlite: tuple[int, ...], words: str
) -> None:
    assert words in (dev.unfit(python, sqlite) or "")


@pytest.mark.parametrize(("python", "sqlite"), [((3, 11, 0), (3, 40, 1)), ((3, 12, 0), (3, 42, 0))])
def test_a_python_that_does_is_let_through(python: tuple[int, ...], sqlite: tuple[int, ...]) -> None:
    assert dev.unfit(python, sqlite) is None


def test_an_old_python_can_read_the_file() -> None:
    ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_the_makefile_offers_the_same_commands() -> None:
    targets = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("demo") and line.endswith(":")
    )
    assert set(targets.rstrip(":").split()) == set(dev.COMMANDS) - {"ci-setup", "packages"}
