"""Plans of what to remove as people meet them: early, frozen, with the owner's own left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from cards.views import ButtonStyle
from dialogs.evict import EVICT_TITLE, LAST_STEP, group_title, precautions_last
from dialogs.facts import PRECAUTIONS
from dialogs.handlers import VERBS
from dialogs.render import incident_view
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services import approvals
from services.approvals import Approval, ApprovalState, PlanKind
from services.channel import Actor
from services.database import Database, tables
from services.errors import BadInput, NotAllowed, Refusal
from services.incidents import posted_plans, store
from services.incidents.model import Phase
from services.playbook import BY_ID
from services.playbook.ledger import RunKind
from services.playbook.step import Change, Finding, Outcome, Plan, Severity, State
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, actor
from tests.services.playbook.bench import ADELE, ALEX, THE_LOCK, Things

FORWARDING, METHODS, PRECAUTION = "remove-forwarding", "remove-sign-in-methods", "preserve-mail"


@pytest.fixture
def forwarding() -> Things:
    return Things(id=FORWARDING, phase=Phase.EVICT, open={"a": True, "b": True})


@pytest.fixture
async def desk(database: Database, forwarding: Things) -> DialogDesk:
    """A locked account of which a suspicious thing is known, while IRBot still looks."""
    others = (Things(id=each, phase=Phase.EVICT).step() for each in (METHODS, PRECAUTION))
    desk = await DialogDesk.start(database, steps=(*THE_LOCK, forwarding.step(), *others))
    await desk.bench.locked()
    desk.bench.clock.pass_by(minutes=1)
    await _found(desk, Severity.ALARM)
    await _known(desk, {FORWARDING: _plan("a", "b")})
    return desk


def _plan(*items: str, **data: Any) -> Plan:
    return Plan(tuple(replace(Things().change(item), data=data) for item in items))


async def _known(desk: DialogDesk, plans: dict[str, Plan], **investigation: Any) -> None:
    """What the round has proposed so far."""
    async with desk.parts.database.write() as connection:
        incident = await store.get(connection, desk.bench.incident_id)
        proposal: dict[str, Any] = {**incident.eviction, "kind": "evict", "steps": {}}
        for step_id, plan in plans.items():
            proposal = posted_plans.with_step(proposal, step_id, plan, list(plans))
        values = {**incident.investigation, **investigation}
        await store.update(connection, incident.id, eviction=proposal, investigation=values)


async def _found(desk: DialogDesk, severity: Severity) -> None:
    incident = await desk.bench.incident()
    check = await desk.bench.ledger.begin(
        incident.id, "check-forwarding", RunKind.READ, incident.investigation["nonce"], Plan(), ALEX, desk.parts.now()
    )
    await desk.bench.ledger.end(
        check[0], Outcome(State.DONE, ""), desk.parts.now(), findings=[Finding("f", severity, "Mail is forwarded")]
    )


async def _headline(desk: DialogDesk) -> tuple[list[str], str | None, str]:
    view = await incident_view(desk.parts, desk.bench.incident_id)
    buttons = (*view.buttons, *view.more_buttons)
    styled = next((each.title for each in buttons if each.style is ButtonStyle.POSITIVE), None)
    return [each.title for each in buttons], styled, view.next_step


async def _press(desk: DialogDesk, verb: Verb, target: str, nonce: str, by: Actor = ALEX, **inputs: str) -> Answer:
    return await VERBS[verb](desk.parts, Click(by, CHANNEL, "activity", verb.value, 1, target, nonce, inputs))


async def _cards(desk: DialogDesk) -> list[dict[str, Any]]:
    """The plans in the thread, oldest first."""
    query = sa.select(tables.posts.c.card).where(tables.posts.c.subject_key.startswith("plan:"))
    async with desk.parts.database.read() as connection:
        return list((await connection.execute(query.order_by(tables.posts.c.updated_at))).scalars())


async def _review(desk: DialogDesk, verb: Verb = Verb.EVICT_REVIEW) -> dict[str, Any]:
    """The newest plan in the thread, behind a press of the headline's button."""
    desk.bench.clock.pass_by(seconds=1)
    incident = await desk.bench.incident()
    await _press(desk, verb, incident.id, incident.nonce)
    return (await _cards(desk))[-1]


