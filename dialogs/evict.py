"""Removing what the intruder left: the plan item by item, one approval of one exact change, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from cards import notice_card, plan_card
from cards.plan import shown_on
from cards.views import Button, ButtonStyle, NoticeView, PlanCardView, PlanGroup, PlanItem
from dialogs.facts import PRECAUTIONS, facts_of, not_ticked, removals_of, undecided_removals
from dialogs.lock import headline
from dialogs.parts import Parts
from dialogs.render import RULES, person_of_subject, subject_warnings, undo_words
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services import approvals
from services.access import Permission
from services.approvals import PlanKind, plans_from_json
from services.channel import Actor, Card
from services.errors import BadInput, Conflict
from services.incidents import posted_plans, store, timeline
from services.incidents.model import Incident
from services.incidents.posted_plans import PostedPlan
from services.incidents.timeline import AuditTag
from services.playbook.step import Plan, Step, digest_of
from services.posts import PostKind

# What ends every eviction: sessions that began meanwhile must not outlive it.
LAST_STEP = "revoke-sessions"
Reasons = Mapping[str, Mapping[str, str]]  # why an item is not ticked beforehand, by step and item
EVICT_TITLE, UNDO_TITLE = "Remove what the intruder left", "Put back what IRBot changed"


async def review(parts: Parts, click: Click) -> Answer:
    """Puts the plan of the eviction, as far as it is known, into the thread, every item to be chosen or left out."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, harmless=True)
    await _incident(parts, click.id, click.nonce)
    facts = await facts_of(parts, click.id)
    plans = plans_from_json(facts.incident.eviction.get("steps", {}))
    if not any(plan.changes for plan in plans.values()):
        raise Conflict(reason="nothing-to-evict")
    skipped = not_ticked(facts)
    count = undecided_removals(facts)
    title = EVICT_TITLE
    if facts.progress.evicted and count:
        title = f"{title}: {count} more {'thing' if count == 1 else 'things'}"
    await _post_plan(parts, facts.incident, click.actor, PlanKind.EVICT, plans, title, skipped)
    return await headline(parts, click.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def ask(parts: Parts, click: Click) -> Answer:
    """Asks for the items that are ticked."""
    return await _ask(parts, click, PlanKind.EVICT, lambda plan: ticked(plan.plans, click.inputs))


async def ask_all(parts: Parts, click: Click) -> Answer:
    """Asks for all that the card suggests, as one approval of one digest; what was not ticked beforehand stays."""
    return await _ask(parts, click, PlanKind.EVICT, lambda plan: plan.suggested)


async def review_undo(parts: Parts, click: Click) -> Answer:
    """Puts what can be undone into the thread; with a single item it is asked for at once."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, harmless=True)
    incident = await _incident(parts, click.id, click.nonce)
    plans = await parts.runner.undo_plan(incident.id)
    if not plans:
        raise Conflict(reason="nothing-to-undo")
    if sum(len(plan.changes) for plan in plans.values()) == 1:
        where = click.conversation
        await parts.approvals.ask(incident.id, click.nonce, click.actor, where, kind=PlanKind.UNDO, plans=plans)
    else:
        await _post_plan(parts, incident, click.actor, PlanKind.UNDO, plans, UNDO_TITLE)
    return await headline(parts, incident.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def ask_undo(parts: Parts, click: Click) -> Answer:
    """Asks for putting back the items that are ticked."""
    return await _ask(parts, click, PlanKind.UNDO, lambda plan: ticked(plan.plans, click.inputs))


async def look_again(parts: Parts, click: Click) -> Answer:
    """Starts another round of the investigation; the button belongs to the round that it ends."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation, harmless=True)
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id)
    if not store.same_nonce(str(incident.investigation["nonce"]), click.nonce):
        raise BadInput(reason="stale-card")
    await parts.preparation.investigate_again(incident.id)
    return await headline(parts, incident.id, click.actor, Permission.ACCOUNT_CONTAIN)


async def _ask(
    parts: Parts, click: Click, kind: PlanKind, choose: Callable[[PostedPlan], Mapping[str, Plan]]
) -> CardAnswer:
    """Asks for what a posted plan shows, and for nothing that was found since."""
    await parts.access.require(click.actor, Permission.ACCOUNT_CONTAIN, click.conversation)
    incident_id, _, card_id = click.id.partition("/")
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        waiting = await approvals.waiting_of(connection, incident_id)
    plan = posted_plans.posted(incident.eviction, card_id, kind.value, incident.subject.object_id)
    if not store.same_nonce(plan.nonce, click.nonce):
        raise BadInput(reason="forged-card")
    if plan.asked and (waiting is None or waiting.id != plan.asked):
        raise BadInput(reason="plan-asked")
    if not plan.asked:
        if waiting is not None:
            raise Conflict(reason="other-question-waits")
        chosen = dict(choose(plan))
        if not chosen:
            raise BadInput(reason="nothing-ticked")
        await _refuse_what_moved(parts, incident, kind, chosen)
        if kind is PlanKind.EVICT:
            chosen[LAST_STEP] = await _last(parts, incident)
        where = click.conversation
        approval = await parts.approvals.ask(
            incident_id, incident.nonce, click.actor, where, kind=kind, plans=chosen, card=card_id
        )
        if approval.digest != digest_of(incident.subject.object_id, kind.value, chosen):
            raise Conflict(reason="other-question-waits")  # somebody was quicker, with another plan
    return asked(EVICT_TITLE if kind is PlanKind.EVICT else UNDO_TITLE)


