"""From `@IRBot compromise …` to a locked account, by people at Microsoft's Teams emulator."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from simulator.stage import Stage
from simulator.tenant import User
from tests.e2e.window import PersonAtTeams

pytestmark = pytest.mark.e2e

LOCKED = re.compile("The account is locked")


def account(stage: Stage, upn: str) -> User:
    return stage.simulator.world.tenant.user(upn)


def assert_locked(user: User, password_before: int) -> None:
    assert not user.enabled
    assert user.active_sessions() == []
    assert user.password.version == password_before + 1


def assert_untouched(user: User, password_before: int) -> None:
    assert user.enabled
    assert user.active_sessions()
    assert user.password.version == password_before


async def test_a_responder_locks_an_ordinary_account(stage: Stage, alex: PersonAtTeams) -> None:
    megan = account(stage, "megan@contoso.com")
    password_before = megan.password.version

    await alex.post("compromise megan@contoso.com")
    await alex.sees("Megan Bowen")
    await alex.press("Lock account…")
    assert_untouched(megan, password_before)
    await alex.press("Lock now")

    await alex.sees(LOCKED)
    assert_locked(megan, password_before)
    assert stage.teams.delivery.failures == []


async def test_a_privileged_account_is_locked_when_somebody_else_approves(
    stage: Stage, alex: PersonAtTeams, adele: PersonAtTeams
) -> None:
    isaiah = account(stage, "isaiah@contoso.com")
    password_before = isaiah.password.version

    await alex.post("compromise isaiah@contoso.com")
    await alex.press("Lock account…")
    await adele.sees("Isaiah Langer")
    await adele.sees("Alex Wilber")
    assert_untouched(isaiah, password_before)
    await adele.press("Approve")

    await alex.sees(LOCKED)
    assert_locked(isaiah, password_before)
    await alex.sees(re.compile("Adele Vance"))
    await expect(adele.button("Approve")).to_have_count(0)
    assert stage.teams.delivery.failures == []