def _actions(card: Any) -> dict[str, dict[str, Any]]:
    """The buttons of a card by their titles."""
    if isinstance(card, dict):
        found = {card["title"]: card} if card.get("type") == "Action.Execute" else {}
        return found | {title: each for value in card.values() for title, each in _actions(value).items()}
    return {title: each for value in card for title, each in _actions(value).items()} if isinstance(card, list) else {}


def _ticked(card: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["value"] for each in card["body"] if each["type"] == "Input.ChoiceSet"}


async def _ask(
    desk: DialogDesk, card: dict[str, Any], title: str = "Remove what is ticked…", by: Actor = ALEX, **inputs: str
) -> Answer:
    action = _actions(card)[title]
    values = _ticked(card) | {name.replace("_", "-"): value for name, value in inputs.items()}
    return await _press(desk, Verb(action["verb"]), action["data"]["id"], action["data"]["nonce"], by, **values)


async def _asked(desk: DialogDesk) -> Approval:
    async with desk.parts.database.read() as connection:
        newest = await approvals.newest_of(connection, desk.bench.incident_id)
    assert newest is not None
    return newest


async def _carried_out(desk: DialogDesk) -> None:
    asked = await _asked(desk)
    await desk.parts.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    await desk.parts.runner.execute(asked.id)
    assert (await desk.bench.now(asked)).state is ApprovalState.USED
    desk.bench.clock.pass_by(minutes=1)


def _items(approval: Approval) -> dict[str, list[str]]:
    return {step_id: [each.item for each in plan.changes] for step_id, plan in approval.plans.items()}


# -- while IRBot still looks -----------------------------------------------------------------------------------------


async def test_what_is_known_can_be_removed_while_the_rest_is_looked_at(desk: DialogDesk, forwarding: Things) -> None:
    _, styled, step = await _headline(desk)
    assert step.startswith("2 things can already be removed: press Remove what they left. IRBot is still looking at")
    assert styled == "Remove what they left…"
    assert isinstance(await _ask(desk, await _review(desk)), CardAnswer)
    asked = await _asked(desk)
    assert {FORWARDING: ["a", "b"]}.items() <= _items(asked).items()
    assert list(asked.plans)[-1] == LAST_STEP
    await _carried_out(desk)
    assert forwarding.applied == ["a", "b"]
    titles, _, step = await _headline(desk)
    assert step.startswith("What was found so far is decided. IRBot is still looking")
    assert not {"Recover", "Remove what they left…"} & set(titles)


async def test_what_is_found_later_is_a_plan_of_its_own(desk: DialogDesk) -> None:
    card = await _review(desk)
    await _known(desk, {FORWARDING: _plan("a", "b"), METHODS: _plan("m")})
    await _ask(desk, card)
    assert METHODS not in (await _asked(desk)).plans
    await _carried_out(desk)
    assert (await _headline(desk))[2].startswith("1 more thing was found, and can be removed. IRBot is still looking")
    later = await _review(desk)
    assert f"{EVICT_TITLE}: 1 more thing" in str(later)
    assert set(_ticked(later)) == {METHODS}
    await _known(desk, {FORWARDING: Plan(settled=Outcome(State.ALREADY_SO, "")), METHODS: _plan("m")}, done=True)
    titles, styled, step = await _headline(desk)
    assert (styled, step) == (
        "Remove what they left…",
        "1 more thing was found. Press Remove what they left, and decide.",
    )
    assert "Recover" not in titles
    await _ask(desk, later)
    await _carried_out(desk)
    assert "Recover" in (await _headline(desk))[0]


async def test_what_failed_is_proposed_again_and_is_not_news(desk: DialogDesk, forwarding: Things) -> None:
    forwarding.shuts = False
    await _ask(desk, await _review(desk))
    await _carried_out(desk)
    await _known(desk, {FORWARDING: _plan("a", "b")}, done=True)
    assert "Recover" in (await _headline(desk))[0]
    assert _ticked(await _review(desk)) == {FORWARDING: "0,1"}


# -- a posted plan is frozen -----------------------------------------------------------------------------------------


async def _refused(desk: DialogDesk, card: dict[str, Any], **more: Any) -> str:
    before = await _asked(desk)
    with pytest.raises(Refusal) as refused:
        await _ask(desk, card, **more)
    assert await _asked(desk) == before
    return str(refused.value.data["reason"])


