"""An organisation that only wants locks gets locks, and nothing is asked of Microsoft 365 beyond them."""

from __future__ import annotations

from services.rights import graph_permissions
from services.settings import Profile
from simulator.bench import Bench
from tests.stories.steps import is_locked, lock


async def test_with_the_lock_profile_an_account_is_locked_with_the_rights_of_that_profile_alone() -> None:
    async with Bench.start(settings={"profile": "lock"}) as bench:
        app = bench.sim.world.tenant.app(bench.sim.world.app_id)
        assert app is not None
        app.permissions.intersection_update(graph_permissions(Profile.LOCK))
        app.exchange_roles.clear()
        card = await lock(bench, "megan@contoso.com")
        assert is_locked(bench.user("megan"))
        await bench.settled()
        assert "Remove what they left…" not in card.buttons
        services = {entry.service for entry in bench.sim.world.journal}
        assert "exchange" not in services
