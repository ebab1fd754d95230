"""What the functions declare, held against what they do."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import services.microsoft365.exchange as package
from services.microsoft365.exchange.operations import ALL, Effect, Operation
from simulator.exchange.parameters import SIGNATURES

_READING = ("Get-", "Search-")
_CMDLET = re.compile(r"(?:Get|Set|New|Add|Remove|Enable|Disable|Clear|Search)-[A-Z]\w+")


def _modules() -> list[ModuleType]:
    folder = Path(package.__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py"))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names if name != "__init__"]


def test_there_are_operations_for_every_area() -> None:
    areas = {name.partition(".")[0] for name in ALL}
    assert len(ALL) >= 60
    assert {"mailboxes", "inbox_rules", "delegates", "protocols", "mobile_devices", "mail_flow"} <= areas


@pytest.mark.parametrize("name", sorted(ALL))
def test_needs_are_cmdlets_that_exist(name: str) -> None:
    assert ALL[name].needs
    assert all(cmdlet.lower() in SIGNATURES for cmdlet in ALL[name].needs)


@pytest.mark.parametrize("name", sorted(ALL))
def test_reads_need_only_reading_cmdlets_and_writes_need_a_writing_one(name: str) -> None:
    operation = ALL[name]
    reading = all(cmdlet.startswith(_READING) for cmdlet in operation.needs)
    assert reading == (operation.effect is Effect.READ)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_operation_has_a_sentence(name: str) -> None:
    assert (ALL[name].__doc__ or "").strip().endswith(".")


def test_every_cmdlet_in_the_text_of_a_module_is_declared_there() -> None:
    """A function that runs a cmdlet which no operation of its module declares would escape the preflight."""
    for module in _modules():
        declared = {cmdlet for value in vars(module).values() if isinstance(value, Operation) for cmdlet in value.needs}
        if not declared:
            continue
        tree = ast.parse(inspect.getsource(module))
        strings = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        used = {text for text in strings if _CMDLET.fullmatch(text)}
        assert used <= declared | {"Set-Mailbox"}, module.__name__


def test_results_are_frozen() -> None:
    for module in _modules():
        for value in vars(module).values():
            if isinstance(value, type) and is_dataclass(value) and value.__module__ == module.__name__:
                parameters: Any = value.__dataclass_params__  # type: ignore[attr-defined]  # every dataclass has it
                assert parameters.frozen, value
