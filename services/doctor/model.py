"""What the doctor finds: checks of the surroundings, and for each step whether it could run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a check ends. `UNKNOWN` is not good: nobody could look."""

    FAILED = "failed"
    GOOD = "good"
    UNKNOWN = "unknown"
    WARNING = "warning"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, and what to do where it is not good."""

    id: str
    title: str
    grade: Grade
    found: str
    fix: str = ""


@dataclass(frozen=True)
class StepCheck:
    """One step: what it lacks, by name. `unknown` are needs that nobody could look at."""

    id: str
    title: str
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def grade(self) -> Grade:
        if self.missing:
            return Grade.FAILED
        return Grade.UNKNOWN if self.unknown else Grade.GOOD


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was found."""

    checks: tuple[Check, ...]
    steps: tuple[StepCheck, ...]

    @property
    def fit(self) -> bool:
        """Whether nothing failed and nothing is unknown; a warning is none of the two."""
        grades = {check.grade for check in self.checks} | {step.grade for step in self.steps}
        return grades <= {Grade.GOOD, Grade.WARNING}
