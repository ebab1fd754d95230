"""`app.py demo` as a person starts it, and stops it with Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import need_emulator

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as a POSIX signal")]

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS = 120.0


class Demo:
    """The running demo, and what it has printed so far."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "demo"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # its children are found by it afterwards, and Ctrl-C reaches all of them
        )
        self.said = ""

    def wait_until_it_says(self, words: str) -> None:
        assert self.process.stdout is not None
        give_up = threading.Timer(_PATIENCE_SECONDS, self.process.kill)
        give_up.start()
        try:
            while words not in self.said:
                line = self.process.stdout.readline()
                assert line, f"it ended with {self.process.wait()} and had said:\n{self.said}"
                self.said += line
        finally:
            give_up.cancel()

    def press_ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        self.said += rest
        return self.process.returncode

    def leaves_nothing_running(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@pytest.fixture
def demo() -> Iterator[Demo]:
    need_emulator()
    demo = Demo()
    yield demo
    if not demo.leaves_nothing_running():
        os.killpg(demo.process.pid, signal.SIGKILL)
    demo.process.communicate()


def opens(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


@pytest.fixture
def taken_ports() -> Iterator[set[int]]:
    """The ports that the demo likes best, all of them taken."""
    ports = {3978, 3990, 3991, 56150, 56151}
    with contextlib.ExitStack() as listeners:
        for port in ports:
            with contextlib.suppress(OSError):  # somebody else has it: as good
                listeners.enter_context(socket.create_server(("127.0.0.1", port)))
        yield ports


def test_the_demo_prints_addresses_that_open_and_ends_with_ctrl_c(taken_ports: set[int], demo: Demo) -> None:
    demo.wait_until_it_says("Ctrl-C stops everything")

    addresses = re.findall(r"http://\S+", demo.said)
    assert len(addresses) == 3
    assert {int(url.rpartition(":")[2]) for url in addresses} & taken_ports == set()
    assert [url for url in addresses if not opens(url)] == []
    assert "@IRBot compromise megan@contoso.com" in demo.said

    assert demo.press_ctrl_c() == 0
    assert "Traceback" not in demo.said
    assert demo.leaves_nothing_running()
    assert [url for url in addresses if opens(url)] == []
