"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dialogs.commands import COMMANDS
from services.playbook import STEPS
from services.settings import Settings
from tools.docs import GUIDE, permission_table, with_table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_permission_table_is_the_one_of_the_steps() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    assert with_table(guide, permission_table(STEPS)) == guide, "run: python -m tools.docs"


def test_a_guide_without_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_table("# A guide", "| a |")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"IRBOT_([A-Z_]*[A-Z])", document.read_text(encoding="utf-8")))
    assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_local_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)|src=\"(?!https?:)([^\"]+)\"", document.read_text(encoding="utf-8"))
    for link in (one or other for one, other in links):
        assert (document.parent / link).exists(), link


def test_the_responder_guide_names_every_command() -> None:
    guide = (ROOT / "docs" / "responder.md").read_text(encoding="utf-8")
    for row in COMMANDS:
        assert row.name in guide
