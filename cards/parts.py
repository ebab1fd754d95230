"""What the incident card and the approval card share: the person, the warnings, the exact changes, the approval."""

from __future__ import annotations

from collections.abc import Sequence

from cards.elements import Element, Part, badge, columns, heading, section, shortlist, small_print, strong, text, when
from cards.states import TONE_SYMBOLS, Look, approval_look
from cards.views import ApprovalBox, ChangeLine, PersonLine, Tone

SEPARATOR = " · "
MAX_NAMES = 5
MAX_BESIDE = 12


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
            ("auto", [text(symbol, bold=True, spacing="none")]),
            ("stretch", [text(line, bold=True, spacing="none")]),
        )
        for line in lines
    ]
    return [section(shortlist(drawn, limit), tone=Tone.WARNING, spacing="medium")]


def changes(lines: Sequence[ChangeLine], limit: int) -> list[Element]:
    """Each exact change: what, from what to what, and whether it can be taken back."""
    drawn = [
        section(
            [
                text(strong(line.what), " ", line.before, " → ", line.after, spacing="none"),
                text(separated(line.step_title, line.undo), size="small", subtle=True, spacing="none"),
            ],
            spacing="small",
        )
        for line in lines
    ]
    return shortlist(drawn, limit)


def pending(box: ApprovalBox) -> list[Element]:
    """What is asked, by whom, who may decide and until when."""
    look, tone = approval_look(box.state)
    rows = [titled(heading(box.title, spacing="none"), look, tone)]
    if box.waiting_for:
        named = [*box.waiting_for[:MAX_NAMES], *_rest(len(box.waiting_for) - MAX_NAMES)]
        rows.append(text("Who can decide: ", ", ".join(named), spacing="none"))
    rows.append(text("Rule: ", box.rule, spacing="none"))
    asked: list[Part] = ["Asked for by ", box.requester]
    if box.expires_at is not None:
        asked += [SEPARATOR, "valid until ", when(box.expires_at)]
    rows.append(small_print(*asked))
    return rows


def decided(box: ApprovalBox) -> list[Element]:
    """How it was decided, in one line, and who had asked."""
    look, _ = approval_look(box.state)
    line: list[Part] = [f"{look.symbol} ", strong(box.title), f" {look.word.lower()}"]
    if box.decided_by:
        line += [" by ", box.decided_by]
    if box.decided_at is not None:
        line += [SEPARATOR, when(box.decided_at)]
    return [text(*line), small_print("Asked for by ", box.requester)]


def titled(title: Element, look: Look, tone: Tone) -> Element:
    """A title with its state: beside it where the state is a short word, below it where a phone would squeeze both."""
    state = badge(look.symbol, look.word, tone)
    if len(look.word) > MAX_BESIDE:
        return section([title, state], spacing="none")
    return columns(("stretch", [title]), ("auto", [state]))


def _rest(count: int) -> list[str]:
    return [f"{count} more"] if count > 0 else []
