"""An administrator sets IRBot up from Teams: what is set counts at once, and protection ends only by two."""

from __future__ import annotations

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.people import ADMINISTRATORS
from tests.stories.steps import ask

_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0)


async def test_a_person_protected_from_teams_needs_a_second_person_until_two_administrators_agree() -> None:
    async with Bench.start(_CONFIG) as bench:
        tenant = bench.sim.world.tenant
        tenant.group(ADMINISTRATORS).members.append(bench.user("grady").id)
        await bench.say("setup", by="henrietta")
        await bench.until_button("Use this channel", by="henrietta", where="thread")
        used = await bench.click("Use this channel", by="henrietta", where="thread")
        assert used.has("Incident channel is now")
        lost = await bench.click(
            "Save", by="henrietta", where="thread", inputs={"vip": "megan@contoso.com, nobody@contoso.com"}
        )
        assert lost.has("nobody@contoso.com")
        saved = await bench.click("Save", by="henrietta", where="thread", inputs={"vip": "megan@contoso.com"})
        assert saved.has("Added to the VIP list")
        await bench.until_card("Added to the VIP list", by="grady", where="personal")

        await ask(bench, "megan@contoso.com")
        await bench.until_button("Approve", by="adele", where="personal", timeout=20)

        await bench.say("setup", by="henrietta", where="personal")
        await bench.until_button("Ask to take off", by="henrietta", where="personal")
        who = f"vip:{bench.user('megan').id}"
        asked = await bench.click("Ask to take off", by="henrietta", where="personal", inputs={"who": who})
        assert asked.has("stays protected")
        await bench.until_button("Take off the list", by="grady", where="personal")
        ended = await bench.click("Take off the list", by="grady", where="personal")
        assert ended.has("was taken off the VIP list")
        await bench.until_card("was taken off the VIP list by", by="grady", where="personal")


async def test_nobody_else_sees_the_setup() -> None:
    async with Bench.start(_CONFIG) as bench:
        await bench.say("setup", by="alex")
        await bench.until_card("You do not have the IRBot role for this.", by="alex", where="thread")
