from __future__ import annotations

from services.playbook.review_secure_score import STEP
from services.playbook.step import Severity, State
from tests.services.playbook.tenancy import settled, tenancy


async def test_the_best_moves_come_with_their_points_and_the_way_there() -> None:
    async with tenancy() as home:
        plan = await home.plan(STEP, "megan")
        state, reason = settled(plan)
        assert state is State.DONE
        assert "14.5 of 40 points (36 %)" in reason
        assert [(each.title, each.severity) for each in plan.findings] == [
            ("Ensure multifactor authentication is enabled for all users: 4.5 points", Severity.NOTE),
            ("Block legacy authentication: 8 points", Severity.WARNING),
            ("Create Safe Links policies for email messages: 9 points", Severity.WARNING),
            ("Ensure user consent to apps is not allowed: 4 points", Severity.NOTE),
        ]
        assert "8 of 8 points still to be had" in plan.findings[1].reasons
        assert "To do: block legacy authentication. Start with a pilot & go on." in plan.findings[1].reasons


async def test_each_recommendation_is_a_task_of_the_organisation() -> None:
    async with tenancy() as home:
        plan = await home.plan(STEP, "megan")
        assert all(task.organisation for task in plan.todo)
        assert plan.todo[1].title == "Block legacy authentication (8 points)"
        assert plan.todo[1].instructions[-1].startswith("https://security.microsoft.com")


async def test_what_is_said_at_length_or_not_at_all_is_cut_or_pointed_to() -> None:
    async with tenancy() as home:
        profiles = home.sim.world.tenant.records.score_profiles
        profiles["BlockLegacyAuthentication"] |= {"remediation": "word " * 1000, "actionUrl": "javascript:alert(1)"}
        profiles["IntegratedApps"]["remediation"] = None
        plan = await home.plan(STEP, "megan")
        (long,) = [task for task in plan.todo if "legacy" in task.title]
        assert len(long.instructions) == 1
        assert long.instructions[0].endswith("…")
        (short,) = [task for task in plan.todo if "consent" in task.title]
        assert "Defender portal" in short.instructions[0]


async def test_a_tenant_without_a_score_is_not_a_good_one() -> None:
    async with tenancy() as home:
        home.sim.world.tenant.records.secure_scores.clear()
        assert settled(await home.plan(STEP, "megan"))[0] is State.NOT_EVALUATED


async def test_nothing_to_gain_is_said() -> None:
    async with tenancy() as home:
        home.sim.world.tenant.records.score_profiles.clear()
        assert settled(await home.plan(STEP, "megan"))[1].endswith("Nothing is recommended.")
