"""Doors are closed for everybody and devices are looked at, from the phase's card to what the tenant shows."""

from __future__ import annotations

from services.playbook.enforce_mfa import NAME
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from tests.services.playbook.device_scenes import private_device
from tests.stories.steps import decide, lock, looked

_PATIENCE = 120.0  # an investigation shares the limit of the reports
_STORY = SimulatorConfig(audit_query_seconds=0, device_seconds=0, stories=("invoice-fraud",))


async def _press(bench: Bench, title: str) -> None:
    await bench.until_button(title, by="alex", where="thread", timeout=_PATIENCE)
    await bench.click(title, by="alex", where="thread")


async def _press_for(bench: Bench, title: str, step_id: str) -> None:
    """Presses the button of this title that belongs to one step of the phase's card."""
    await bench.until_button(title, by="alex", where="thread", timeout=_PATIENCE)
    aim = await bench.aim(title, by="alex", where="thread")
    incident_id, _, _ = str(aim.action["data"]["id"]).partition("/")
    await aim.but(id=f"{incident_id}/{step_id}").press()


async def test_a_policy_for_everybody_is_planned_approved_by_another_and_shows() -> None:
    async with Bench.start(_STORY) as bench:
        await lock(bench, bench.user("megan").upn)
        await looked(bench)
        await _press(bench, "Remove what they left…")
        await _press(bench, "Remove what is ticked…")
        await decide(bench, "Remove now")

        await _press(bench, "Strengthen")
        await _press_for(bench, "Plan…", "enforce-mfa")
        plan = await bench.until_card(NAME, by="alex", where="thread", timeout=_PATIENCE)
        assert plan.has("people are asked for a second factor")
        await _press(bench, "Ask for what is ticked…")
        await bench.until_button("Approve", by="adele", where="personal", timeout=_PATIENCE)
        policies = bench.sim.world.tenant.records.access_policies
        assert policies == {}
        await bench.click("Approve", by="adele", where="personal")
        await bench.until(lambda: bool(policies), _PATIENCE, "the policy")
        (made,) = policies.values()
        assert (made["displayName"], made["state"]) == (NAME, "enabledForReportingButNotEnforced")
        assert made["conditions"]["users"]["excludeUsers"] == [bench.user("emergency1").id]

        # A check of the next phase leaves a checklist for whoever helps the device's user, with a card of its own.
        private_device(bench.sim.world, bench.user("megan"), "PRIVATE")
        await _press(bench, "Recover")
        await _press_for(bench, "Check", "check-updates")
        task = await bench.until_card("Install updates: PRIVATE", by="alex", where="thread", timeout=_PATIENCE)
        assert task.has("helper of the device's user")