async def test_the_same_plan_is_posted_once_and_another_one_beside_it(desk: DialogDesk) -> None:
    first = await _review(desk)
    assert await _review(desk) == first
    assert len(await _cards(desk)) == 1
    await _known(desk, {FORWARDING: _plan("a", "b", "c")})
    second = await _review(desk)
    assert len(await _cards(desk)) == 2
    await _ask(desk, first)  # what it shows is proposed still
    assert _items(await _asked(desk))[FORWARDING] == ["a", "b"]
    assert await _refused(desk, second) == "other-question-waits"


async def test_a_plan_that_the_world_has_left_behind_says_so(desk: DialogDesk) -> None:
    card = await _review(desk)
    changed = Plan(tuple(replace(each, before="Ajar") for each in _plan("a", "b").changes))
    await _known(desk, {FORWARDING: changed})
    assert await _refused(desk, card) == "plan-old"
    await _known(desk, {FORWARDING: _plan("a", "b")}, done=True)
    incident = await desk.bench.incident()
    await desk.parts.preparation.investigate_again(incident.id)
    assert await _refused(desk, card) == "plan-old"


async def test_a_plan_is_asked_for_once(desk: DialogDesk) -> None:
    card = await _review(desk)
    await _ask(desk, card)
    first = await _asked(desk)
    assert isinstance(await _ask(desk, card), CardAnswer)  # delivered twice, or pressed by a second person
    assert await _asked(desk) == first
    await desk.parts.approvals.cancel(first.id, first.nonce, ALEX, CHANNEL)
    assert await _refused(desk, card) == "plan-asked"
    await _ask(desk, await _review(desk))
    assert (await _asked(desk)).id != first.id


async def test_a_plan_answers_to_its_own_button_alone(desk: DialogDesk) -> None:
    card = await _review(desk)
    incident = await desk.bench.incident()
    target = _actions(card)["Remove what is ticked…"]["data"]["id"]
    for forged in (incident.nonce, "", "0" * 32):
        with pytest.raises(BadInput):
            await _press(desk, Verb.EVICT_ASK, target, forged, **{FORWARDING: "0"})
    with pytest.raises(BadInput):
        await _press(desk, Verb.UNDO_ASK, target, _actions(card)["Remove what is ticked…"]["data"]["nonce"])
    with pytest.raises(NotAllowed):
        await _ask(desk, card, by=actor("zoe"))
    for choice in ("2", "x", "-1", "0,9"):
        assert await _refused(desk, card, remove_forwarding=choice) == "unknown-choice"
    assert await _refused(desk, card, remove_forwarding="") == "nothing-ticked"


async def test_a_plan_that_was_altered_in_the_database_is_refused(desk: DialogDesk) -> None:
    card = await _review(desk)
    async with desk.parts.database.write() as connection:
        eviction = dict((await store.get(connection, desk.bench.incident_id)).eviction)
        (kept,) = eviction["cards"].values()
        kept["steps"][FORWARDING]["changes"][0]["item"] = "z"
        await store.update(connection, desk.bench.incident_id, eviction=eviction)
    assert await _refused(desk, card) == "plan-old"


async def test_what_is_put_back_is_a_frozen_plan_too(desk: DialogDesk, forwarding: Things) -> None:
    await _ask(desk, await _review(desk), "Remove all of it…")
    await _carried_out(desk)
    card = await _review(desk, Verb.UNDO_REVIEW)
    positions = _ticked(card)[FORWARDING]
    assert positions == "0,1"
    await _ask(
        desk,
        card,
        "Undo what is ticked…",
        remove_forwarding="1",
        **dict.fromkeys(set(_ticked(card)) - {FORWARDING}, ""),
    )
    asked = await _asked(desk)
    assert (asked.kind, _items(asked)) == (PlanKind.UNDO, {FORWARDING: ["b"]})
    await desk.parts.approvals.approve(asked.id, asked.nonce, ADELE, CHANNEL)
    await desk.parts.runner.execute(asked.id)
    assert forwarding.undone == ["b"]
    assert await _refused(desk, card, title="Undo what is ticked…") == "plan-asked"


# -- what is not ticked beforehand -------------------------------------------------------------------------------------


