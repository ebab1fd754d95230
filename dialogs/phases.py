"""The later phases: a card for each, checks and plans on demand, and asking for what a plan proposes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cards import incident_card, notice_card, phase_card, plan_card
from cards.views import (
    Button,
    ButtonStyle,
    NoticeView,
    PhaseLine,
    PhaseView,
    PlanCardView,
    PlanGroup,
    PlanItem,
    Tone,
)
from dialogs.evict import ticked
from dialogs.facts import HEART, PHASE_TITLES, Viewer, shown_state
from dialogs.parts import Parts
from dialogs.render import RULES, TONES, incident_view, person_of_subject, subject_warnings, undo_words
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services import approvals
from services.access import Permission
from services.approvals import ApprovalState, PlanKind
from services.bulk import Halt
from services.channel import Card
from services.errors import BadInput, Conflict, NotFound
from services.incidents import store, timeline
from services.incidents.model import LATER, Incident, IncidentState, Phase
from services.incidents.progress import OPEN, PLANNED, PLANNING, WAITING, Standing, is_fresh, progress_of
from services.incidents.timeline import AuditTag
from services.playbook import ENTRY_BY_ID, TASKS, by_hand
from services.playbook.halting import Steerable, steerable
from services.playbook.ledger import runs_of
from services.playbook.on_demand import PlanState, StepPlan, post_key, step_plan
from services.playbook.step import Entry, Guided, HumanTask, Plan, Risk, State, Step
from services.posts import PostKind
from services.recovery.gates import GIVING_BACK

_PURPOSES: Mapping[Phase, str] = {
    Phase.INFORM: "Tell those who must know, and warn everybody who got mail from the intruder.",
    Phase.RECOVER: "Give the account back safely, and watch it for a while.",
    Phase.STRENGTHEN: "Make the next break-in harder, for everybody.",
}
_TONES: Mapping[str, Tone] = {
    OPEN: Tone.NEUTRAL,
    PLANNED: Tone.ATTENTION,
    PLANNING: Tone.NEUTRAL,
    WAITING: Tone.WARNING,
    "watching": Tone.NEUTRAL,
}
_BUSY = frozenset({PLANNING, WAITING, State.RUNNING.value})


# -- the phase card --------------------------------------------------------------------------------------------------


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the card of a phase into the thread, once, and has its human tasks wait from then on."""
    standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    incident_id, _, name = click.id.partition("/")
    phase = next((each for each in LATER if each.value == name), None)
    if phase is None:
        raise BadInput(reason="unknown-button")
    now = parts.now()
    async with parts.database.write() as connection:
        incident = await store.get(connection, incident_id, lock=True)
        if not store.same_nonce(incident.nonce, click.nonce):
            raise BadInput(reason="stale-card")
        if incident.state is not IncidentState.OPEN:
            raise Conflict(reason="incident-closed")
        progress = await progress_of(connection, incident, parts.steps)
        if phase not in progress.opened:
            for entry in TASKS:
                if entry.phase is phase:
                    await by_hand.want_task(connection, incident, entry, parts.settings, now)
            if incident.phase not in LATER or LATER.index(incident.phase) < LATER.index(phase):
                await store.update(connection, incident.id, phase=phase.value)
            await timeline.append(
                connection,
                incident.id,
                AuditTag.PHASE_OPENED,
                at=now,
                actor_id=click.actor.object_id,
                data={"phase": phase.value},
            )
        await parts.posts.want_in_thread(
            connection, incident, f"phase:{incident.id}:{phase.value}", PostKind.PHASE, now, PHASE_TITLES[phase]
        )
    viewer = Viewer(click.actor, standing.permissions)
    notice = f"The card “{PHASE_TITLES[phase]}” stands in this thread."
    return CardAnswer(incident_card(await incident_view(parts, incident_id, viewer=viewer, notice=notice)))


