"""The machine that a benchmark ran on, and what a process takes of it."""

from __future__ import annotations

import math
import os
import platform
import sqlite3
import subprocess
from contextlib import suppress
from pathlib import Path


def described() -> str:
    """Processors, memory, how busy the machine was, system and versions, in one line."""
    load = ""
    with suppress(AttributeError, OSError):  # Windows has no load average
        load = f", load {os.getloadavg()[0]:.1f}"
    return (
        f"{os.cpu_count()} x {_processor()}, {_memory()}{load}; {platform.system()} {platform.release()};"
        f" Python {platform.python_version()}; SQLite {sqlite3.sqlite_version}"
    )


def resident_bytes(pid: int) -> float:
    """The memory that a process keeps in RAM; not a number where this system does not tell."""
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        told = subprocess.run(  # noqa: S603  # a number of our own
            ["ps", "-o", "rss=", "-p", str(pid)],  # noqa: S607
            capture_output=True,
            check=True,
            text=True,
            timeout=10,
        )
        return int(told.stdout) * 1024.0
    return math.nan


def _memory() -> str:
    with suppress(AttributeError, OSError, ValueError):  # Windows does not tell
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GB"
    return "memory unknown"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
