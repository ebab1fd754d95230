"""What a step could not read beside what it read, in words, and whether that leaves the step "not evaluated"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.errors import IRBotError, MissingLicence
from services.plain_words import explain
from services.playbook.step import State


@dataclass(frozen=True)
class Gap:
    """One thing that was not read. `owned` is false where the organisation has no licence for it.

    What nobody can read here is said, and a check is done without it; any other gap can be closed by somebody.
    """

    words: str
    owned: bool = True


def gap(what: str, error: IRBotError) -> Gap:
    """`what` is a whole sentence; the reason follows it."""
    return Gap(f"{what} {explain(error).what}", owned=not isinstance(error, MissingLicence))


def state_with(gaps: Sequence[Gap]) -> State:
    """How a check ends that read all else."""
    return State.NOT_EVALUATED if any(each.owned for each in gaps) else State.DONE


def words_of(gaps: Sequence[Gap]) -> str:
    """All of them as one text; empty without any."""
    return " ".join(each.words for each in gaps)
