"""From `compromise` to `close` and back: lock, evict, recover, strengthen, tasks, the end, and opening it again."""

from __future__ import annotations

import asyncio

import pytest

from simulator.bench import Bench
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from simulator.faults import Fault, Kind, When
from tests.stories.steps import is_locked, lock, looked

_PATIENCE = 60.0
_STORY = SimulatorConfig(audit_query_seconds=0, stories=("invoice-fraud",))


async def _press(bench: Bench, title: str, by: str = "alex", **inputs: str) -> None:
    await bench.until_button(title, by=by, where="thread", timeout=_PATIENCE)
    await bench.click(title, by=by, where="thread", inputs=inputs)


async def _decide(bench: Bench, title: str) -> None:
    """The asker confirms, or a second person approves: whichever the rule asks for."""

    async def waiting() -> tuple[str, str, str] | None:
        for button, by, where in ((title, "alex", "thread"), ("Approve", "adele", "personal")):
            if any(button in shown.buttons for shown in bench.cards(by=by, where=where)[:3]):
                return button, by, where
        return None

    button, by, where = await bench.until(waiting, _PATIENCE, f"a question that {title!r} or Approve answers")
    await bench.click(button, by=by, where=where)


async def test_an_incident_from_its_beginning_to_its_end_and_back() -> None:
    async with Bench.start(_STORY) as bench:
        account = bench.user("megan")
        await lock(bench, account.upn)
        assert is_locked(account)

        # What the intruder left goes.
        await looked(bench)
        await _press(bench, "Remove what they left…")
        await _press(bench, "Remove what is ticked…")
        await _decide(bench, "Remove now")
        await bench.until_card("Press Inform people", by="alex", where="thread", timeout=_PATIENCE)

        # The headline leads on: each phase gets its card.
        await _press(bench, "Inform people")
        await bench.until_card("Tell those who must know", by="alex", where="thread", timeout=_PATIENCE)
        await _press(bench, "Recover")
        await bench.until_card("Give the account back safely, and watch it", by="alex", where="thread")
        await _press(bench, "Strengthen")
        await bench.until_card("Make the next break-in harder, for everybody.", by="alex", where="thread")
        await bench.until_card("In the card Recover press Check the gate", by="alex", where="thread")

        # A check on demand: its state is on the phase's card.
        await _press(bench, "Check")
        await bench.until_button("Check again", by="alex", where="thread", timeout=_PATIENCE)

        # The end: with something open only with a reason; then it is read only.
        await bench.say("close", by="alex", where="thread")
        closing = await bench.until_button("Close all the same", by="alex", where="thread")
        assert closing.has("Still open")
        await bench.click(
            "Close all the same", by="alex", where="thread", inputs={"reason": "The rest is in our yearly plan."}
        )
        card = await bench.until_card("Closed by Alex Wilber", by="adele", where="thread", timeout=_PATIENCE)
        assert card.has("The rest is in our yearly plan.")
        assert card.has("What we learnt")
        await bench.until_card("This incident is closed.", by="alex", where="thread")
        await bench.say("tasks IR-0001", by="alex", where="thread")
        await bench.until_card("No open tasks", by="alex", where="thread")

        # And back: looked at anew, on the same card.
        await bench.say("reopen IR-0001", by="alex", where="thread")
        await bench.until_card("Open again", by="alex", where="thread")
        await bench.until_button("Look again", by="alex", where="thread", timeout=_PATIENCE)
        await bench.say("reopen IR-0001", by="alex", where="thread")
        await bench.until_card("Go on in its thread.", by="alex", where="thread")


async def test_what_must_be_done_on_premises_is_a_task_that_ends_when_the_cloud_shows_it() -> None:
    async with Bench.start() as bench:
        account = bench.user("patti")
        await bench.say(f"compromise {account.upn}", by="alex")
        await _press(bench, "Lock account…")
        await _press(bench, "Lock now")
        for step in ("Block sign-in", "Scramble password"):
            await bench.until_card(f"{step}: on-premises", by="alex", where="thread", timeout=_PATIENCE)
        await bench.say("tasks", by="adele", where="thread")
        await bench.until_card("2 open tasks", by="adele", where="thread", timeout=_PATIENCE)
        await _press(bench, "Check again")
        await bench.until_card("It does not show in Microsoft 365 yet.", by="alex", where="thread", timeout=_PATIENCE)

        # The administrator has done it there, and the directories were synchronised.
        account.properties["accountEnabled"] = False
        account.properties["lastPasswordChangeDateTime"] = stamp(bench.sim.world.clock.now())
        await bench.until(lambda: _ended_by_looking(bench), _PATIENCE, "the end of both tasks")


async def _ended_by_looking(bench: Bench) -> bool:
    """Presses the next Check again there is; whether both tasks have ended by it."""
    cards = bench.cards(by="alex", where="thread")
    if any("Check again" in card.buttons for card in cards):
        await bench.click("Check again", by="alex", where="thread")
        await asyncio.sleep(1)
    return sum(card.has("Done by Alex Wilber") and card.has("Checked.") for card in cards) == 2


@pytest.mark.thorough
async def test_planning_survives_a_kill_and_posts_one_plan() -> None:
    async with Bench.start(_STORY, own_process=True) as bench:
        await lock(bench, bench.user("megan").upn)
        await looked(bench)
        await _press(bench, "Remove what they left…")
        await _press(bench, "Remove what is ticked…")
        await _decide(bench, "Remove now")
        await _press(bench, "Strengthen")
        await bench.until_button("Plan…", by="alex", where="thread")
        aim = await bench.aim("Plan…", by="alex", where="thread")
        await bench.settled()
        bench.sim.world.faults.add(
            Fault(kind=Kind.KILL, service="graph", method="GET", path="", when=When.BEFORE, skip=8, pid=bench.bot.pid)
        )
        await aim.press(check=False)
        await bench.until(lambda: not bench.sim.world.faults.waiting(), timeout=30)
        await bench.bot.restart()
        await bench.until_card("Plan ready", by="alex", where="thread", timeout=_PATIENCE)
        await asyncio.sleep(0.5)
        plans = [card for card in bench.cards(by="alex", where="thread") if "Ask for what is ticked…" in card.buttons]
        assert len(plans) == 1
