"""What holds for the whole playbook: steps, human tasks and guided steps together."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from services.access import POLICY
from services.incidents.model import LATER
from services.playbook import ENTRY_BY_ID, GUIDED, PLAYBOOK, STEPS, TASKS
from services.playbook.step import Entry, Guided, HumanTask

ROOT = Path(__file__).resolve().parents[3]


def each(entries: tuple[Entry, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.id)


def test_every_step_of_the_source_is_covered() -> None:
    assert {number for entry in PLAYBOOK for number in entry.seed} == set(range(1, 17))


def test_ids_are_unique_and_every_entry_is_of_one_kind() -> None:
    assert max(Counter(entry.id for entry in PLAYBOOK).values()) == 1
    assert len(STEPS) + len(TASKS) + len(GUIDED) == len(PLAYBOOK) == len(ENTRY_BY_ID)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", entry.id) for entry in PLAYBOOK)


def test_there_is_something_in_every_later_phase() -> None:
    assert {entry.phase for entry in PLAYBOOK} >= set(LATER)


@each((*TASKS, *GUIDED))
def test_what_people_do_says_what_they_must_know(entry: HumanTask | Guided) -> None:
    assert entry.phase in LATER
    assert len(entry.title) <= 45
    assert entry.why.endswith(".")
    assert any(entry.may_run in allowed for allowed in POLICY.values())


@each(TASKS)
def test_a_human_task_lives_in_the_file_of_its_name_and_explains_itself(entry: HumanTask) -> None:
    assert (ROOT / "services" / "playbook" / f"{entry.id.replace('-', '_')}.py").is_file()
    assert entry.instructions
    assert all(line.strip() == line and line.endswith(".") for line in entry.instructions)


def test_a_task_that_nobody_explains_is_refused() -> None:
    with pytest.raises(ValueError, match="explains"):
        HumanTask("x", (), LATER[0], "X", "Because.", (), TASKS[0].may_run)