async def view_of(
    parts: Parts, incident_id: str, phase: Phase, *, viewer: Viewer | None = None, notice: str | None = None
) -> PhaseView:
    """The phase as it stands. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        progress = await progress_of(connection, incident, parts.steps)
        steerables = {
            each.entry.id: await steerable(connection, each.run) for each in progress.of(phase) if each.run is not None
        }
    may = viewer.permissions if viewer else frozenset(Permission)
    is_open = incident.state is IncidentState.OPEN
    lines: list[PhaseLine] = []
    folded: list[PhaseLine] = []
    offered = {each.entry.id: _button(incident, each, may) if is_open else None for each in progress.of(phase)}
    first = _first(phase, [each for each in progress.of(phase) if offered[each.entry.id] and each.state == OPEN])
    for standing in sorted(progress.of(phase), key=lambda each: each.entry.id not in HEART.get(phase, ())):
        button = offered[standing.entry.id]
        if button is not None and standing is first:
            button = Button(button.title, button.verb, button.id, button.nonce, ButtonStyle.POSITIVE)
        steering = _steering(incident, standing, steerables.get(standing.entry.id), may) if is_open else ()
        state = shown_state(standing.entry.id, standing.state)
        alone = standing.entry.id in GIVING_BACK and standing.state == OPEN
        (folded if alone else lines).append(
            PhaseLine(
                title=standing.entry.title,
                state=state,
                tone=_TONES[state] if state in _TONES else TONES[State(state)],
                reason=standing.reason,
                who=standing.who,
                at=standing.at,
                buttons=steering if button is None else (button,),
            )
        )
    return PhaseView(
        incident_number=incident.label,
        title=PHASE_TITLES[phase],
        purpose=_PURPOSES[phase],
        subject=person_of_subject(incident.subject),
        lines=tuple(lines),
        folded=tuple(folded),
        closed=not is_open,
        notice=notice,
    )


def _first(phase: Phase, doable: Sequence[Standing]) -> Standing | None:
    """What stands out: what the phase is about, or else the first of the rest."""
    return next((each for each in doable if each.entry.id in HEART.get(phase, ())), next(iter(doable), None))


async def shown(
    parts: Parts, target: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> CardAnswer | None:
    """The phase card that a click with this id (`incident/entry`) came from; None where it came from none."""
    incident_id, _, entry_id = target.partition("/")
    entry = _entry(parts, entry_id)
    if entry is None or entry.phase not in LATER:
        return None
    return CardAnswer(phase_card(await view_of(parts, incident_id, entry.phase, viewer=viewer, notice=notice)))


def _button(incident: Incident, standing: Standing, may: frozenset[Permission]) -> Button | None:
    """What can be done about this entry now by somebody who may do this much."""
    entry, target = standing.entry, f"{incident.id}/{standing.entry.id}"
    if entry.may_run not in may:
        return None
    if isinstance(entry, Guided):
        return Button(entry.button, entry.opens, target, incident.nonce) if entry.opens in set(Verb) else None
    if standing.state in _BUSY:
        return None
    if isinstance(entry, HumanTask):
        return None if standing.ended else Button("Open task…", Verb.TASK_SHOW, target, incident.nonce)
    nonce = _nonce(incident, standing.plan)
    again = standing.plan is not None or standing.run is not None
    if entry.risk is Risk.READ:
        return Button("Check again" if again else "Check", Verb.STEP_CHECK, target, nonce)
    return Button("Plan again…" if again else "Plan…", Verb.STEP_PLAN, target, nonce)


def _steering(
    incident: Incident, standing: Standing, stands: Steerable | None, may: frozenset[Permission]
) -> tuple[Button, ...]:
    """The buttons of a step that works off long lists: each belongs to the run that it steers."""
    if stands is None or standing.entry.may_run not in may:
        return ()
    target = f"{incident.id}/{standing.entry.id}"
    stop = Button("Stop here", Verb.STEP_STOP, target, stands.nonce)
    if stands.halt is Halt.PAUSED:
        return Button("Go on", Verb.STEP_RESUME, target, stands.nonce, ButtonStyle.POSITIVE), stop
    return Button("Pause", Verb.STEP_PAUSE, target, stands.nonce), stop


def _nonce(incident: Incident, plan: StepPlan | None) -> str:
    """A button asks for a plan once: the next one belongs to the plan that has been drawn since."""
    return plan.nonce if plan is not None else incident.nonce


def _entry(parts: Parts, entry_id: str) -> Entry | None:
    own = next((step for step in parts.steps if step.id == entry_id), None)
    return own or ENTRY_BY_ID.get(entry_id)


# -- checking and planning -------------------------------------------------------------------------------------------


async def check(parts: Parts, click: Click) -> Answer:
    """Starts a check."""
    return await _begin(parts, click, reads=True)


async def plan(parts: Parts, click: Click) -> Answer:
    """Starts drawing the plan of a step; it is posted when it is ready."""
    return await _begin(parts, click, reads=False)


async def _begin(parts: Parts, click: Click, *, reads: bool) -> Answer:
    incident, step = await step_of(parts, click.id)
    if (step.risk is Risk.READ) is not reads:
        raise BadInput(reason="unknown-button")
    standing = await parts.access.require(
        click.actor, step.may_run, click.conversation, incident_id=incident.id, harmless=True
    )
    async with parts.database.read() as connection:
        row = await step_plan(connection, incident.id, step.id)
    if not store.same_nonce(_nonce(incident, row), click.nonce):
        raise BadInput(reason="stale-card")
    await parts.on_demand.begin(incident.id, step.id, click.actor)
    viewer = Viewer(click.actor, standing.permissions)
    return CardAnswer(phase_card(await view_of(parts, incident.id, step.phase, viewer=viewer)))


async def step_of(parts: Parts, target: str) -> tuple[Incident, Step]:
    """The incident and the step of a button. Raises NotFound and BadInput."""
    incident_id, _, step_id = target.partition("/")
    step = next((each for each in parts.steps if each.id == step_id), None)
    if step is None:
        raise BadInput(reason="unknown-button")
    async with parts.database.read() as connection:
        return await store.get(connection, incident_id), step


# -- the plan card ---------------------------------------------------------------------------------------------------


async def plan_answer(parts: Parts, key: str) -> Card:
    """The card of the post with this key: the plan while it can be asked for, and else a word about it."""
    _, incident_id, step_id, nonce = key.split(":")
    incident, step = await step_of(parts, f"{incident_id}/{step_id}")
    async with parts.database.read() as connection:
        newest = await approvals.newest_of(connection, incident.id)
    try:
        row = await _fresh(parts, incident, step, nonce)
    except (BadInput, NotFound):
        return _about_plan(step, "This plan has had its time. How the step stands is on the phase's card.")
    if incident.state is not IncidentState.OPEN:
        return _about_plan(step, "The incident is closed.")
    asked = newest is not None and newest.kind is PlanKind.STEPS and step.id in newest.plans
    if asked and newest is not None and newest.state in {ApprovalState.WAITING, ApprovalState.APPROVED}:
        return _about_plan(step, "It was asked for. Decide on the incident's card.")
    return _plan_card(parts, incident, step, row)


def _about_plan(step: Step, words: str) -> Card:
    return notice_card(NoticeView(title=step.title, text=words))


def _plan_card(parts: Parts, incident: Incident, step: Step, row: StepPlan) -> Card:
    target, changes = f"{incident.id}/{step.id}", row.plan.changes
    buttons = [Button("Ask for what is ticked…", Verb.STEP_ASK, target, row.nonce, ButtonStyle.POSITIVE)]
    if len(changes) > 1:
        buttons.append(Button(f"Ask for all {len(changes):,}…", Verb.STEP_ASK_ALL, target, row.nonce))
    rule = parts.rules.rule(PlanKind.STEPS, [step.id], incident.subject)
    return plan_card(
        PlanCardView(
            incident_number=incident.label,
            title=step.title,
            subject=person_of_subject(incident.subject),
            groups=(
                PlanGroup(
                    input_id=step.id,
                    title="1 change" if len(changes) == 1 else f"{len(changes):,} changes",
                    undo=undo_words(step),
                    items=tuple(
                        PlanItem(str(position), change.what, change.before, change.after)
                        for position, change in enumerate(changes)
                    ),
                ),
            ),
            rule=RULES[rule],
            warnings=tuple(subject_warnings(incident.subject)),
            buttons=tuple(buttons),
        )
    )


async def _fresh(parts: Parts, incident: Incident, step: Step, nonce: str) -> StepPlan:
    """The plan that can be asked for. Raises BadInput where it has been drawn again, or run, since."""
    async with parts.database.read() as connection:
        row = await step_plan(connection, incident.id, step.id)
        runs = [run for run in await runs_of(connection, incident.id) if run.step_id == step.id]
    if row is None or not store.same_nonce(row.nonce, nonce):
        raise BadInput(reason="stale-card")
    if row.state is not PlanState.READY or not row.plan.changes or not is_fresh(row, runs[-1] if runs else None):
        raise BadInput(reason="stale-card")
    return row


async def ask(parts: Parts, click: Click) -> Answer:
    """Asks for the changes that are ticked."""
    return await _ask(parts, click, every=False)


async def ask_all(parts: Parts, click: Click) -> Answer:
    """Asks for every change of the plan, those that did not fit the card too."""
    return await _ask(parts, click, every=True)


async def _ask(parts: Parts, click: Click, *, every: bool) -> Answer:
    incident, step = await step_of(parts, click.id)
    await parts.access.require(click.actor, step.may_run, click.conversation, incident_id=incident.id)
    row = await _fresh(parts, incident, step, click.nonce)
    wanted: dict[str, Plan] = {step.id: row.plan} if every else ticked({step.id: row.plan}, click.inputs)
    asked = await parts.approvals.ask(
        incident.id, incident.nonce, click.actor, click.conversation, kind=PlanKind.STEPS, plans=wanted
    )
    if asked.kind is not PlanKind.STEPS or set(asked.plans) != {step.id}:
        raise Conflict(reason="other-question-waits")
    return CardAnswer(await plan_answer(parts, post_key(incident.id, step.id, row.nonce)))
