"""What the rules of the verdict look at, and what they say: claims, each with the checks behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.approvals import plans_from_json
from services.incidents.entry import SIGN_INS
from services.incidents.model import Incident, Phase
from services.playbook import ENTRY_BY_ID
from services.playbook.ledger import Effect, Found, Run, RunKind
from services.playbook.step import Plan, Risk, Severity, State, Step
from services.tasks import Task

BLOCK, CONSENTS = "block-sign-in", "revoke-app-consents"
SENT_MAIL, ACTIVITY, EXPOSURE = "trace-sent-mail", "review-activity", "assess-exposure"
# What would find mail that leaves by itself, and what would find a way back in.
LEAKS = ("check-forwarding", "check-inbox-rules", "check-mail-flow")
LASTING = ("check-delegates", "check-devices", "check-forwarding", "check-inbox-rules", "check-mail-flow")
GOOD_ENDS = frozenset({State.ALREADY_SO, State.DONE})
FEW = 3


class Topic(StrEnum):
    """What a claim is about; alphabetised."""

    DID = "did"
    ENTRY = "entry"
    FOUND = "found"
    HAPPENED = "happened"
    OPEN = "open"
    SENT = "sent"
    SINCE = "since"


# The checks that a claim would need, to be whole.
RESTS_ON: Mapping[Topic, tuple[str, ...]] = {
    Topic.DID: (ACTIVITY, *LEAKS, EXPOSURE),
    Topic.ENTRY: (SIGN_INS,),
    Topic.FOUND: (),
    Topic.HAPPENED: (),
    Topic.OPEN: LASTING,
    Topic.SENT: (SENT_MAIL,),
    Topic.SINCE: (SIGN_INS, ACTIVITY),
}


@dataclass(frozen=True)
class Claim:
    """One sentence. `by` are the titles of the checks it comes from; `not_evaluated` those that it lacks."""

    topic: Topic
    text: str
    by: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    at: datetime | None = None
    not_evaluated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gap:
    """A check that was not, or not wholly, made, and why."""

    step_id: str
    title: str
    reason: str


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    incident: Incident
    steps: Mapping[str, Step]
    latest: Mapping[str, Run]  # the newest run of each step
    applied: tuple[tuple[Run, Sequence[Effect]], ...]  # the newest run of each step that changes something
    proposed: Mapping[str, Plan]
    findings: tuple[Found, ...]
    gaps: tuple[Gap, ...]
    tasks: tuple[Task, ...] = ()  # what people do by hand

    @property
    def loud(self) -> tuple[Found, ...]:
        """What is more than a note, whether it is still there or not: it happened."""
        return tuple(each for each in self.findings if each.finding.severity is not Severity.NOTE)

    def of(self, *step_ids: str) -> tuple[Found, ...]:
        """The loud findings of these steps."""
        return tuple(each for each in self.loud if each.step_id in step_ids)

    def title(self, step_id: str) -> str:
        """A step's title; one that this playbook does not have yet goes by its id."""
        step = self.steps.get(step_id) or ENTRY_BY_ID.get(step_id)
        return step.title if step else step_id.replace("-", " ").capitalize()

    def titles(self, found: Iterable[Found]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.title(each.step_id) for each in found))

    def lacks(self, *step_ids: str) -> tuple[str, ...]:
        """The titles of those among these steps that were not evaluated."""
        return tuple(gap.title for gap in self.gaps if gap.step_id in step_ids)

    def was_made(self, step_id: str) -> bool:
        """Whether a check could look everywhere it had to."""
        run = self.latest.get(step_id)
        return run is not None and run.state is State.DONE and not self.lacks(step_id)

    def claim(
        self,
        topic: Topic,
        text: str,
        found: Iterable[Found] = (),
        why: tuple[str, ...] = (),
        at: datetime | None = None,
    ) -> Claim:
        return Claim(topic, text, self.titles(found), why, at, self.lacks(*RESTS_ON[topic]))


def case_of(
    incident: Incident,
    steps: Iterable[Step],
    runs: Sequence[Run],
    findings: Sequence[Found],
    effects: Mapping[str, Sequence[Effect]],
    tasks: Sequence[Task] = (),
) -> Case:
    """All that is known of an incident. `runs` are in the order in which they began; `effects` go by a run's id."""
    changing = {run.step_id: run for run in runs if run.kind is not RunKind.READ}
    case = Case(
        incident=incident,
        steps={step.id: step for step in steps},
        latest={run.step_id: run for run in runs},
        applied=tuple((run, effects.get(run.id, ())) for run in changing.values()),
        proposed=plans_from_json(incident.eviction.get("steps", {})),
        findings=tuple(findings),
        gaps=(),
        tasks=tuple(tasks),
    )
    return replace(case, gaps=tuple(_gaps(case)))


def _gaps(case: Case) -> Iterable[Gap]:
    """Checks of this round that did not end well, those that nobody made, and proposals that could not be drawn up."""
    needed = {step_id for steps in RESTS_ON.values() for step_id in steps}
    checks = [step.id for step in case.steps.values() if step.phase is Phase.SCOPE and step.risk is Risk.READ]
    for step_id in (*checks, *sorted(needed - set(checks))):
        run = case.latest.get(step_id)
        if run is None:
            yield Gap(step_id, case.title(step_id), "This check was not made.")
        elif run.state is State.RUNNING:
            yield Gap(step_id, case.title(step_id), "It is not finished yet.")
        elif run.state not in GOOD_ENDS:
            yield Gap(step_id, case.title(step_id), run.reason or "It gave no reason.")
    for step_id, plan in case.proposed.items():
        if plan.settled is not None and plan.settled.state not in GOOD_ENDS and step_id not in case.latest:
            yield Gap(step_id, case.title(step_id), plan.settled.reason)
