"""What is proposed to be removed, as an incident keeps it, and the plans that were posted of it.

`{"kind": …, "steps": {step id: plan}, "cards": {card id: posted plan}}`. A posted plan is frozen: its buttons ask for
what the card shows, whatever was found since. What is found later is another plan. Everything here is plain JSON in,
plain JSON out; whoever writes it back holds the incident's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.errors import BadInput
from services.playbook.step import Plan, digest_of

Json = dict[str, Any]
Items = Mapping[str, frozenset[str]]  # the items of each step

_EVICT = "evict"


@dataclass(frozen=True)
class PostedPlan:
    """One card with a plan. `unticked` are the items that are left out unless somebody ticks them.

    `hidden` are those that do not fit the card: nobody ticked them, and nobody left them out.
    """

    id: str
    nonce: str
    kind: str
    digest: str
    plans: Mapping[str, Plan]
    unticked: Items = field(default_factory=dict)
    hidden: Items = field(default_factory=dict)
    asked: str = ""  # the approval that came of it

    @property
    def suggested(self) -> dict[str, Plan]:
        """The plans without what is left out unless somebody ticks it."""
        kept = {
            step_id: Plan(
                tuple(each for each in plan.changes if each.item not in self.unticked.get(step_id, ())),
                unread=plan.unread,
            )
            for step_id, plan in self.plans.items()
        }
        return {step_id: plan for step_id, plan in kept.items() if plan.changes}


def posted(proposal: Mapping[str, Any], card_id: str, kind: str, target_id: str) -> PostedPlan:
    """The posted plan of that id. Raises BadInput where there is none (any more), or one that is not as it was."""
    kept = proposal.get("cards", {}).get(card_id)
    if kept is None or kept["kind"] != kind:
        raise BadInput(reason="plan-old")
    if "steps" not in kept:
        raise BadInput(reason="plan-asked")
    plan = _posted(card_id, kept)
    if digest_of(target_id, kind, plan.plans) != plan.digest:
        raise BadInput(reason="plan-old")
    return plan


def alike(proposal: Mapping[str, Any], wanted: PostedPlan) -> PostedPlan | None:
    """A card that shows the same and was not asked for: one is enough."""
    for card_id, kept in proposal.get("cards", {}).items():
        if "steps" in kept and not kept["asked"]:
            plan = _posted(card_id, kept)
            if (plan.kind, plan.digest, plan.unticked) == (wanted.kind, wanted.digest, wanted.unticked):
                return plan
    return None


def with_card(proposal: Mapping[str, Any], plan: PostedPlan) -> Json:
    """The proposal with one more posted plan."""
    kept = {
        "nonce": plan.nonce,
        "kind": plan.kind,
        "digest": plan.digest,
        "steps": {step_id: each.to_json() for step_id, each in plan.plans.items()},
        "unticked": _to_json(plan.unticked),
        "hidden": _to_json(plan.hidden),
        "asked": "",
    }
    return {**proposal, "cards": {**proposal.get("cards", {}), plan.id: kept}}


def asked_for(proposal: Mapping[str, Any], card_id: str, approval_id: str) -> Json:
    """The proposal once an approval came of a card. Raises BadInput where one did before, or the card is no more."""
    cards = proposal.get("cards", {})
    if card_id not in cards:
        raise BadInput(reason="plan-old")
    if cards[card_id]["asked"]:
        raise BadInput(reason="plan-asked")
    return {**proposal, "cards": {**cards, card_id: {**cards[card_id], "asked": approval_id}}}


def with_step(
    proposal: Mapping[str, Any], step_id: str, plan: Plan, order: Iterable[str], *, before_lock: bool = False
) -> Json:
    """The proposal with what one step would remove, the steps in the playbook's order."""
    steps = {**proposal.get("steps", {}), step_id: plan.to_json()}
    early = [each for each in proposal.get("before_lock", ()) if each != step_id]
    return {
        **proposal,
        "kind": _EVICT,
        "steps": {each: steps[each] for each in order if each in steps},
        "before_lock": [*early, step_id] if before_lock else early,
    }


def drawn(proposal: Mapping[str, Any]) -> frozenset[str]:
    """The steps that have said what they would remove since the account is locked."""
    return frozenset(proposal.get("steps", {})) - frozenset(proposal.get("before_lock", ()))


def without_steps(proposal: Mapping[str, Any], step_ids: Iterable[str]) -> Json:
    """The proposal without steps that have to be looked at anew."""
    gone = set(step_ids)
    return {**proposal, "steps": {key: plan for key, plan in proposal.get("steps", {}).items() if key not in gone}}


def next_round(proposal: Mapping[str, Any]) -> Json:
    """What stays when everything is looked at anew: what can be put back, and which items were asked about before."""
    cards: Json = {}
    for card_id, kept in proposal.get("cards", {}).items():
        if kept["kind"] == _EVICT and kept["asked"]:
            cards[card_id] = {"kind": kept["kind"], "asked": kept["asked"], "shown": _shown(kept)}
        elif kept["kind"] != _EVICT and not kept["asked"]:
            cards[card_id] = kept
    return {"cards": cards} if cards else {}


def decided(proposal: Mapping[str, Any], approval_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The items on the cards that one of these approvals came of: chosen, or left out by a person."""
    known = set(approval_ids)
    items: dict[str, frozenset[str]] = {}
    for kept in proposal.get("cards", {}).values():
        if kept["kind"] == _EVICT and kept["asked"] in known:
            for step_id, shown in _shown(kept).items():
                items[step_id] = items.get(step_id, frozenset()) | frozenset(shown)
    return items


def _shown(kept: Mapping[str, Any]) -> dict[str, list[str]]:
    """The items that a person saw ticked. What was left out beforehand may be proposed when more is known."""
    if "shown" in kept:
        return dict(kept["shown"])
    unseen = {
        step_id: {*kept["unticked"].get(step_id, ()), *kept["hidden"].get(step_id, ())} for step_id in kept["steps"]
    }
    return {
        step_id: [each["item"] for each in plan["changes"] if each["item"] not in unseen[step_id]]
        for step_id, plan in kept["steps"].items()
    }


def _posted(card_id: str, kept: Mapping[str, Any]) -> PostedPlan:
    return PostedPlan(
        id=card_id,
        nonce=kept["nonce"],
        kind=kept["kind"],
        digest=kept["digest"],
        plans={step_id: Plan.from_json(plan) for step_id, plan in kept["steps"].items()},
        unticked={step_id: frozenset(items) for step_id, items in kept["unticked"].items()},
        hidden={step_id: frozenset(items) for step_id, items in kept["hidden"].items()},
        asked=kept["asked"],
    )


def _to_json(items: Items) -> dict[str, list[str]]:
    return {step_id: sorted(each) for step_id, each in items.items()}
