"""The arrows of the layout: app → bot → dialogs → (cards, services), and who may import which library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What the modules of each folder may import of the project.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "app": ("bot", "cards", "console", "dialogs", "services"),
    "benchmarks": ("app", "benchmarks", "services", "simulator"),
    "bot": ("bot", "cards", "dialogs", "services"),
    "console": ("console", "dialogs", "manifest", "services"),
    "dialogs": ("cards", "dialogs", "services"),
    "cards": ("cards",),
    "services": ("services",),
    "services.microsoft365": (
        "services.decoding",
        "services.errors",
        "services.logs",
        "services.metrics",
        "services.microsoft365",
        "services.secrets",
        "services.settings",
        "services.together",
    ),
    "manifest": ("manifest",),
    "simulator": ("simulator",),
    "simulator.consent": ("services.rights", "simulator"),
    "tools": ("cards", "dialogs", "services", "tools"),
}
# The parts of the simulator that put the product on its stage; they start it as a user would.
_STAGE = ("simulator.bench", "simulator.demo", "simulator.drill")
_STAGE_MAY_IMPORT = ("app", "services.settings", "simulator")
# What `app` imports inside functions alone, so that production never loads it.
REHEARSALS = ("benchmarks", "simulator")

# Libraries that one place alone may import. Tests of that place may as well.
ONLY_IN: dict[str, str] = {
    "botbuilder": "bot",
    "botframework": "bot",
    "dbos": "services.durable",
}
PROJECT = (
    *("app", "benchmarks", "bot", "cards", "console", "dialogs", "manifest", "services", "simulator", "tests", "tools"),
)


def test_every_module_keeps_the_arrows() -> None:
    modules = list(_modules(ROOT))
    assert {name.partition(".")[0] for name, _ in modules} >= {"bot", "cards", "dialogs", "services", "simulator"}
    wrong = [line for name, path in modules for line in violations(name, path.read_text(encoding="utf-8"))]
    assert wrong == []


def test_every_folder_with_code_has_its_arrows() -> None:
    known = {*PROJECT, "dev"}
    found = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    found |= {path.stem for path in ROOT.glob("*.py")}
    assert found - known == set(), "say in MAY_IMPORT what it may import"


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dialogs.lock", "import botbuilder.core"),
        ("dialogs.lock", "from bot.messenger import Messenger"),
        ("cards.incident", "from services.settings import Settings"),
        ("cards.incident", "import aiohttp"),
        ("services.access", "from dialogs import turn"),
        ("services.access", "from cards.views import Button"),
        ("services.incidents.store", "import dbos"),
        ("services.microsoft365.directory", "from services.incidents import store"),
        ("services.microsoft365.directory", "from services import incidents"),
        ("services.microsoft365.directory", "from ..playbook import Step"),
        ("services.microsoft365.__init__", "from ..playbook import Step"),
        ("services.microsoft365.directory", "from services.access import Role"),
        ("services.playbook.block_sign_in", "from simulator.world import World"),
        ("bot.endpoint", "import simulator"),
        ("bot.endpoint", "def f():\n    import simulator"),
        ("bot.endpoint", "if TYPE_CHECKING:\n    from simulator.world import World"),
        ("bot.endpoint", "importlib.import_module('simulator.world')"),
        ("app", "from simulator import Simulator"),
        ("app", "import benchmarks"),
        ("simulator.graph.users", "from services.settings import Settings"),
        ("simulator.bench", "from bot.endpoint import Endpoint"),
        ("tests.dialogs.test_lock", "from botbuilder.schema import Activity"),
    ],
)
def test_a_wrong_import_is_noticed(module: str, line: str) -> None:
    assert violations(module, line)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("app", "from bot.endpoint import Endpoint"),
        ("app", "def demo():\n    from simulator import demo"),
        ("bot.messenger", "from botframework.connector import ConnectorClient"),
        ("dialogs.lock", "from cards import incident"),
        ("cards.incident", "from cards.views import IncidentView\nimport json"),
        ("services.durable", "import dbos"),
        ("services.microsoft365.directory", "from services.errors import NotFound\nfrom . import graph"),
        ("simulator.bench", "import app"),
        ("tests.bot.test_messenger", "from botbuilder.schema import Activity"),
    ],
)
def test_a_right_import_passes(module: str, line: str) -> None:
    assert violations(module, line) == []


def test_production_never_loads_the_simulator() -> None:
    look = f"import sys, app; print([name for name in sys.modules if name.partition('.')[0] in {REHEARSALS}])"
    loaded = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def violations(module: str, source: str) -> list[str]:
    """What this module imports and may not, as "module imports target"."""
    wrong = []
    for target, in_function in _imports(module, source):
        if not _allowed(module, target, in_function=in_function):
            wrong.append(f"{module} imports {target}")
    return wrong


def _allowed(module: str, target: str, *, in_function: bool) -> bool:
    library = target.partition(".")[0]
    if library in ONLY_IN:
        home = ONLY_IN[library]
        folder, _, name = home.rpartition(".")
        tests_of_home = ".".join(filter(None, ("tests", folder, f"test_{name}" if folder else name)))
        return _within(module, (home, tests_of_home))
    if _within(module, ("cards",)) and library not in sys.stdlib_module_names:
        return _within(target, MAY_IMPORT["cards"])
    if library not in PROJECT or _within(module, ("tests",)):
        return True
    if module in _STAGE:
        return _within(target, _STAGE_MAY_IMPORT)
    if module == "app" and library in REHEARSALS:
        return in_function
    folder = next(key for key in sorted(MAY_IMPORT, key=len, reverse=True) if _within(module, (key,)))
    return _within(target, MAY_IMPORT[folder])


def _within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    for folder in PROJECT:
        for path in (root / f"{folder}.py", *sorted((root / folder).rglob("*.py"))):
            if path.is_file():
                yield ".".join(path.relative_to(root).with_suffix("").parts), path


@cache
def _imports(module: str, source: str) -> tuple[tuple[str, bool], ...]:
    """Every module that is imported, and whether that happens inside a function."""
    tree = ast.parse(source)
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    return tuple((target, id(node) in inside) for node in ast.walk(tree) for target in _targets(module, node))


def _targets(module: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            base = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
        # `from services import incidents` imports a module, `from services.errors import NotFound` a name.
        if "." in base or base not in PROJECT:
            yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if base in PROJECT or node.level)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__"} and isinstance(node.args[0].value, str):
            yield node.args[0].value
