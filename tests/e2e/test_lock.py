"""From `@IRBot compromise …` to a locked account, by people at Microsoft's Teams emulator."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.async_api import expect

from simulator.stage import Stage
from simulator.tenant import User
from tests.e2e.window import PersonAtTeams

# The whole story is walked in the emulator by every test run.
pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

LOCKED = re.compile(r"✓\s*Locked")


class Before:
    """An account as it was before anything was done about it."""

    def __init__(self, stage: Stage, upn: str) -> None:
        self.user: User = stage.simulator.world.tenant.user(upn)
        self._password = self.user.password.version
        assert self.user.enabled
        assert self.user.active_sessions()

    def assert_untouched(self) -> None:
        assert self.user.enabled
        assert self.user.active_sessions()
        assert self.user.password.version == self._password

    def assert_locked(self) -> None:
        """Blocked, logged out everywhere, and with one new password: one, not two."""
        assert not self.user.enabled
        assert self.user.active_sessions() == []
        assert self.user.password.version == self._password + 1

    @property
    def has_a_new_password(self) -> bool:
        """The last thing of a lock."""
        return self.user.password.version > self._password


@pytest.fixture
def before(stage: Stage) -> Callable[[str], Before]:
    return lambda upn: Before(stage, upn)


def assert_all_answered(stage: Stage) -> None:
    """Teams would have found no fault with any answer of the bot."""
    assert [(answer.fault, answer.activity) for answer in stage.teams.delivery.failures] == []


async def test_a_responder_locks_an_ordinary_account(
    stage: Stage, before: Callable[[str], Before], alex: PersonAtTeams
) -> None:
    megan = before("megan@contoso.com")

    await alex.post("compromise megan@contoso.com")
    await alex.sees("Megan Bowen")
    await alex.press("Lock account…")
    await alex.sees("This will change")
    megan.assert_untouched()
    await alex.press("Lock now")

    await alex.sees(LOCKED)
    megan.assert_locked()
    await expect(alex.button("Lock now")).to_have_count(0)
    assert_all_answered(stage)


async def test_a_privileged_account_is_locked_when_somebody_else_approves(
    stage: Stage, before: Callable[[str], Before], alex: PersonAtTeams, adele: PersonAtTeams
) -> None:
    isaiah = before("isaiah@contoso.com")

    await alex.post("compromise isaiah@contoso.com")
    await alex.press("Lock account…")
    await adele.sees("Isaiah Langer")
    await adele.sees(re.compile("Asked for by Alex Wilber"))
    isaiah.assert_untouched()
    await adele.press("Approve")

    await alex.sees(LOCKED)
    isaiah.assert_locked()
    await alex.sees(re.compile("approved by Adele Vance"))
    await expect(adele.button("Approve")).to_have_count(0)
    assert_all_answered(stage)


async def test_who_asked_cannot_approve_even_as_an_approver(
    stage: Stage, before: Callable[[str], Before], diego: PersonAtTeams, adele: PersonAtTeams
) -> None:
    isaiah = before("isaiah@contoso.com")

    await diego.post("compromise isaiah@contoso.com")
    await diego.press("Lock account…")
    # The emulator shows everybody the same card, so the button is there for Diego to try.
    await diego.press("Approve")
    await diego.sees(re.compile("You asked for this"))
    await adele.sees("Isaiah Langer")
    isaiah.assert_untouched()

    await adele.press("Approve")
    await diego.sees(LOCKED)
    isaiah.assert_locked()
    assert_all_answered(stage)


async def test_a_refused_request_changes_nothing_and_the_thread_says_so(
    stage: Stage, before: Callable[[str], Before], alex: PersonAtTeams, adele: PersonAtTeams
) -> None:
    isaiah = before("isaiah@contoso.com")

    await alex.post("compromise isaiah@contoso.com")
    await alex.press("Lock account…")
    await adele.press("Refuse")

    await alex.sees(re.compile("refused by Adele Vance"))
    isaiah.assert_untouched()
    assert_all_answered(stage)


async def test_a_personal_chat_answers_questions_and_locks_nobody(
    stage: Stage, before: Callable[[str], Before], alex: PersonAtTeams
) -> None:
    megan = before("megan@contoso.com")

    await alex.say("whoami")
    await alex.sees(re.compile("Responder: yes"))
    await alex.say("compromise megan@contoso.com")

    await alex.sees(re.compile("done in a team channel"))
    megan.assert_untouched()
    assert_all_answered(stage)


async def test_a_bot_that_is_killed_in_the_middle_goes_on_after_its_restart(
    stage: Stage, before: Callable[[str], Before], alex: PersonAtTeams
) -> None:
    megan = before("megan@contoso.com")

    await alex.post("compromise megan@contoso.com")
    await alex.press("Lock account…")
    await alex.button("Lock now").first.wait_for()
    stage.simulator.world.latency.choose("slow:2")
    await alex.press("Lock now")
    await alex.sees(re.compile("Locking…"))
    await stage.bot.kill()
    assert not megan.has_a_new_password
    stage.simulator.world.latency.choose("none")
    await stage.bot.start()

    await alex.sees(LOCKED)
    megan.assert_locked()
