"""Review the Secure Score: what would close the most doors for everybody, with its effect and the way there."""

from __future__ import annotations

import html
import re

from services.access import Permission
from services.incidents.model import Phase
from services.microsoft365.scores import Recommendation, SecureScore
from services.playbook.step import (
    Context,
    Finding,
    NoUndo,
    Outcome,
    Plan,
    Risk,
    Rule,
    Severity,
    State,
    Step,
    Todo,
    general_words,
)
from services.together import together

_MOST = 10
_TASKS = 5
_LONGEST_TEXT = 900
_MUCH = 5.0  # points
_BREAK = re.compile(r"<\s*(?:br|/p|/li|/div|/h\d)\b[^>]*>", re.IGNORECASE)
_MARK = re.compile(r"<[^>]*>")


async def plan(ctx: Context) -> Plan:
    """The recommendations with points still to be had, in Microsoft's own order; the first ones become tasks."""
    score, found = await together(ctx.m365.scores.latest(), ctx.m365.scores.recommendations(_MOST))
    if score is None:
        words = "Microsoft has not counted a Secure Score for this organisation yet. It does so once a day."
        return Plan(settled=Outcome(State.NOT_EVALUATED, words))
    return Plan(
        settled=Outcome(State.DONE, _words(score, found)),
        evidence={"score": {"current": score.current, "highest": score.highest, "controls": dict(score.controls)}},
        findings=tuple(_finding(each) for each in found),
        todo=tuple(_todo(each) for each in found[:_TASKS]),
    )


def _words(score: SecureScore, found: tuple[Recommendation, ...]) -> str:
    counted = f" of {score.at:%d %b %Y}" if score.at is not None else ""
    words = f"Secure Score{counted}: {score.current:g} of {score.highest:g} points ({score.percent} %)."
    if not found:
        return f"{words} Nothing is recommended."
    gain = sum(each.gain for each in found)
    return f"{words} The first {len(found)} recommendations would add {gain:g} points; the top {_TASKS} are tasks."


def _finding(each: Recommendation) -> Finding:
    reasons = [f"{each.gain:g} of {each.highest:g} points still to be had"]
    if each.effort:
        reasons.append(f"Effort: {each.effort.lower()}")
    if each.impact_on_users:
        reasons.append(f"Effect on people: {each.impact_on_users.lower()}")
    return Finding(
        key=f"control:{each.id}",
        severity=Severity.WARNING if each.gain >= _MUCH else Severity.NOTE,
        title=f"{each.title}: {each.gain:g} points",
        reasons=(*reasons, *_how(each)),
        data={"control": each.id, "gain": each.gain, "service": each.service},
    )


def _todo(each: Recommendation) -> Todo:
    title = f"{each.title} ({each.gain:g} points)"
    return Todo(f"control:{each.id}", title, (*_how(each), *_link(each)), organisation=True)


def _how(each: Recommendation) -> tuple[str, ...]:
    """Microsoft's words on what to do, without their markup."""
    text = html.unescape(_MARK.sub("", _BREAK.sub("\n", each.remediation)))
    whole = " ".join(text.split())
    if not whole:
        return ("Microsoft says how in the Defender portal, under Secure Score.",)
    return (whole if len(whole) <= _LONGEST_TEXT else f"{whole[: _LONGEST_TEXT - 1]}…",)


def _link(each: Recommendation) -> tuple[str, ...]:
    return (each.url,) if each.url.startswith("https://") else ()


STEP = Step(
    id="review-secure-score",
    seed=(),
    phase=Phase.STRENGTHEN,
    title="Review the Secure Score",
    why="What Microsoft recommends most closes doors for everybody.",
    reads=("secure score", "secure score control profiles"),
    changes=(),
    needs=("SecurityEvents.Read.All",),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=general_words,
)
