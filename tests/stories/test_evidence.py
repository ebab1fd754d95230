"""What lies behind a finding, and whom else the intruder met: both from the incident's card."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.stories import STORIES
from tests.stories.steps import open_incident

STORY = STORIES["token-replay"]
_PATIENCE_SECONDS = 60.0


async def _investigated(bench: Bench) -> None:
    """An incident whose investigation is over, and a colleague who was met at the intruder's address."""
    world = bench.sim.world
    row = next(
        row
        for row in world.tenant.records.sign_ins
        if row["userId"] == bench.user(STORY.account).id and row["location"]["city"] == "Frankfurt am Main"
    )
    world.tenant.records.add_sign_in(
        bench.user("lynne"), world.clock.now() - timedelta(hours=3), ip_address=row["ipAddress"]
    )
    await open_incident(bench, bench.user(STORY.account).upn)
    await bench.until_button("Open another incident…", by="alex", where="thread", timeout=_PATIENCE_SECONDS)


@pytest.fixture
def config() -> SimulatorConfig:
    return SimulatorConfig(audit_query_seconds=0, stories=(STORY.id,))


async def test_evidence_is_shown_with_its_hash_and_the_other_account_gets_an_incident(config: SimulatorConfig) -> None:
    async with Bench.start(config) as bench:
        await _investigated(bench)

        await bench.until_button("Show evidence…", by="alex", where="thread", timeout=_PATIENCE_SECONDS)
        await bench.click("Show evidence…", by="alex", where="thread")
        await bench.until_button("Show evidence", by="alex", where="thread")
        await bench.click("Show evidence", by="alex", where="thread", inputs={"choice": "0"})
        shown = await bench.until_card("SHA-256", by="alex", where="thread")
        assert shown.has("Why it counts")

        await bench.click("Open another incident…", by="alex", where="thread")
        picked = await bench.until_button("Open an incident", by="alex", where="thread")
        assert picked.has("lynne@contoso.com")
        await bench.click("Open an incident", by="alex", where="thread", inputs={"choice": "0"})
        await bench.until_card("Belongs together with IR-0002", by="alex", where="thread")
        await bench.until_card("Belongs together with IR-0001", by="alex", where="thread")


async def test_whoever_has_no_role_opens_nothing(config: SimulatorConfig) -> None:
    async with Bench.start(config) as bench:
        await _investigated(bench)
        await bench.click("Open another incident…", by="alex", where="thread")
        await bench.until_button("Open an incident", by="alex", where="thread")
        await bench.click("Open an incident", by="grady", where="thread", inputs={"choice": "0"}, check=False)
        assert not any(shown.has("IR-0002") for shown in bench.cards(by="alex", where="thread"))
