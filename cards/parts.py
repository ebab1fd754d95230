"""What the incident card and the approval card share: the person, the warnings, the exact changes, the approval."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import Element, Part, badge, columns, heading, section, shortlist, small_print, text, when
from cards.states import TONE_SYMBOLS, approval_look
from cards.views import ApprovalBox, ChangeLine, PersonLine, Tone

SEPARATOR = " · "


def separated(*values: str | None) -> str:
    """Those that are there, with a dot between them."""
    return SEPARATOR.join(value for value in values if value)


def person(line: PersonLine, *, size: str = "large") -> list[Element]:
    """An account as a responder must recognise it: name, address, work, kind."""
    rows = [text(line.name, bold=True, size=size, spacing="none"), text(line.upn, spacing="none")]
    work = separated(line.job_title, line.department)
    if work:
        rows.append(text(work, subtle=True, spacing="none"))
    if line.kinds:
        rows.append(text(separated(*line.kinds), subtle=True, spacing="none"))
    return rows


def warnings(lines: Sequence[str], limit: int) -> list[Element]:
    """What makes this account special, before anybody presses anything."""
    if not lines:
        return []
    symbol = TONE_SYMBOLS[Tone.ATTENTION]
    drawn = [
        columns(
            ("auto", [text(symbol, bold=True, tone=Tone.ATTENTION, spacing="none")]),
            ("stretch", [text(line, bold=True, spacing="none")]),
        )
        for line in lines
    ]
    return [section(shortlist(drawn, limit), tone=Tone.WARNING, spacing="medium")]


def changes(lines: Sequence[ChangeLine], limit: int) -> list[Element]:
    """Each exact change: what, from what to what, and whether it can be taken back."""
    drawn: list[Element] = []
    for line in lines:
        drawn.append(
            section(
                [
                    text(line.what, bold=True, spacing="none"),
                    text(line.before, " → ", line.after, spacing="none"),
                    text(separated(line.step_title, line.undo), size="small", subtle=True, spacing="none"),
                ],
                spacing="small",
            )
        )
    return shortlist(drawn, limit)


def approval(box: ApprovalBox) -> list[Element]:
    """What is asked, by whom, who may decide and until when; or how it was decided."""
    look, tone = approval_look(box.state)
    rows = [heading(box.title), badge(look.symbol, look.word, tone)]
    if box.state == "waiting":
        if box.waiting_for:
            rows.append(text("Who can decide: ", ", ".join(box.waiting_for), spacing="none"))
        rows.append(text("Rule: ", box.rule, spacing="none"))
    asked: list[Part] = ["Asked for by ", box.requester]
    if box.state == "waiting" and box.expires_at is not None:
        asked += [SEPARATOR, "valid until ", when(box.expires_at)]
    elif box.decided_by:
        asked += [SEPARATOR, f"{look.word} by ", box.decided_by]
        if box.decided_at is not None:
            asked += [SEPARATOR, when(box.decided_at)]
    rows.append(small_print(*asked))
    return rows
