"""Two and three bots on one PostgreSQL: they share the work, and what one leaves behind another finishes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from simulator.bench import Bench
from simulator.channel.delivery import Redelivery
from simulator.config import SimulatorConfig
from simulator.faults import Fault, Kind, When
from tests.postgres import Cluster
from tests.stories.replicas import replicas
from tests.stories.steps import LOCKED, ask, is_locked, writes

_AT_ONCE = SimulatorConfig(audit_query_seconds=0, device_seconds=0)
_TAKEN_OVER_SECONDS = 60.0  # a lease has to run out first


@pytest.fixture
def database_url(postgres: Cluster) -> Iterator[str]:
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop(name)


async def locked_once(bench: Bench, account: str, patience_seconds: float = 30) -> None:
    await bench.until_card(LOCKED, by="alex", where="thread", timeout=patience_seconds)
    assert is_locked(bench.user(account))
    assert len(writes(bench, account)) == 3


def headlines(bench: Bench) -> int:
    return len([post for post in bench.posts(by="alex", where="thread") if "IR-0001" in post.summary])


@pytest.mark.thorough
async def test_three_share_an_incident_and_each_press_counts_once(database_url: str) -> None:
    async with replicas(3, database_url, _AT_ONCE) as (bench, _):
        await ask(bench, "megan@contoso.com")
        await bench.until_button("Lock now", by="alex", where="thread")
        aim = await bench.aim("Lock now", by="alex", where="thread")
        # The same press reaches all three at once, as Teams' second and third delivery do.
        await aim.press_again(Redelivery(times=3, together=True))
        await locked_once(bench, "megan")
        assert headlines(bench) == 1


@pytest.mark.thorough
async def test_two_people_on_two_bots_decide_one_approval_once(database_url: str) -> None:
    async with replicas(2, database_url, _AT_ONCE) as (bench, _):
        await ask(bench, "isaiah@contoso.com")
        await bench.until_button("Approve", by="adele", where="personal", timeout=20)
        yes = await bench.aim("Approve", by="adele", where="personal")
        await bench.until_button("Refuse", by="diego", where="thread", refresh=False)
        no = await bench.aim("Refuse", by="diego", where="thread", refresh=False)
        answers = await asyncio.gather(yes.press(), no.press())
        await bench.settled()
        decided = [answer for answer in answers if not answer.has("already") and not answer.has("was decided")]
        assert len(decided) >= 1
        revoked = [entry for entry in writes(bench, "isaiah") if entry.path.endswith("revokeSignInSessions")]
        assert len(revoked) <= 1


async def test_what_a_killed_bot_leaves_another_finishes(database_url: str) -> None:
    async with replicas(2, database_url, _AT_ONCE) as (bench, shared):
        await ask(bench, "megan@contoso.com")
        await bench.until_button("Lock now", by="alex", where="thread")
        await bench.settled()
        # A job runs where the press arrived: that bot dies right after it has blocked the account.
        first = shared.favourite = shared.bots[0]
        block = f"/users/{bench.user('megan').id}$"
        bench.sim.world.faults.add(
            Fault(kind=Kind.KILL, service="graph", method="PATCH", path=block, when=When.AFTER, pid=first.pid)
        )
        aim = await bench.aim("Lock now", by="alex", where="thread", refresh=False)
        await aim.press(check=False)
        shared.favourite = None
        await locked_once(bench, "megan", _TAKEN_OVER_SECONDS)


@pytest.mark.thorough
async def test_a_rolling_replacement_loses_nothing(database_url: str) -> None:
    async with replicas(2, database_url, _AT_ONCE) as (bench, shared):
        await ask(bench, "megan@contoso.com")
        await bench.until_button("Lock now", by="alex", where="thread")
        for bot in shared.bots:
            await bot.stop()
            await bot.start()
        await bench.until_button("Lock now", by="alex", where="thread")
        await bench.click("Lock now", by="alex", where="thread", refresh=False)
        await locked_once(bench, "megan")
        assert headlines(bench) == 1