@pytest.fixture
async def clean(desk: DialogDesk) -> DialogDesk:
    """Nothing suspicious is known; what is proposed is a precaution, or has been there for long."""
    async with desk.parts.database.write() as connection:
        await connection.execute(sa.delete(tables.findings))
    await _known(desk, {METHODS: _plan("old", fresh=False), PRECAUTION: _plan("hold")}, done=True)
    return desk


async def test_a_clean_account_keeps_its_own_unless_somebody_ticks_it(clean: DialogDesk) -> None:
    card = await _review(clean)
    assert _ticked(card) == {METHODS: "", PRECAUTION: ""}
    assert "Not ticked: registered long ago" in str(card)
    assert "Not ticked: a precaution." in str(card)
    assert "Remove all of it…" not in _actions(card)
    assert await _refused(clean, card) == "nothing-ticked"
    target = _actions(card)["Remove what is ticked…"]["data"]
    with pytest.raises(BadInput):  # from no card of ours
        await _press(clean, Verb.EVICT_ASK_ALL, target["id"], target["nonce"])


async def test_who_knows_better_ticks_it(clean: DialogDesk) -> None:
    await _ask(clean, await _review(clean), remove_sign_in_methods="0")
    assert {METHODS: ["old"]}.items() <= _items(await _asked(clean)).items()


async def test_on_a_clean_account_the_way_on_is_open(clean: DialogDesk) -> None:
    titles, styled, step = await _headline(clean)
    assert "Recover" in titles
    assert styled != "Remove what they left…"
    assert step.startswith("Nothing suspicious was found")


async def test_where_an_intruder_was_everything_is_ticked(desk: DialogDesk) -> None:
    await _known(desk, {METHODS: _plan("old", fresh=False), PRECAUTION: _plan("hold")}, done=True)
    card = await _review(desk)
    assert _ticked(card) == {METHODS: "0", PRECAUTION: "0"}
    assert "Remove all of it…" in _actions(card)


async def test_what_somebody_left_out_stays_left_out(desk: DialogDesk) -> None:
    await _ask(desk, await _review(desk), remove_forwarding="0")
    await _carried_out(desk)
    await _known(desk, {FORWARDING: _plan("b", "c")}, done=True)
    assert (await _headline(desk))[2].startswith("1 more thing was found")
    card = await _review(desk)
    assert _ticked(card) == {FORWARDING: "1"}
    assert "Not ticked 1 of 2: it was left out of the plan before." in str(card)


async def test_what_did_not_fit_the_card_was_left_out_by_nobody(desk: DialogDesk) -> None:
    many = tuple(Change(f"i{n}", f"{n} " + "ünï" * 200, "Open" * 30, "Shut" * 30) for n in range(90))
    await _known(desk, {FORWARDING: Plan(many)})
    card = await _review(desk)
    shown = _ticked(card)[FORWARDING].split(",")
    assert len(shown) < len(many)
    plan = posted_plans.posted(
        (await desk.bench.incident()).eviction,
        _actions(card)["Remove all of it…"]["data"]["id"].partition("/")[2],
        "evict",
        (await desk.bench.incident()).subject.object_id,
    )
    assert plan.suggested[FORWARDING].changes == many
    proposal = posted_plans.asked_for((await desk.bench.incident()).eviction, plan.id, "approval")
    for kept in (proposal, posted_plans.next_round(proposal)):
        assert posted_plans.decided(kept, ["approval"]) == {FORWARDING: frozenset(f"i{n}" for n in shown)}


# -- how the card names things -----------------------------------------------------------------------------------------


def test_what_nearly_every_account_gets_comes_last_and_is_called_a_precaution() -> None:
    plans = {step_id: Plan() for step_id in ("preserve-mail", "remove-inbox-rules", "switch-off-mail-protocols")}
    assert [step_id for step_id, _ in precautions_last(plans)] == [
        "remove-inbox-rules",
        "preserve-mail",
        "switch-off-mail-protocols",
    ]
    assert group_title(BY_ID["preserve-mail"]).startswith("Precaution: ")
    assert group_title(BY_ID["remove-inbox-rules"]) == BY_ID["remove-inbox-rules"].title


def test_every_precaution_is_a_step() -> None:
    assert set(BY_ID) >= PRECAUTIONS
