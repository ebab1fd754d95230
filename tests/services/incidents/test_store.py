from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.database import Database, tables
from services.errors import NotFound
from services.incidents import store, timeline
from services.incidents.model import Incident, Subject
from tests.services.fakes import CHANNEL, NOW, VAULT, actor, subject


async def _open(database: Database, name: str, by: str = "alex") -> tuple[Incident, bool]:
    return await store.open_incident(database, subject(name), actor(by), CHANNEL, NOW)


async def test_what_was_opened_reads_back_the_same(database: Database) -> None:
    whole = Subject(
        "id", "Ünï Ço'de", "u@x", None, "IT", "Boss", True, True, "sam", True, ("A", "B"), ("C",), True, True, True,
        True, True, ("Not known",),
    )  # fmt: skip
    opened, new = await store.open_incident(database, whole, actor("alex"), CHANNEL, NOW)
    async with database.read() as connection:
        kept = await store.get(connection, opened.id)
    assert new
    assert kept == opened
    assert kept.subject == whole
    assert (kept.opened_by, kept.conversation, kept.opened_at) == (actor("alex"), CHANNEL, NOW)
    assert kept.label == "IR-0001"


async def test_two_callers_at_once_open_one_incident(database: Database) -> None:
    found = await asyncio.gather(*(_open(database, "megan", by=f"person-{number}") for number in range(12)))
    assert sum(new for _, new in found) == 1
    assert len({incident.id for incident, _ in found}) == 1
    async with database.read() as connection:
        entries = await timeline.read(connection, found[0][0].id)
    assert len(entries) == 1


async def test_incidents_opened_at_once_get_numbers_of_their_own(database: Database) -> None:
    found = await asyncio.gather(*(_open(database, f"person-{number}") for number in range(12)))
    assert all(new for _, new in found)
    assert sorted(incident.number for incident, _ in found) == list(range(1, 13))


async def test_a_closed_incident_does_not_keep_a_new_one_from_opening(database: Database) -> None:
    first, _ = await _open(database, "megan")
    async with database.write() as connection:
        await store.update(connection, first.id, state="closed")
        assert await store.open_subjects(connection) == frozenset()
    second, new = await _open(database, "megan")
    assert new
    assert second.number == first.number + 1


async def test_open_incidents_are_listed_newest_first_and_counted(database: Database) -> None:
    for name in ("a", "b", "c"):
        await _open(database, name)
    async with database.write() as connection:
        closed = await store.by_number(connection, 2)
        assert closed is not None
        await store.update(connection, closed.id, state="closed")
    async with database.read() as connection:
        listed, total = await store.all_open(connection, limit=1)
        assert [incident.number for incident in listed] == [3]
        assert total == 2
        assert await store.open_subjects(connection) == {"a", "c"}
        assert await store.open_of_subject(connection, "b") is None
        assert await store.by_number(connection, 99) is None


async def test_a_thread_knows_its_newest_incident(database: Database) -> None:
    await _open(database, "a")
    newest, _ = await _open(database, "b")
    elsewhere = replace(CHANNEL, id="19:elsewhere")
    await store.open_incident(database, subject("c"), actor("alex"), elsewhere, NOW)
    async with database.read() as connection:
        assert await store.in_conversation(connection, CHANNEL.id) == newest
        assert await store.in_conversation(connection, "19:nowhere") is None


@pytest.mark.parametrize("incident_id", ["", "x", "' OR 1=1 --", "ü" * 100])
async def test_an_incident_that_is_not_there_is_not_found(database: Database, incident_id: str) -> None:
    async with database.read() as connection:
        with pytest.raises(NotFound):
            await store.get(connection, incident_id)


async def test_evidence_is_kept_as_it_came_with_its_sum_in_the_timeline(database: Database) -> None:
    incident, _ = await _open(database, "megan")
    piece = {"rules": [{"name": "Ünï", "since": str(NOW)}], "none": None}
    async with database.write() as connection:
        await store.keep_evidence(connection, VAULT, incident.id, "snapshot", {"inbox rules": piece}, NOW)
    async with database.read() as connection:
        row = (await connection.execute(sa.select(tables.evidence))).one()
        entries = await timeline.read(connection, incident.id)
    raw = VAULT.unpack(row.body)
    assert json.loads(raw) == piece
    assert row.sha256 == hashlib.sha256(raw).hexdigest()
    assert entries[-1].data == {"step": "snapshot", "name": "inbox rules", "sha256": row.sha256, "bytes": len(raw)}


async def test_evidence_that_has_had_its_time_goes_and_its_sum_stays(database: Database) -> None:
    incident, _ = await _open(database, "megan")
    async with database.write() as connection:
        await store.keep_evidence(connection, VAULT, incident.id, "snapshot", {"account": {}}, NOW)
    assert await store.purge_evidence(database, NOW) == 0
    assert await store.purge_evidence(database, NOW + timedelta(seconds=1)) == 1
    async with database.read() as connection:
        entries = await timeline.read(connection, incident.id)
    assert entries[-1].data["sha256"]


def test_nonces_are_compared_whatever_comes() -> None:
    nonce = store.new_nonce()
    assert store.same_nonce(nonce, nonce)
    for given in ("", nonce[:-1], nonce.upper() + "x", "ünï", "\ud800", "x" * 10_000):
        assert not store.same_nonce(nonce, given)
    assert nonce != store.new_nonce()
