"""Writes the permission table of the administrator guide from the steps' declarations: `python -m tools.docs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from services.playbook import STEPS
from services.playbook.step import Rule, Step
from services.rights import EXCHANGE, beside_the_steps

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "administrator.md"
BEGIN, END = "<!-- permissions: begin -->", "<!-- permissions: end -->"
_RULES = {Rule.NONE: "none, it only reads", Rule.CONFIRM: "the asker confirms", Rule.SECOND_PERSON: "a second person"}


def permission_table(steps: Sequence[Step]) -> str:
    """One line a step: what it is for, what it needs, and who must say yes; then what the program needs itself."""
    lines = ["| step | why | Graph application permissions | Exchange cmdlets | approval |", "|---|---|---|---|---|"]
    for step in steps:
        graph = [f"`{need}`" for need in step.needs if not need.startswith(EXCHANGE)]
        exchange = [f"`{need.removeprefix(EXCHANGE)}`" for need in step.needs if need.startswith(EXCHANGE)]
        cells = (step.title, step.why, ", ".join(graph), ", ".join(exchange), _RULES[step.approval])
        lines.append(f"| {' | '.join(cell or '–' for cell in cells)} |")  # noqa: RUF001  # a dash for an empty cell
    lines += ["", "IRBot needs these beside the steps:", "", "| Graph application permission | for |", "|---|---|"]
    lines += [f"| `{permission}` | {'; '.join(what_for)} |" for permission, what_for in beside_the_steps().items()]
    return "\n".join(lines)


def with_table(guide: str, table: str) -> str:
    """The guide with its table replaced. Raises ValueError where the marks are missing."""
    head, begin, rest = guide.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{GUIDE.name} has lost the marks of its table")
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


if __name__ == "__main__":
    GUIDE.write_text(with_table(GUIDE.read_text(encoding="utf-8"), permission_table(STEPS)), encoding="utf-8")
