"""Giving an account back: the gate's card, checking it, waiving a line, and asking for everything behind it."""

from __future__ import annotations

from collections.abc import Iterable

from cards import gate_card
from cards.views import Button, ButtonStyle, GateLine, GateView, Tone
from dialogs import phases
from dialogs.evict import asked, plan_of_items, ticked
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import person_of_subject, subject_warnings
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services import approvals
from services.access import Permission
from services.approvals import Approval, ApprovalState, PlanKind
from services.errors import BadInput, Conflict
from services.incidents import store
from services.incidents.model import Incident, IncidentState
from services.playbook.gate import Gate, Line, LineState
from services.playbook.ledger import runs_of
from services.posts import PostKind
from services.recovery.gates import UNLOCK, Checked, GateState, gate_as_kept, newest
from services.recovery.looks import is_given_back

LINE, REASON = "line", "reason"
_TITLE = "Give the account back"


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the gate's card into the thread, and looks for the first time where nobody has."""
    incident_id = click.id.partition("/")[0]
    standing = await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, harmless=True)
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        checked = await newest(connection, incident_id)
    if not store.same_nonce(incident.nonce, click.nonce):
        raise BadInput(reason="stale-card")
    if checked is None:
        await parts.gates.start(incident_id, click.actor, click.conversation)
    async with parts.database.write() as connection:
        checked = await newest(connection, incident_id)
        await parts.posts.want_in_thread(
            connection,
            incident,
            f"gate:{incident_id}:{checked.nonce if checked else ''}",
            PostKind.GATE,
            parts.now(),
            "the gate",
        )
    viewer = Viewer(click.actor, standing.permissions)
    notice = "The card of the gate stands in this thread."
    shown = await phases.shown(parts, click.id, viewer=viewer, notice=notice)
    return shown or CardAnswer(gate_card(await view_of(parts, incident_id, viewer=viewer)))


async def check(parts: Parts, click: Click) -> Answer:
    """Looks at everything again."""
    await parts.gates.start(click.id, click.actor, click.conversation, click.nonce)
    return CardAnswer(gate_card(await view_of(parts, click.id)))


async def waive(parts: Parts, click: Click) -> Answer:
    """An approver answers for one line, with a reason."""
    line, reason = click.inputs.get(LINE, ""), click.inputs.get(REASON, "")
    await parts.gates.waive(click.id, click.nonce, click.actor, click.conversation, line, reason)
    return CardAnswer(gate_card(await view_of(parts, click.id)))


async def give_back(parts: Parts, click: Click) -> Answer:
    """Puts the plan of the whole giving back into the thread, every item to be chosen or left out."""
    plans = await parts.gates.plan(click.id, click.nonce, click.actor, click.conversation)
    if not any(plan.changes for plan in plans.values()):
        words = [plan.settled.reason for step_id, plan in plans.items() if plan.settled and step_id == UNLOCK]
        return CardAnswer(gate_card(await view_of(parts, click.id, notice=" ".join(words))))
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
    button = Button("Ask for what is ticked…", Verb.GATE_ASK.value, incident.id, click.nonce, ButtonStyle.POSITIVE)
    card = plan_of_items(parts, incident, PlanKind.STEPS, plans, _TITLE, (button,))
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            f"give-back:{incident.id}:{click.nonce}:{click.activity_id}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=card,
            summary=f"{incident.label}: give the account back",
        )
    return CardAnswer(gate_card(await view_of(parts, click.id, notice="The plan stands in this thread.")))


