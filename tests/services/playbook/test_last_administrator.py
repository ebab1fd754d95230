"""Whoever else may be locked: the last Global Administrator who can sign in is not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.playbook import BY_ID
from services.playbook.step import State
from tests.services.playbook.tenancy import Tenancy, settled, tenancy
from tests.services.playbook.test_strip_roles import give, only_global_administrator

SHUT_OUT = ("block-sign-in", "scramble-password")


@pytest.fixture
async def tenant() -> AsyncIterator[Tenancy]:
    async with tenancy() as made:
        yield made


@pytest.mark.parametrize("step_id", SHUT_OUT)
async def test_the_last_one_is_not_shut_out_and_the_reason_says_what_to_do(tenant: Tenancy, step_id: str) -> None:
    only_global_administrator(tenant, "isaiah")
    state, reason = settled(await tenant.plan(BY_ID[step_id], "isaiah"))
    assert state is State.REFUSED
    assert "emergency account" in reason


@pytest.mark.parametrize("step_id", SHUT_OUT)
async def test_with_another_one_the_account_is_locked_as_any_other(tenant: Tenancy, step_id: str) -> None:
    only_global_administrator(tenant, "isaiah")
    give(tenant, tenant.user("lynne").id, "Global Administrator")
    assert (await tenant.plan(BY_ID[step_id], "isaiah")).changes


async def test_another_one_who_cannot_sign_in_does_not_count(tenant: Tenancy) -> None:
    only_global_administrator(tenant, "isaiah")
    give(tenant, tenant.user("lynne").id, "Global Administrator")
    tenant.user("lynne").properties["accountEnabled"] = False
    assert settled(await tenant.plan(BY_ID["block-sign-in"], "isaiah"))[0] is State.REFUSED


async def test_sessions_of_the_last_one_are_revoked_all_the_same(tenant: Tenancy) -> None:
    only_global_administrator(tenant, "isaiah")
    assert (await tenant.plan(BY_ID["revoke-sessions"], "isaiah")).changes


async def test_an_ordinary_account_costs_no_look_up(tenant: Tenancy) -> None:
    ctx = await tenant.context("megan")
    tenant.sim.world.journal.clear()
    assert (await BY_ID["block-sign-in"].plan(ctx)).changes
    assert tenant.sim.world.journal.entries() == []
