"""What the incident card and the approval card share: the person, the warnings, the exact changes, the approval."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import (
    MAX_DETAIL,
    MAX_NAME,
    Element,
    Part,
    heading,
    section,
    shortened,
    shortlist,
    small_print,
    strong,
    text,
    when,
)
from cards.states import TONE_SYMBOLS, approval_look
from cards.views import ApprovalBox, ChangeLine, PersonLine, Tone

SEPARATOR = " · "
MAX_NAMES = 5
MAX_WARNINGS = 6


def separated(*values: str | None) -> str:
    """Those that are there, with a dot between them."""
    return SEPARATOR.join(value for value in values if value)


def person(line: PersonLine, *, size: str = "large") -> list[Element]:
    """An account as a responder must recognise it: name, address, work, kind."""
    rows = [
        text(line.name, bold=True, size=size, spacing="none", limit=MAX_NAME),
        text(line.upn, spacing="none"),
    ]
    for about in (separated(line.job_title, line.department), separated(*line.kinds)):
        if about:
            rows.append(text(about, subtle=True, spacing="none"))
    return rows


def warnings(lines: Sequence[str]) -> list[Element]:
    """What makes this account special, before anybody presses anything."""
    if not lines:
        return []
    drawn = [text(f"{TONE_SYMBOLS[Tone.ATTENTION]} ", line, bold=True) for line in lines]
    return [section(shortlist(drawn, MAX_WARNINGS), tone=Tone.WARNING, spacing="medium")]


def changes(lines: Sequence[ChangeLine], limit: int) -> list[Element]:
    """Each exact change: what, from what to what. What step it is of and whether it can be taken back stands once."""
    kept = lines[:limit]
    drawn: list[Element] = []
    for index, line in enumerate(kept):
        rows = [
            text(
                *(strong(line.what, MAX_DETAIL), " ", line.before, " → ", line.after), spacing="none", limit=MAX_DETAIL
            )
        ]
        before, after = kept[index - 1 : index], kept[index + 1 : index + 2]
        note = text(separated(line.step_title, line.undo), size="small", subtle=True, spacing="none", limit=MAX_DETAIL)
        if not _same_step(line, before):
            rows = [note, *rows] if _same_step(line, after) else [*rows, note]
        drawn.append(section(rows, spacing="none" if _same_step(line, before) else "small"))
    return shortlist(drawn, len(drawn), len(lines) - len(kept))


def _same_step(line: ChangeLine, others: Sequence[ChangeLine]) -> bool:
    return any((line.step_title, line.undo) == (other.step_title, other.undo) for other in others)


def pending(box: ApprovalBox, *, size: str = "medium") -> list[Element]:
    """What is asked, by whom, who may decide and until when."""
    look, _ = approval_look(box.state)
    named = [shortened(name, MAX_NAME // 2) for name in box.waiting_for[:MAX_NAMES]]
    rest = len(box.waiting_for) - len(named)
    awaited = ", ".join([*named, f"{rest} more"] if rest else named) or "a decision"
    rows = [
        heading(box.title, size=size, spacing="none"),
        text(f"{look.symbol} {look.word} for ", awaited, spacing="none"),
        text("Rule: ", box.rule, spacing="none"),
    ]
    asked: list[Part] = ["Asked for by ", box.requester]
    if box.expires_at is not None:
        asked += [SEPARATOR, "valid until ", when(box.expires_at)]
    rows.append(small_print(*asked))
    return rows


def decided(box: ApprovalBox) -> list[Part]:
    """How it was decided and who had asked, in one line."""
    look, _ = approval_look(box.state)
    line: list[Part] = [f"{look.symbol} ", strong(box.title, MAX_NAME), f" {look.word.lower()}"]
    if box.decided_by:
        line += [" by ", box.decided_by]
    if box.decided_at is not None:
        line += [SEPARATOR, when(box.decided_at)]
    return [*line, SEPARATOR, "asked for by ", box.requester]
