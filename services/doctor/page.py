"""The diagnosis as text for a terminal, and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from services.doctor.model import Check, Diagnosis, Grade, StepCheck

_MARKS = {Grade.FAILED: "FAILED ", Grade.GOOD: "good   ", Grade.UNKNOWN: "UNKNOWN", Grade.WARNING: "warning"}


def as_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Line by line: the surroundings, then each step with what it lacks."""
    for check in diagnosis.checks:
        yield from _check(check)
    yield ""
    for step in diagnosis.steps:
        yield _step(step)
    lacking = sorted({need for step in diagnosis.steps for need in step.missing})
    yield ""
    if lacking:
        yield f"Missing in all: {', '.join(lacking)}."
        yield "`python app.py grant` prints the commands that grant them."
    yield "IRBot can do its work." if diagnosis.fit else "IRBot can NOT do all of its work."


def _check(check: Check) -> Iterator[str]:
    yield f"{_MARKS[check.grade]}  {check.title}: {check.found}"
    if check.fix and check.grade is not Grade.GOOD:
        yield f"{' ' * 9}{check.fix}"


def _step(step: StepCheck) -> str:
    line = f"{_MARKS[step.grade]}  {step.title}"
    if step.missing:
        line += f": without {', '.join(step.missing)}"
    elif step.unknown:
        line += f": nobody could look at {', '.join(step.unknown)}"
    return line


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Plain JSON."""
    return {
        "fit": diagnosis.fit,
        "checks": [asdict(check) for check in diagnosis.checks],
        "steps": [{**asdict(step), "grade": step.grade} for step in diagnosis.steps],
    }
