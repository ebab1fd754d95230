"""Every way to have an effect, walked while all work is stopped: nothing leaves, and all of it goes on afterwards.

Each path below is stopped at the worst moment: after the work was claimed, right before the effect.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from kiota_abstractions.method import Method

from services import brake, microsoft365
from services.blasts import braking, rows
from services.blasts.model import BlastState
from services.bulk import Switches
from services.database import Database
from services.errors import Stopped
from services.incidents import store
from services.mailing import MailState
from services.microsoft365.budgets import Budgets
from services.microsoft365.exchange import ALL, RestBackend
from services.microsoft365.exchange.backend import ORGANISATION, Call
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Effect, Operation
from services.microsoft365.tokens import Tokens
from services.partners.notices import WebhookState
from services.playbook.step import State
from services.settings import Settings
from simulator.server import Simulator
from tests.services.blasts.desk import people
from tests.services.blasts.post_office import PostOffice as Blasting
from tests.services.bulk.mailboxes import Mailboxes, bulk, frozen
from tests.services.fakes import CHANNEL, NOW, Clock, actor, settings, subject
from tests.services.mailing.post_office import PostOffice as Mails
from tests.services.partners.receiver import partners_file, receiver
from tests.services.partners.test_webhooks import Desk as Partner
from tests.services.playbook.bench import FakeDurable, RunnerBench, Things
from tests.services.playbook.tenancy import unpaced

ZOE = actor("zoe")


@dataclass
class StopsAtTheDoor:
    """A gate at which the stop arrives together with the effect that it closes for. `seen` counts who came."""

    database: Database
    seen: int = 0
    armed: bool = True
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        self.seen += 1
        async with self.turn:
            if self.armed:
                self.armed = False
                await stop(self.database)
        await brake.Brake(self.database).insist()


@dataclass(frozen=True)
class Stage:
    """What a path is played on."""

    sim: Simulator
    database: Database
    folder: Path


async def stop(database: Database) -> None:
    """As the command does, without its card."""
    async with database.write() as connection:
        await brake.put_on(connection, ZOE, "drill", NOW)
        await braking.hold(connection, ZOE, NOW)


async def resume(database: Database) -> None:
    async with database.write() as connection:
        await brake.take_off(connection, ZOE, NOW)
        await braking.let_go(connection, ZOE, NOW)


def _graph_changes() -> list[Operation]:
    """Every declared call of Graph that changes something."""
    found: dict[str, Operation] = {}
    for module in pkgutil.iter_modules(microsoft365.__path__, f"{microsoft365.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Operation) and value.effect is not Effect.READ:
                found[value.name] = value
    return list(found.values())


async def test_no_declared_change_of_microsoft_365_leaves_by_any_way(sim: Simulator, database: Database) -> None:
    values: dict[str, Any] = {name.removeprefix("IRBOT_").lower(): each for name, each in sim.environment().items()}
    chosen = Settings(**values)
    tokens = Tokens(chosen)
    gate = brake.Brake(database).insist
    changes = _graph_changes()
    asks = [each.name for each in changes if each.asks]
    assert (len(changes) > 30, asks) == (True, ["submit-audit-query"])
    await stop(database)
    async with httpx.AsyncClient() as http:
        graph = Graph(chosen, tokens, http, gate=gate, budgets=Budgets())
        exchange = RestBackend(chosen, tokens, gate=gate)
        for operation in changes:
            if not operation.asks:
                request = graph.request(Method.POST, graph.client.users, body={})
                with pytest.raises(Stopped):
                    await graph.call(operation, request)
        writing = sorted({name for each in ALL.values() if each.effect is not Effect.READ for name in each.needs})
        writing = [name for name in writing if not Call(name, {}).reads]
        assert len(writing) > 20
        for cmdlet in writing:
            with pytest.raises(Stopped):
                await exchange.invoke(cmdlet, {"Identity": "megan@contoso.com"}, anchor=ORGANISATION)
        read = Call("Get-CASMailbox", {"Identity": "megan@contoso.com"})
        both = await exchange.invoke_many([Call("Set-CASMailbox", {"Identity": "megan@contoso.com"}), read])
        assert isinstance(both[0], Stopped)
        assert not isinstance(both[1], Exception)
        left = [entry for entry in sim.world.journal if entry.service == "graph" and entry.method != "GET"]
        assert left == []
        commands = [
            entry.body["CmdletInput"]["CmdletName"]
            for entry in sim.world.journal.entries(service="exchange", method="POST")
            if isinstance(entry.body, dict) and "CmdletInput" in entry.body
        ]
        assert set(commands) == {"Get-CASMailbox"}
        await exchange.close()
    await tokens.close()


# -- the paths ---------------------------------------------------------------------------------------------------------


async def _mail(stage: Stage) -> None:
    sim, database = stage.sim, stage.database
    office = Mails.open(sim, database)
    door = StopsAtTheDoor(database)
    office.m365 = unpaced(office.settings, Tokens(office.settings), door)
    mailing = office.mailing()
    await office.queue("partner@fabrikam.example")
    await mailing.round()
    assert (door.seen, office.delivered(), await office.state("partner@fabrikam.example")) == (1, [], MailState.WANTED)
    await mailing.round()
    assert door.seen == 1
    await resume(database)
    await mailing.round()
    await office.until_delivered()
    assert await office.state("partner@fabrikam.example") is MailState.SENT


async def _message(stage: Stage) -> None:
    database = stage.database
    office = Blasting(database)
    office.delivery = office.engine("one", blast_messages_per_second=35.0)
    count = 20

    async def and_stop(person: str) -> None:
        if len(office.teams.posts) == 1:
            await stop(database)

    office.teams.before_post = and_stop
    blast = await office.carry_out(await office.approved(people(count)))
    assert blast.state is BlastState.PAUSED
    assert 0 < len(office.teams.posts) < count
    assert (await office.counts(blast)).unknown == 0
    office.teams.before_post = None
    before = len(office.teams.posts)
    await office.carry_out(blast)
    assert len(office.teams.posts) == before
    await resume(database)
    blast = await office.carry_out(blast)
    assert blast.state is BlastState.DONE
    assert sorted(to for to, _ in office.teams.posts) == [f"person-{number:05}" for number in range(count)]


async def _recall(stage: Stage) -> None:
    database = stage.database
    office = Blasting(database)
    blast = await office.carry_out(await office.approved(people(3)))
    await office.blasts.recall(blast.id, blast.requester, CHANNEL)
    await stop(database)
    assert await office.delivery.pending() == []
    blast = await office.carry_out(blast)  # a run that had begun
    assert (blast.state, office.teams.gone) == (BlastState.RECALLING, set())
    await resume(database)
    assert await office.delivery.pending() == [rows.run_key(blast.id, blast.run)]
    blast = await office.carry_out(blast)
    assert (blast.state, len(office.teams.gone)) == (BlastState.RECALLED, 3)


class Guarded(Mailboxes):
    """Mailboxes behind the gate, as Exchange is."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.stopped = asyncio.Event()
        self._door = StopsAtTheDoor(database)

    async def change(self, key: str, switches: Switches) -> bool:
        try:
            await self._door()
        except Stopped:
            self.stopped.set()
            raise
        return await super().change(key, switches)


