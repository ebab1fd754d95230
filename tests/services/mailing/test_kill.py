"""The sending process is killed right before or right after Exchange takes a mail: nothing lost, nothing sent twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from services.database import Database
from services.mailing import MailState
from simulator.faults import Kind, When
from simulator.server import Simulator
from tests.services.mailing.post_office import CAUSE, SENDER, PostOffice

ADDRESSES = [f"p{number}@client.example" for number in range(12)]


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
async def test_a_kill_between_sending_and_recording(
    when: When, database: Database, database_url: str, sim: Simulator
) -> None:
    office = PostOffice.open(sim, database)
    await office.queue(*ADDRESSES)
    told = {"IRBOT_DATABASE_URL": database_url, "IRBOT_MAIL_FROM": SENDER}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.services.mailing.killed_office"),
        env={**os.environ, **sim.environment(), **told},
    )
    office.fault(kind=Kind.KILL, when=when, pid=process.pid, skip=5)
    assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    sim.world.clock.advance(300)
    mailing = office.mailing()
    await mailing.round()
    sent = await office.sent()
    unknown = [address for address, each in sent.items() if each.state is MailState.UNKNOWN]
    assert all(sent[address].state is MailState.SENT for address in ADDRESSES if address not in unknown)
    for address in unknown:
        assert await mailing.send_again(f"{CAUSE}:{address}") is MailState.WANTED
    await mailing.round()
    assert {each.state for each in (await office.sent()).values()} == {MailState.SENT}
    arrived = [row["toRecipients"][0]["emailAddress"]["address"] for row in office.delivered()]
    assert sorted(arrived) == sorted(ADDRESSES)
    await office.m365.close()