async def _refuse_what_moved(parts: Parts, incident: Incident, kind: PlanKind, chosen: Mapping[str, Plan]) -> None:
    """Raises BadInput where an item that is asked for is not proposed in the same way any more."""
    now = removals_of(incident) if kind is PlanKind.EVICT else await parts.runner.undo_plan(incident.id)
    for step_id, plan in chosen.items():
        known = {change.item: change for change in now.get(step_id, Plan()).changes}
        still = Plan(tuple(known[change.item] for change in plan.changes if change.item in known))
        if not plan.same_changes(still):
            raise BadInput(reason="plan-old")


async def _last(parts: Parts, incident: Incident) -> Plan:
    lock = plans_from_json(incident.plan.get("steps", {}))
    return lock.get(LAST_STEP) or await parts.runner.plan_now(incident.id, LAST_STEP)


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


async def _post_plan(
    parts: Parts,
    incident: Incident,
    actor: Actor,
    kind: PlanKind,
    plans: Mapping[str, Plan],
    title: str,
    skipped: Reasons = MappingProxyType({}),
) -> None:
    """Freezes what would change and posts the card, unless one that shows the same stands in the thread already."""
    changing = {step_id: plan for step_id, plan in plans.items() if plan.changes}
    plan = PostedPlan(
        id=store.new_nonce()[:16],
        nonce=store.new_nonce(),
        kind=kind.value,
        digest=digest_of(incident.subject.object_id, kind.value, changing),
        plans=changing,
        unticked={step_id: frozenset(items) for step_id, items in skipped.items()},
    )
    card = plan_of_items(parts, incident, kind, plans, title, _plan_buttons(incident, kind, plan), skipped)
    shown = shown_on(card)
    hidden = {
        step_id: frozenset(
            change.item
            for position, change in enumerate(each.changes)
            if str(position) not in shown.get(step_id, frozenset())
        )
        for step_id, each in changing.items()
    }
    async with parts.database.write() as connection:
        now = await store.get(connection, incident.id, lock=True)
        if posted_plans.alike(now.eviction, plan) is not None:
            return
        proposal = posted_plans.with_card(now.eviction, replace(plan, hidden=hidden))
        await store.update(connection, incident.id, eviction=proposal)
        await timeline.append(
            connection,
            incident.id,
            AuditTag.PLAN_PROPOSED,
            at=parts.now(),
            actor_id=actor.object_id,
            data={"kind": kind.value, "steps": list(changing), "card": plan.id, "digest": plan.digest},
        )
        await parts.posts.want(
            connection,
            f"plan:{incident.id}:{plan.id}",
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=card,
            summary=f"{incident.label}: plan",
        )


def plan_of_items(
    parts: Parts,
    incident: Incident,
    kind: PlanKind,
    plans: Mapping[str, Plan],
    title: str,
    buttons: Iterable[Button],
    skipped: Reasons = MappingProxyType({}),
) -> Card:
    """The card of a plan of several steps, each item to be chosen or left out; `skipped` are not ticked beforehand."""
    steps = {step.id: step for step in parts.steps}
    rule = parts.rules.rule(kind, approvals.changing(plans), incident.subject)
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
                    items=tuple(_items(plan, skipped.get(step_id, {}))),
                    settled=plan.settled.reason if plan.settled else " ".join(plan.unread) or None,
                )
                for step_id, plan in precautions_last(plans)
                if plan.changes or plan.settled
            ),
            rule=RULES[rule],
            warnings=tuple(subject_warnings(incident.subject)),
            buttons=tuple(buttons),
        )
    )


def _items(plan: Plan, skipped: Mapping[str, str]) -> Iterable[PlanItem]:
    for position, change in enumerate(plan.changes):
        left_out = skipped.get(change.item, "")
        yield PlanItem(str(position), change.what, change.before, change.after, left_out)


def _plan_buttons(incident: Incident, kind: PlanKind, plan: PostedPlan) -> Iterable[Button]:
    target = f"{incident.id}/{plan.id}"
    if kind is PlanKind.UNDO:
        yield Button("Undo what is ticked…", Verb.UNDO_ASK.value, target, plan.nonce, ButtonStyle.POSITIVE)
        return
    yield Button("Remove what is ticked…", Verb.EVICT_ASK.value, target, plan.nonce, ButtonStyle.POSITIVE)
    if not any(plan.unticked.values()):
        yield Button("Remove all of it…", Verb.EVICT_ASK_ALL.value, target, plan.nonce)


async def _incident(parts: Parts, incident_id: str, nonce: str) -> Incident:
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
    if not store.same_nonce(incident.nonce, nonce):
        raise BadInput(reason="stale-card")
    return incident
