"""Prepares a virtual environment and hands over to it, so that one command works on a fresh machine.

Standard library only. The syntax stays at Python 3.8, so that an older Python can still read the sentence
that says which one is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
OLDEST_SQLITE = (3, 42)
OTHER_PYTHONS = ("python3.11", "python3.14", "python3.13", "python3.12")

RUN = ("requirements.txt",)
DEV = ("requirements.txt", "requirements-dev.txt")
AUDIT = ("requirements-audit.txt",)

# What each command needs, and the commands that it hands over to, one after another.
COMMANDS = {
    "demo": (RUN, [["app.py", "demo"]]),
    # Most of the time is waiting: for replicas, pauses and patience.
    "test": (DEV, [["-m", "pytest", "-n", "4", "--dist", "worksteal", "-m", "not thorough"]]),
    # What `test` tries a few of, all of it: every request at which the bot may die, every story evicted and undone.
    "thorough": (DEV, [["-m", "pytest", "-n", "4", "--dist", "worksteal", "-m", "thorough"]]),
    "drill": (RUN, [["app.py", "drill"]]),
    "bench": (RUN, [["app.py", "bench"]]),
    "score": (RUN, [["app.py", "score"]]),
    "fuzz": (DEV, [["-m", "tests.fuzz"]]),
    "chaos": (DEV, [["-W", "ignore", "-m", "tests.chaos"]]),
    "gallery": (DEV, [["-m", "tools.gallery"]]),
    "lint": (
        DEV,
        [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."], ["-m", "mypy"]],
    ),
    # Asks the Python Package Index for known vulnerabilities of what runs; needs the internet.
    "audit": (
        AUDIT,
        [["-m", "pip_audit", "--strict", "--require-hashes", "--disable-pip", "-r", "requirements.hashes.txt"]],
    ),
    "packages": (DEV, []),
    "ci-setup": (DEV, [["-m", "simulator.emulator"]]),
}
USAGE = "Usage: {python} dev.py " + "|".join(COMMANDS) + "  [further arguments are passed on]"


def main(arguments: list[str]) -> int:
    """Runs one command of COMMANDS; the answer is the exit code."""
    problem = unfit(sys.version_info[:3], sqlite_version())
    if problem is not None:
        return complain(problem)
    if not arguments or arguments[0] not in COMMANDS:
        return complain(USAGE.format(python="py" if os.name == "nt" else "python3"))
    needs, steps = COMMANDS[arguments[0]]
    try:
        prepare(needs)
    except Failed as failure:
        return complain(str(failure))
    except KeyboardInterrupt:
        return complain("Stopped. The next run goes on from here.")
    if len(steps) == 1:
        hand_over(steps[0] + arguments[1:])
    # Every step runs even when an earlier one fails: one run shows all that is wrong.
    return max([call(step) for step in steps], default=0)


def sqlite_version() -> tuple[int, ...]:
    """The version of SQLite inside this Python; empty where there is none."""
    try:
        import sqlite3
    except ImportError:
        return ()
    return sqlite3.sqlite_version_info


def unfit(python: tuple[int, ...], sqlite: tuple[int, ...]) -> str | None:
    """Why this Python cannot run IRBot, with the command that perhaps can; None where it can."""
    this = f"this is Python {dotted(python)}"
    if python < OLDEST:
        why = f"IRBot needs Python {dotted(OLDEST)} or newer; {this}."
    elif not sqlite:
        why = f"IRBot needs a Python with SQLite; {this} without it."
    elif python >= (3, 12) and sqlite < OLDEST_SQLITE:
        # From Python 3.12 on, the durable engine asks SQLite for fractions of a second.
        needed = f"With Python 3.12 or newer IRBot needs SQLite {dotted(OLDEST_SQLITE)} or newer"
        why = f"{needed}; {this} with SQLite {dotted(sqlite)}."
    else:
        return None
    others = [name for name in OTHER_PYTHONS if shutil.which(name) and name != f"python{dotted(python[:2])}"]
    if others:
        return f"{why} You have {others[0]}, too: run `{others[0]} dev.py` with the same arguments."
    return f"{why} Install another one and run the same command with it."


def dotted(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


class Failed(Exception):
    """Preparing did not work; the text says why, for the person at the keyboard."""


def prepare(needs: tuple[str, ...]) -> None:
    """Makes the environment hold `needs`; does nothing when it already does."""
    version = environment_version()
    if version is None:
        create()
        version = environment_version()
        if version is None:
            raise Failed("The new virtual environment in .venv does not start. Delete the folder .venv and try again.")
    if all(stamp(name).is_file() and stamp(name).read_text() == digest(name, version) for name in needs):
        return
    say("Installing what IRBot needs into .venv. This happens once and takes about a minute.")
    install = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    for name in needs:
        install += ["-r", str(ROOT / name)]
    if subprocess.call(install, cwd=str(ROOT)) != 0:
        raise Failed(
            "The packages could not be installed; the reason is above."
            " Without internet access, point pip at your mirror (PIP_INDEX_URL) and run the command again."
        )
    for name in needs:
        stamp(name).write_text(digest(name, version))


def environment_version() -> str | None:
    """The Python version inside .venv; None where it is absent, broken or unfit."""
    if not PYTHON.exists():
        return None
    question = "import pip, sqlite3, sys; print(*sys.version_info[:3], *sqlite3.sqlite_version_info)"
    try:
        answer = subprocess.run([str(PYTHON), "-c", question], stdout=subprocess.PIPE, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    numbers = tuple(map(int, answer.stdout.split()))
    return dotted(numbers[:3]) if unfit(numbers[:3], numbers[3:]) is None else None


def create() -> None:
    """Makes .venv anew from this Python."""
    say("Creating the virtual environment .venv.")
    try:
        venv.create(str(ENVIRONMENT), clear=True, with_pip=True)
    except subprocess.CalledProcessError:
        # Debian and Ubuntu ship venv without pip's installer.
        raise Failed(
            "This Python cannot create virtual environments."
            " On Debian or Ubuntu install the package python3-venv, then run the command again."
        ) from None
    except OSError as error:
        raise Failed(f"The virtual environment .venv could not be created: {error}.") from None


def stamp(name: str) -> Path:
    """Where it is noted which content of `name` is installed."""
    return ENVIRONMENT / f"{name}.installed"


def digest(name: str, version: str) -> str:
    """What a requirements file and the environment's Python come down to."""
    return hashlib.sha256((ROOT / name).read_bytes() + version.encode()).hexdigest()


def hand_over(step: list[str]) -> NoReturn:
    """Becomes the command, so that Ctrl-C and the exit code are its own."""
    sys.stdout.flush()
    if os.name == "nt":
        raise SystemExit(call(step))  # exec on Windows would return to the prompt at once
    os.chdir(str(ROOT))
    os.execv(str(PYTHON), [str(PYTHON), *step])


def call(step: list[str]) -> int:
    """Runs the command and waits for it, through Ctrl-C, which it receives as well."""
    process = subprocess.Popen([str(PYTHON), *step], cwd=str(ROOT))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def say(text: str) -> None:
    """Tells the person at the keyboard."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> int:
    """Tells why nothing was run; the exit code of that."""
    sys.stderr.write(text + "\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
