"""Webhooks are called once, signed, without following anybody elsewhere; what nobody answered stays unknown."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from services.database import Database
from services.durable import Durable
from services.incidents import store
from services.incidents.model import Incident
from services.mailing import Mailing
from services.partners import notices
from services.partners.contacts import contacts_of
from services.partners.notices import Notice, WebhookState
from services.partners.summary import Summary
from services.partners.webhooks import Webhooks
from services.settings import Settings
from tests.services.fakes import CHANNEL, Clock, FakeM365, actor, settings, subject
from tests.services.partners.receiver import Receiver, partners_file, receiver
from tests.services.playbook.bench import FakeDurable

SUMMARY = Summary("Subject", "Text", json.dumps({"incident": "IR-0001", "summary": "“x” é"}))
ALEX = actor("alex")
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Desk:
    """An incident, a partner's server, and what calls it."""

    database: Database
    settings: Settings
    server: Receiver
    incident: Incident
    clock: Clock
    durable: FakeDurable

    def webhooks(self) -> Webhooks:
        return Webhooks(
            database=self.database,
            settings=self.settings,
            durable=cast("Durable", self.durable),
            contacts=contacts_of(self.settings),
            now=self.clock,
        )

    async def confirm(self) -> None:
        mailing = Mailing(
            database=self.database,
            m365=FakeM365().typed,
            settings=self.settings,
            durable=cast("Durable", self.durable),
            now=self.clock,
        )
        async with self.database.write() as connection:
            draft = await notices.prepare(
                connection, self.incident, contacts_of(self.settings), SUMMARY, ALEX, self.clock()
            )
            await notices.confirm(connection, mailing, self.incident.id, draft, ["northwind"], ALEX, self.clock())

    async def notice(self) -> Notice:
        async with self.database.read() as connection:
            every = await notices.notices_of(connection, self.incident.id)
        return next(each for each in every if each.contact.id == "northwind")


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    clock = Clock()
    async with receiver(tmp_path) as server:
        chosen = settings(
            partners_file=partners_file(tmp_path, server.url),
            webhook_hosts=("127.0.0.1",),
            ca_file=tmp_path / "ca.pem",
            call_timeout_seconds=0.5,
        )
        incident, _ = await store.open_incident(database, subject(str(uuid.uuid4())), ALEX, CHANNEL, clock())
        yield Desk(database, chosen, server, incident, clock, FakeDurable())


async def test_a_call_is_signed_and_made_once_by_however_many_replicas(desk: Desk) -> None:
    await desk.confirm()
    await asyncio.gather(desk.webhooks().round(), desk.webhooks().round())
    await desk.webhooks().round()
    [(path, headers, body)] = desk.server.got
    notice = await desk.notice()
    assert (path, body) == ("/irbot", SUMMARY.payload.encode())
    assert headers["X-IRBot-Delivery"] == notice.id
    assert desk.server.is_signed()
    assert (notice.webhook, notice.webhook_reason) == (WebhookState.SENT, "")


@ONE_DATABASE
@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        (302, WebhookState.FAILED, "points elsewhere"),
        (401, WebhookState.FAILED, "refused it (401)"),
        (500, WebhookState.UNKNOWN, "failed (500)"),
    ],
)
async def test_other_answers_are_final_and_nobody_is_followed(
    desk: Desk, status: int, state: WebhookState, words: str
) -> None:
    desk.server.status = status
    await desk.confirm()
    for _ in range(3):
        await desk.webhooks().round()
        desk.clock.pass_by(minutes=10)
    assert [path for path, _, _ in desk.server.got] == ["/irbot"]
    notice = await desk.notice()
    assert notice.webhook is state
    assert words in notice.webhook_reason


@ONE_DATABASE
async def test_without_an_answer_it_is_unknown_and_not_sent_again(desk: Desk) -> None:
    desk.server.slow_seconds = 2
    await desk.confirm()
    await desk.webhooks().round()
    desk.clock.pass_by(hours=1)
    await desk.webhooks().round()
    assert (await desk.notice()).webhook is WebhookState.UNKNOWN
    assert len(desk.server.got) == 1


@ONE_DATABASE
async def test_a_server_that_is_busy_or_away_is_tried_again_and_not_for_ever(desk: Desk) -> None:
    desk.server.status = 429
    await desk.confirm()
    await desk.webhooks().round()
    assert (await desk.notice()).webhook is WebhookState.WANTED
    await desk.webhooks().round()
    assert len(desk.server.got) == 1
    for _ in range(6):
        desk.clock.pass_by(minutes=10)
        await desk.webhooks().round()
    assert len(desk.server.got) == 5
    assert (await desk.notice()).webhook is WebhookState.FAILED


async def test_a_call_whose_process_died_is_unknown(desk: Desk) -> None:
    desk.server.slow_seconds = 2
    await desk.confirm()
    call = asyncio.create_task(desk.webhooks().round())
    async with asyncio.timeout(5):
        while not desk.server.got:  # noqa: ASYNC110  # until the call is out
            await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    desk.clock.pass_by(minutes=2)
    await desk.webhooks().round()
    assert (await desk.notice()).webhook is WebhookState.UNKNOWN
    assert len(desk.server.got) == 1


@ONE_DATABASE
async def test_a_webhook_that_was_taken_out_of_the_file_is_not_called(desk: Desk) -> None:
    await desk.confirm()
    assert desk.settings.partners_file is not None
    partners_file(desk.settings.partners_file.parent, desk.server.url + "/moved")
    await desk.webhooks().round()
    assert desk.server.got == []
    assert (await desk.notice()).webhook is WebhookState.FAILED


@ONE_DATABASE
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(desk: Desk) -> None:
    desk.settings = desk.settings.model_copy(update={"ca_file": None})
    await desk.confirm()
    await desk.webhooks().round()
    assert desk.server.got == []
    assert (await desk.notice()).webhook is WebhookState.WANTED


@ONE_DATABASE
async def test_who_lost_the_lease_calls_nobody(desk: Desk) -> None:
    desk.durable.lease = False
    await desk.confirm()
    await desk.webhooks().round()
    assert desk.server.got == []
