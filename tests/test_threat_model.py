"""Each answer of the threat model has a proof, and each proof that it names is a test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODEL = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
_PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _section(title: str) -> str:
    return MODEL.split(f"## {title}\n")[1].split("\n## ")[0]


def _answers() -> list[list[str]]:
    """The cells of each line of the table, without its head."""
    lines = [line for line in _section("Threats and answers").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


PROOFS = sorted(set(_PROOF.findall(MODEL)))


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_every_answer_has_a_proof() -> None:
    answers = _answers()
    assert len(answers) > 20
    for cells in answers:
        assert len(cells) == 3, cells
        threat, answer, proof = cells
        assert threat.endswith(".")
        assert answer.endswith(".")
        assert _PROOF.findall(proof), threat
        assert not _PROOF.sub("", proof).strip(" ,"), f"not a test: {proof}"


@pytest.mark.parametrize(("path", "name"), PROOFS, ids=lambda each: each)
def test_every_proof_is_a_test(path: str, name: str) -> None:
    assert name in _tests_in(path)


def test_what_is_not_answered_is_said() -> None:
    gaps = re.findall(r"^- \*\*", _section("What nothing here answers"), re.MULTILINE)
    assert len(gaps) >= 5
