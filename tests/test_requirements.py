"""What is imported is named in the requirements, and everything that is installed is pinned."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUN, DEV = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
WHAT_RUNS = ("app.py", "bot", "cards", "dialogs", "services", "simulator")
WHAT_TESTS = ("benchmarks", "tests", "tools")
BROUGHT_ALONG = "# brought along"


def test_what_runs_imports_only_what_is_named() -> None:
    assert unnamed(WHAT_RUNS, named_in(RUN)) == []


def test_tests_and_tools_import_only_what_is_named() -> None:
    assert unnamed(WHAT_TESTS, named_in(RUN) | named_in(DEV)) == []


def test_everything_that_is_installed_is_pinned() -> None:
    for file in (RUN, DEV):
        lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert lines
        assert [line for line in lines if not re.fullmatch(r"[\w.\-]+(\[\w+\])?==[\w.]+", line)] == []


def test_both_files_agree() -> None:
    pins = [
        line for file in (RUN, DEV) for line in set(file.read_text().splitlines()) if "==" in line and line[0] != "#"
    ]
    versions: dict[str, set[str]] = {}
    for pin in pins:
        name, _, version = pin.partition("==")
        versions.setdefault(normal(name), set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def named_in(file: Path) -> set[str]:
    """The packages that stand there because somebody imports them."""
    first_part = file.read_text().partition(BROUGHT_ALONG)[0]
    return {normal(line.partition("==")[0]) for line in first_part.splitlines() if "==" in line}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower()


def unnamed(places: tuple[str, ...], named: set[str]) -> list[str]:
    """The imports of libraries that no requirement names."""
    packages = packages_distributions()
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    found = {
        f"{library} in {place}"
        for place in places
        for library in libraries(ROOT / place)
        if library not in sys.stdlib_module_names
        and library not in ours
        and not any(normal(package) in named for package in packages.get(library, []))
    }
    return sorted(found)


def libraries(place: Path) -> Iterator[str]:
    files = [place] if place.is_file() else [path for path in place.rglob("*.py") if "node_modules" not in path.parts]
    assert files, f"nothing to look at in {place}"
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]