async def ask(parts: Parts, click: Click) -> Answer:
    """Asks a second person for what is ticked. The gate must be open still, and the asker must have waived nothing."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, incident_id=click.id)
    await parts.gates.may_ask(click.id, click.nonce, click.actor)
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
        checked = await newest(connection, click.id)
    plans = {step_id: plan for step_id, plan in (checked.plans if checked else {}).items() if plan.changes}
    if not plans:
        raise Conflict(reason="nothing-to-give-back")
    chosen = ticked(plans, click.inputs)
    made = await parts.approvals.ask(
        incident.id, incident.nonce, click.actor, click.conversation, kind=PlanKind.STEPS, plans=chosen
    )
    if made.kind is not PlanKind.STEPS or set(made.plans) != set(chosen):
        raise Conflict(reason="other-question-waits")
    return asked(_TITLE)


# -- the card --------------------------------------------------------------------------------------------------------


async def view_of(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> GateView:
    """The gate as of its newest check. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        checked = await newest(connection, incident_id)
        gate = await gate_as_kept(connection, incident_id)
        asking = await approvals.newest_of(connection, incident_id)
        back = is_given_back(await runs_of(connection, incident_id))
    may = viewer.permissions if viewer else frozenset(Permission)
    looking = checked is not None and checked.state is GateState.LOOKING
    waits = asking if asking is not None and _waits(asking) else None
    next_step, tone = _next(incident, checked, gate, waits, back=back)
    live = incident.state is IncidentState.OPEN and not looking and waits is None
    waivable = live and gate is not None and bool(gate.shut) and Permission.APPROVAL_DECIDE in may
    return GateView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        lines=tuple(_line(line) for line in gate.lines) if gate else (),
        next_step=next_step,
        tone=tone,
        looking=looking,
        looked_at=checked.looked_at if checked else None,
        line_input=LINE if waivable else None,
        reason_input=REASON if waivable else None,
        warnings=tuple(subject_warnings(incident.subject)),
        buttons=tuple(_buttons(incident, checked, gate, may, waivable=waivable, back=back)) if live else (),
        notice=notice,
    )


def _waits(approval: Approval) -> bool:
    return approval.kind is PlanKind.STEPS and approval.state in {ApprovalState.WAITING, ApprovalState.APPROVED}


def _next(
    incident: Incident, checked: Checked | None, gate: Gate | None, waits: Approval | None, *, back: bool
) -> tuple[str, Tone]:
    if incident.state is not IncidentState.OPEN:
        return "This incident is closed.", Tone.NEUTRAL
    if checked is None:
        return "Press Check the gate.", Tone.NEUTRAL
    if checked.state is GateState.LOOKING:
        return "IRBot is looking at everything again. This takes a minute or two.", Tone.NEUTRAL
    if checked.state is GateState.FAILED:
        return "The check failed. Press Check the gate.", Tone.ATTENTION
    if back:
        return "The account is given back. IRBot watches it.", Tone.GOOD
    if waits is not None:
        return "Decide on the incident's card.", Tone.ATTENTION
    if gate is None or not gate.is_open:
        return "Do what is left, or have an approver waive it. Then check the gate again.", Tone.WARNING
    return "Everything is green or waived. A responder who waived nothing asks for the account.", Tone.GOOD


def _line(line: Line) -> GateLine:
    waiver = line.waiver
    return GateLine(
        key=line.key,
        title=line.title,
        state=line.state.value,
        reason=line.reason,
        waived_by=waiver.by.name if waiver else None,
        waived_why=waiver.reason if waiver else "",
        waived_at=waiver.at if waiver else None,
    )


def _buttons(
    incident: Incident,
    checked: Checked | None,
    gate: Gate | None,
    may: frozenset[Permission],
    *,
    waivable: bool,
    back: bool,
) -> Iterable[Button]:
    if checked is None:
        return
    contain = Permission.ACCOUNT_CONTAIN in may
    if contain and gate is not None and gate.is_open and checked.state is GateState.LOOKED and not back:
        yield Button(
            "Give the account back…", Verb.GATE_GIVE_BACK.value, incident.id, checked.nonce, ButtonStyle.POSITIVE
        )
    if waivable:
        yield Button("Waive this line", Verb.GATE_WAIVE.value, incident.id, checked.nonce)
    if contain:
        shut = gate is None or any(line.state is LineState.SHUT for line in gate.lines)
        style = ButtonStyle.POSITIVE if shut else ButtonStyle.DEFAULT
        yield Button("Check the gate", Verb.GATE_CHECK.value, incident.id, checked.nonce, style)
