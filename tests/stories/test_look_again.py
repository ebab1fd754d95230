"""Another look is another round, as often as somebody asks for it."""

from __future__ import annotations

import pytest

from simulator.bench import Bench
from tests.stories.steps import open_incident


async def test_every_press_of_look_again_looks_again(bench: Bench) -> None:
    await open_incident(bench, "megan@contoso.com")
    for _ in range(2):
        await bench.until_button("Look again", by="alex", where="thread", timeout=40)
        before = len(bench.sim.world.journal.entries(service="cmdlet"))
        await bench.click("Look again", by="alex", where="thread")
        await bench.until(lambda seen=before: len(bench.sim.world.journal.entries(service="cmdlet")) > seen, 20)


@pytest.mark.thorough
async def test_a_press_that_comes_twice_is_one_round(bench: Bench) -> None:
    await open_incident(bench, "megan@contoso.com")
    await bench.until_button("Look again", by="alex", where="thread", timeout=40)
    aim = await bench.aim("Look again", by="alex", where="thread")
    await aim.press()
    await bench.until_button("Look again", by="alex", where="thread", timeout=40)
    before = len(bench.sim.world.journal.entries(service="cmdlet"))
    await aim.press()
    await bench.settled()
    assert len(bench.sim.world.journal.entries(service="cmdlet")) == before
