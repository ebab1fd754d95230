"""Removing what the intruder left: the plan item by item, one approval of one exact change, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping

from cards import notice_card, plan_card
from cards.views import Button, ButtonStyle, NoticeView, PlanCardView, PlanGroup, PlanItem
from dialogs.facts import PRECAUTIONS
from dialogs.lock import headline
from dialogs.parts import Parts
from dialogs.render import RULES, person_of_subject, subject_warnings, undo_words
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.approvals import PlanKind, plans_from_json
from services.channel import Card
from services.errors import BadInput, Conflict
from services.incidents import store
from services.incidents.model import Incident
from services.playbook.step import Plan, Step
from services.posts import PostKind

# What ends every eviction: sessions that began meanwhile must not outlive it.
LAST_STEP = "revoke-sessions"
EVICT_TITLE, UNDO_TITLE = "Remove what the intruder left", "Put back what IRBot changed"


async def review(parts: Parts, click: Click) -> Answer:
    """Puts the plan of the eviction into the thread, every item to be chosen or left out."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation)
    incident = await _incident(parts, click.id, click.nonce)
    plans = plans_from_json(incident.eviction.get("steps", {}))
    if not any(plan.changes for plan in plans.values()):
        raise Conflict(reason="nothing-to-evict")
    buttons = (
        Button("Remove what is ticked…", Verb.EVICT_ASK.value, incident.id, incident.nonce, ButtonStyle.POSITIVE),
        Button("Remove all of it…", Verb.EVICT_ASK_ALL.value, incident.id, incident.nonce),
    )
    card = plan_of_items(parts, incident, PlanKind.EVICT, plans, EVICT_TITLE, buttons)
    await _post(parts, incident, f"evict:{incident.id}:{incident.nonce}", card)
    return await headline(parts, incident.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def ask(parts: Parts, click: Click) -> Answer:
    """Asks for the items that are ticked."""
    return await _ask_for_eviction(parts, click, click.inputs)


async def ask_all(parts: Parts, click: Click) -> Answer:
    """Asks for all that is proposed, as one approval of one digest."""
    return await _ask_for_eviction(parts, click, None)


async def review_undo(parts: Parts, click: Click) -> Answer:
    """Puts what can be undone into the thread; with a single item it is asked for at once."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation)
    incident = await _incident(parts, click.id, click.nonce)
    plans = await parts.runner.undo_plan(incident.id)
    if not plans:
        raise Conflict(reason="nothing-to-undo")
    if sum(len(plan.changes) for plan in plans.values()) == 1:
        return await ask_undo(parts, click)
    button = Button("Undo what is ticked…", Verb.UNDO_ASK.value, incident.id, incident.nonce, ButtonStyle.POSITIVE)
    card = plan_of_items(parts, incident, PlanKind.UNDO, plans, UNDO_TITLE, (button,))
    await _post(parts, incident, f"undo:{incident.id}:{incident.nonce}", card)
    return await headline(parts, incident.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def ask_undo(parts: Parts, click: Click) -> Answer:
    """Asks for putting back the items that are ticked, or the only one there is."""
    plans = await parts.runner.undo_plan(click.id)
    if not plans:
        raise Conflict(reason="nothing-to-undo")
    chosen = ticked(plans, click.inputs) if click.inputs else plans
    await parts.approvals.ask(click.id, click.nonce, click.actor, click.conversation, kind=PlanKind.UNDO, plans=chosen)
    if not click.inputs:
        return await headline(parts, click.id, click.actor, Permission.ACCOUNT_CONTAIN)
    return asked(UNDO_TITLE)


async def look_again(parts: Parts, click: Click) -> Answer:
    """Starts another round of the investigation; the button belongs to the round that it ends."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation)
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
    if not store.same_nonce(str(incident.investigation["nonce"]), click.nonce):
        raise BadInput(reason="stale-card")
    await parts.preparation.investigate_again(incident.id)
    return await headline(parts, incident.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def _ask_for_eviction(parts: Parts, click: Click, inputs: Mapping[str, str] | None) -> Answer:
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
    plans = {
        step_id: plan for step_id, plan in plans_from_json(incident.eviction.get("steps", {})).items() if plan.changes
    }
    chosen = plans if inputs is None else ticked(plans, inputs)
    lock = plans_from_json(incident.plan.get("steps", {}))
    last = lock.get(LAST_STEP) or await parts.runner.plan_now(incident.id, LAST_STEP)
    await parts.approvals.ask(
        click.id,
        click.nonce,
        click.actor,
        click.conversation,
        kind=PlanKind.EVICT,
        plans={**chosen, LAST_STEP: last},
    )
    return asked(EVICT_TITLE)


def asked(title: str) -> CardAnswer:
    """In the place of a plan that was asked for; it stays there, so it says nothing that is over by tomorrow."""
    return CardAnswer(notice_card(NoticeView(title=title, text="Asked for. How it stands is on the incident's card.")))


def ticked(plans: Mapping[str, Plan], inputs: Mapping[str, str]) -> dict[str, Plan]:
    """The ticked items of each step. Raises BadInput for a position that does not exist, or when nothing is ticked."""
    chosen: dict[str, Plan] = {}
    for step_id, plan in plans.items():
        positions = [part.strip() for part in inputs.get(step_id, "").split(",") if part.strip()]
        if not all(p.isascii() and p.isdigit() and int(p) < len(plan.changes) for p in positions):
            raise BadInput(reason="unknown-choice")
        if positions:
            kept = tuple(plan.changes[int(p)] for p in sorted(set(positions), key=int))
            chosen[step_id] = Plan(changes=kept, unread=plan.unread)
    if not chosen:
        raise BadInput(reason="nothing-ticked")
    return chosen


def precautions_last(plans: Mapping[str, Plan]) -> list[tuple[str, Plan]]:
    """The plans in their order, and behind them those that nearly every account gets, intruder or not."""
    return sorted(plans.items(), key=lambda pair: pair[0] in PRECAUTIONS)


def group_title(step: Step) -> str:
    """The title of a step's part of the plan."""
    return f"Precaution: {step.title}" if step.id in PRECAUTIONS else step.title


def plan_of_items(
    parts: Parts, incident: Incident, kind: PlanKind, plans: Mapping[str, Plan], title: str, buttons: tuple[Button, ...]
) -> Card:
    """The card of a plan of several steps, each item to be chosen or left out."""
    steps = {step.id: step for step in parts.steps}
    rule = parts.rules.rule(kind, [step_id for step_id, plan in plans.items() if plan.changes], incident.subject)
    return plan_card(
        PlanCardView(
            incident_number=incident.label,
            title=title,
            subject=person_of_subject(incident.subject),
            groups=tuple(
                PlanGroup(
                    input_id=step_id,
                    title=group_title(steps[step_id]),
                    undo=undo_words(steps[step_id]),
                    items=tuple(
                        PlanItem(str(position), change.what, change.before, change.after)
                        for position, change in enumerate(plan.changes)
                    ),
                    settled=plan.settled.reason if plan.settled else " ".join(plan.unread) or None,
                )
                for step_id, plan in precautions_last(plans)
                if plan.changes or plan.settled
            ),
            rule=RULES[rule],
            warnings=tuple(subject_warnings(incident.subject)),
            buttons=buttons,
        )
    )


async def _incident(parts: Parts, incident_id: str, nonce: str) -> Incident:
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
    if not store.same_nonce(incident.nonce, nonce):
        raise BadInput(reason="stale-card")
    return incident


async def _post(parts: Parts, incident: Incident, key: str, card: Card) -> None:
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            key,
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=card,
            summary=f"{incident.label}: plan",
        )