async def _many_mailboxes(stage: Stage) -> None:
    database = stage.database
    boxes, process = Guarded(database), bulk(database)
    job = await frozen(process, boxes)
    working = asyncio.create_task(process.run(job.id, boxes))
    await boxes.stopped.wait()
    await asyncio.sleep(0)
    assert not boxes.calls
    await resume(database)
    await working
    assert boxes.open == []
    assert set(boxes.calls.values()) == {1}


async def _step(stage: Stage) -> None:
    database = stage.database
    things = Things(open={"a": True, "b": True})
    bench = await RunnerBench.start(database, [things.step()])
    await bench.propose()
    approval = await bench.approved()
    await stop(database)
    await bench.runner.execute(approval.id)
    assert things.applied == []
    await resume(database)
    await bench.locked()
    assert things.applied == ["a", "b"]
    assert (await bench.states())["shut-things"] is State.DONE


async def _webhook(stage: Stage) -> None:
    database, clock = stage.database, Clock()
    async with receiver(stage.folder) as server:
        chosen = settings(
            partners_file=partners_file(stage.folder, server.url),
            webhook_hosts=("127.0.0.1",),
            ca_file=stage.folder / "ca.pem",
        )
        incident, _ = await store.open_incident(database, subject(), ZOE, CHANNEL, clock())
        desk = Partner(database, chosen, server, incident, clock, FakeDurable())
        await desk.confirm()
        await stop(database)
        await desk.webhooks().round()
        notice = await desk.notice()
        assert (server.got, notice.webhook, notice.attempts) == ([], WebhookState.WANTED, 0)
        await resume(database)
        await desk.webhooks().round()
        assert (len(server.got), (await desk.notice()).webhook) == (1, WebhookState.SENT)


PATHS: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "a mail that is claimed": _mail,
    "a message whose turn has come": _message,
    "a message that is being taken back": _recall,
    "a mailbox of a long list": _many_mailboxes,
    "a step that was approved": _step,
    "a call of a partner": _webhook,
}


@pytest.fixture
async def stopped_later(database: Database) -> AsyncIterator[Database]:
    yield database
    async with database.read() as connection:
        assert await brake.current(connection) is None  # each path has gone on again


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_about_to_happen_waits_and_goes_on(
    path: str, sim: Simulator, stopped_later: Database, tmp_path: Path
) -> None:
    await PATHS[path](Stage(sim, stopped_later, tmp_path))
