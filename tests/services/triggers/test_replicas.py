"""Several replicas look in turns, and each sign comes once: on both databases."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
import sqlalchemy as sa

from services.channel import Conversation, ConversationKind
from services.database import Database, tables
from services.database.trigger_tables import trigger_polls, triggers
from services.errors import MissingLicence, UpstreamDown
from services.microsoft365.listing import Listing
from services.microsoft365.risk import AccountRisk, RiskDetection, RiskyAccount
from services.people import People
from services.posts import Posts
from services.triggers.work import NO_PLACE, Triggers
from tests.services.fakes import Clock, account, actor, settings
from tests.services.playbook.bench import RunnerBench

_CHANNEL = "19:incidents@thread.tacv2"


class _Risk:
    """Identity Protection with one account at risk."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[datetime] = []
        self.fail: Exception | None = None
        self.level = "high"
        self.detection = "d1"

    async def changed(self, since: datetime, limit: int) -> Listing[RiskyAccount]:
        self.asked.append(since)
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        risk = AccountRisk(self.level, "atRisk", "none", False, self.clock())
        return Listing((RiskyAccount("patti", "Patti", "patti@contoso.com", False, risk),), complete=True)

    async def detections(self, object_id: str, since: datetime, limit: int) -> Listing[RiskDetection]:
        found = RiskDetection(
            self.detection, self.clock(), "passwordSpray", self.level, "atRisk", "203.0.113.7", "", ""
        )
        return Listing((found,), complete=True)


class _Alerts:
    async def changed(self, since: datetime, limit: int) -> Listing[Any]:
        return Listing((), complete=True)


class _Cloud:
    """As much of Microsoft 365 as triggers look at."""

    def __init__(self, real: Any, clock: Clock) -> None:
        self.directory, self.mailbox = real.directory, real.mailbox
        self.risk, self.alerts = _Risk(clock), _Alerts()


class _Replicas:
    def __init__(self, database: Database, bench: RunnerBench) -> None:
        self.database, self.clock = database, bench.clock
        bench.m365.directory.accounts["patti"] = account("patti")
        self.cloud = _Cloud(bench.m365, bench.clock)
        chosen = settings(incident_channel=_CHANNEL, trigger_seconds=60)
        self.people = People(database, bench.clock)
        self.all = [
            Triggers(
                database=database,
                m365=cast("Any", self.cloud),
                settings=chosen,
                posts=Posts(database),
                holder=name,
                now=bench.clock,
            )
            for name in ("one", "two", "three")
        ]

    async def round(self) -> None:
        await asyncio.gather(*(each.round() for each in self.all))

    async def rows(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(sa.select(triggers).order_by(triggers.c.created_at)))

    async def posts(self) -> list[str]:
        query = sa.select(tables.posts.c.subject_key).where(tables.posts.c.kind == "trigger")
        async with self.database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def meet(self) -> None:
        where = Conversation(_CHANNEL + ";messageid=1", ConversationKind.CHANNEL, "https://smba.example/", "tenant")
        await self.people.seen(actor("alex"), where)
        await self.all[0].seen(where)


@pytest.fixture
async def replicas(database: Database) -> _Replicas:
    return _Replicas(database, await RunnerBench.start(database))


async def test_one_replica_asks_at_a_time_and_one_card_comes(replicas: _Replicas) -> None:
    assert (await replicas.all[0].notes())["channel"] == NO_PLACE
    await replicas.round()
    assert len(replicas.cloud.risk.asked) == 1
    assert len(await replicas.rows()) == 1
    assert await replicas.posts() == []  # nobody was met; the row waits
    await replicas.meet()
    await replicas.round()
    assert len(replicas.cloud.risk.asked) == 1  # the next look is not due
    assert len(await replicas.posts()) == 1
    assert await replicas.all[0].notes() == {}
    replicas.clock.pass_by(seconds=61)
    replicas.cloud.risk.detection = "d2"
    await replicas.round()
    assert len(replicas.cloud.risk.asked) == 2
    [row] = await replicas.rows()
    assert [sign["id"] for sign in row.signs] == ["d1", "d2"]


async def test_a_look_that_fails_or_dies_is_made_again_from_where_the_last_good_one_began(replicas: _Replicas) -> None:
    risk = replicas.cloud.risk
    await replicas.round()
    good = replicas.clock()
    risk.fail = UpstreamDown(service="graph")
    replicas.clock.pass_by(minutes=2)
    await replicas.round()
    assert "risk" in await replicas.all[0].notes()
    risk.fail, risk.detection = None, "d2"
    replicas.clock.pass_by(hours=3)
    await replicas.round()
    assert risk.asked[-1] == good - timedelta(minutes=15)
    assert "risk" not in await replicas.all[0].notes()

    # A replica that died while it looked: its lease runs out, and another takes over.
    replicas.clock.pass_by(minutes=2)
    async with replicas.database.write() as connection:
        await connection.execute(
            sa.update(trigger_polls).values(holder="dead", lease_until=replicas.clock() + timedelta(minutes=2))
        )
    before = len(risk.asked)
    await replicas.round()
    assert len(risk.asked) == before
    replicas.clock.pass_by(minutes=3)
    await replicas.round()
    assert len(risk.asked) == before + 1


async def test_a_missing_licence_is_said_and_not_asked_for_every_minute(replicas: _Replicas) -> None:
    replicas.cloud.risk.fail = MissingLicence(licence="Microsoft Entra ID P2")
    await replicas.round()
    replicas.clock.pass_by(minutes=2)
    await replicas.round()
    assert len(replicas.cloud.risk.asked) == 1
    assert "Microsoft Entra ID P2" in (await replicas.all[0].notes())["risk"]
