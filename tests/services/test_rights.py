"""One table says what the app asks for; the guide prints it, and the simulated tenant grants exactly that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.microsoft365 import GRAPH_NEEDS
from services.playbook import STEPS
from services.rights import BESIDE_THE_STEPS, EXCHANGE, beside_the_steps, graph_permissions
from simulator.config import SimulatorConfig
from simulator.permissions import KNOWN
from tools.docs import permission_table

ROOT = Path(__file__).resolve().parent.parent.parent
_CALL = re.compile(r"\b(?:_?m365|_?microsoft365)\.([a-z_]+\.[a-z_]+)\(")


def _outside_the_steps() -> dict[str, set[str]]:
    """The functions of Microsoft 365 that files outside the playbook call, with those files."""
    found: dict[str, set[str]] = {}
    for path in (*ROOT.glob("services/**/*.py"), *ROOT.glob("dialogs/*.py"), *ROOT.glob("bot/*.py"), ROOT / "app.py"):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(("services/playbook/", "services/microsoft365/")):
            for function in _CALL.findall(path.read_text(encoding="utf-8")):
                if function in GRAPH_NEEDS:
                    found.setdefault(function, set()).add(place)
    return found


def test_the_simulated_tenant_grants_what_the_guide_asks_for_and_no_more() -> None:
    table = permission_table(STEPS)
    cmdlets = {need.removeprefix(EXCHANGE) for step in STEPS for need in step.needs if need.startswith(EXCHANGE)}
    asked = set(re.findall(r"`([^`]+)`", table)) - cmdlets
    assert asked == SimulatorConfig().permissions
    assert asked == graph_permissions()


def test_everything_that_is_asked_for_exists() -> None:
    assert graph_permissions() <= set(KNOWN)


@pytest.mark.parametrize("function", sorted(_outside_the_steps()))
def test_what_the_program_calls_outside_the_steps_is_asked_for(function: str) -> None:
    assert set(GRAPH_NEEDS[function]) <= graph_permissions(), f"say in services/rights.py what {function} is for"


def test_every_line_beside_the_steps_is_a_function_with_needs() -> None:
    assert set(BESIDE_THE_STEPS) <= set(GRAPH_NEEDS)
    assert all(what_for for what_for in beside_the_steps().values())
