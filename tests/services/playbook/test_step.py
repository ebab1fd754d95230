from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.errors import MissingLicence
from services.playbook import block_sign_in, identify
from services.playbook.step import Change, Outcome, Plan, Risk, Rule, Shared, State, digest_of

CHANGE = Change("sign-in", "Sign-in", "Allowed", "Blocked", seen="2026", data={"was": True})
OTHER = Change("sessions", "Sessions", "Valid", "Revoked")
PLANS = {"block-sign-in": Plan((CHANGE,)), "revoke-sessions": Plan((OTHER,))}


def _digest(**changes: str) -> str:
    return digest_of("megan", "lock", PLANS | {"block-sign-in": Plan((replace(CHANGE, **changes),))})  # type: ignore[arg-type]


def test_the_digest_is_the_same_for_the_same_change() -> None:
    assert digest_of("megan", "lock", PLANS) == digest_of("megan", "lock", dict(reversed(PLANS.items())))
    assert len(_digest()) == 64


@pytest.mark.parametrize("part", ["item", "what", "before", "after"])
def test_the_digest_changes_with_each_part_of_a_change(part: str) -> None:
    assert _digest(**{part: "other"}) != _digest()


def test_the_digest_changes_with_target_kind_steps_and_number_of_changes() -> None:
    different = {
        digest_of("megan", "lock", PLANS),
        digest_of("zoe", "lock", PLANS),
        digest_of("megan", "undo", PLANS),
        digest_of("megan", "lock", {"block-sign-in": PLANS["block-sign-in"]}),
        digest_of("megan", "lock", PLANS | {"scramble-password": Plan()}),
        digest_of("megan", "lock", PLANS | {"block-sign-in": Plan((CHANGE, OTHER))}),
        digest_of("megan", "lock", PLANS | {"block-sign-in": Plan((OTHER, CHANGE))}),
        digest_of("megan", "lock", {"revoke-sessions": Plan((CHANGE,)), "block-sign-in": Plan((OTHER,))}),
    }
    assert len(different) == 8


def test_parts_cannot_be_moved_across_their_borders() -> None:
    one = Plan((Change("a", "bc", "d", "e"),))
    two = Plan((Change("ab", "c", "d", "e"),))
    assert digest_of("x", "lock", {"s": one}) != digest_of("x", "lock", {"s": two})


def test_what_was_merely_seen_is_no_part_of_what_is_approved() -> None:
    assert Plan((CHANGE,)).same_changes(Plan((replace(CHANGE, seen="later", data={}),)))
    assert _digest(seen="later") == _digest()
    for part in ("item", "what", "before", "after"):
        assert not Plan((CHANGE,)).same_changes(Plan((replace(CHANGE, **{part: "other"}),)))
    assert not Plan((CHANGE,)).same_changes(Plan())


def test_a_plan_reads_back_the_same() -> None:
    for plan in (Plan((CHANGE, OTHER)), Plan(settled=Outcome(State.REFUSED, "Ünï.")), Plan()):
        assert Plan.from_json(plan.to_json()) == plan


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    reading, changing = identify.STEP, block_sign_in.STEP
    for step, changes in (
        (changing, {"apply": None}),
        (changing, {"verify": None}),
        (changing, {"approval": Rule.NONE}),
        (changing, {"risk": Risk.READ}),
        (reading, {"apply": changing.apply, "verify": changing.verify}),
        (reading, {"approval": Rule.CONFIRM}),
        (reading, {"risk": Risk.DESTRUCTIVE}),
    ):
        with pytest.raises(ValueError, match=step.id):
            replace(step, **changes)  # type: ignore[arg-type]


def test_rules_are_ordered_by_strictness() -> None:
    assert Rule.NONE.strictness < Rule.CONFIRM.strictness < Rule.SECOND_PERSON.strictness


async def test_what_several_checks_need_is_read_once_and_read_again_after_a_failure() -> None:
    shared, reads = Shared(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        if reads == 1:
            raise MissingLicence(licence="P1")
        return reads

    first, *others = await asyncio.gather(*(shared.once("log", read) for _ in range(4)), return_exceptions=True)
    assert isinstance(first, MissingLicence)
    assert others == [2, 2, 2]
