from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from services.database import Database
from services.incidents import store, timeline
from services.incidents.timeline import AuditTag, Entry, first_break
from tests.services.fakes import CHANNEL, NOW, actor, subject


@pytest.fixture
async def incident_id(database: Database) -> str:
    """An incident whose timeline has five lines."""
    incident, _ = await store.open_incident(database, subject(), actor("alex"), CHANNEL, NOW)
    for number in range(4):
        await _append(database, incident.id, number)
    return incident.id


async def _append(database: Database, incident_id: str, number: int) -> None:
    async with database.write() as connection:
        await timeline.append(
            connection,
            incident_id,
            AuditTag.STEP_ENDED,
            at=NOW + timedelta(seconds=number),
            actor_id="alex",
            data={"number": number, "text": "Ünï \u202e \" ' \\ <b>", "nested": {"b": [1, 2.5, None], "a": True}},
        )


async def _read(database: Database, incident_id: str) -> tuple[tuple[Entry, ...], int]:
    async with database.read() as connection:
        return await timeline.read(connection, incident_id), (await store.get(connection, incident_id)).revision


async def _attempt(database: Database, statement: str, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(statement), values)


async def test_an_untouched_chain_is_whole(database: Database, incident_id: str) -> None:
    entries, length = await _read(database, incident_id)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].event == AuditTag.INCIDENT_OPENED
    assert first_break(incident_id, entries, length) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE timeline SET actor_id = 'somebody-else' WHERE seq = 2",
        "UPDATE timeline SET hash = hash",
        "DELETE FROM timeline WHERE seq = 2",
        "DELETE FROM timeline",
    ],
)
async def test_the_database_refuses_to_change_a_line(database: Database, incident_id: str, statement: str) -> None:
    before = await _read(database, incident_id)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        await _attempt(database, statement)
    assert await _read(database, incident_id) == before


async def test_the_database_refuses_to_empty_or_replace_lines(database: Database, incident_id: str) -> None:
    before = await _read(database, incident_id)
    if database.is_sqlite:
        other = ("INSERT OR REPLACE INTO timeline SELECT id, incident_id, seq, at, 'other', actor_id, data,"
                 " previous_hash, hash FROM timeline WHERE seq = 2")  # fmt: skip
    else:
        other = "TRUNCATE timeline"
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        await _attempt(database, other)
    assert await _read(database, incident_id) == before


async def test_a_changed_line_shows(database: Database, incident_id: str) -> None:
    entries, length = await _read(database, incident_id)
    changes: list[dict[str, Any]] = [
        {"actor_id": "somebody-else"},
        {"at": NOW + timedelta(days=1)},
        {"data": {}},
        {"event": "step:refused"},
        {"hash": "0" * 64},
        {"previous_hash": "f" * 64},
        {"seq": 9},
    ]
    for change in changes:
        for position in range(5):
            changed = list(entries)
            changed[position] = replace(changed[position], **change)
            assert first_break(incident_id, changed, length) == position + 1, change


async def test_a_removed_line_shows_even_at_the_end(database: Database, incident_id: str) -> None:
    entries, length = await _read(database, incident_id)
    for position in range(5):
        left = [entry for entry in entries if entry.seq != position + 1]
        assert first_break(incident_id, left, length) == position + 1
        assert first_break(incident_id, entries[:position], length) == position + 1


async def test_a_line_put_in_shows(database: Database, incident_id: str) -> None:
    entries, length = await _read(database, incident_id)
    assert first_break(incident_id, [*entries[:2], entries[1], *entries[2:]], length) == 3
    one_more = replace(entries[4], seq=6, previous_hash=entries[4].hash)
    forged = replace(
        one_more,
        hash=timeline._digest(
            incident_id, 6, one_more.at, one_more.event, one_more.actor_id, one_more.data, one_more.previous_hash
        ),
    )
    assert first_break(incident_id, [*entries, forged], length) == 6


async def test_lines_of_another_incident_do_not_pass_for_these(database: Database, incident_id: str) -> None:
    entries, length = await _read(database, incident_id)
    assert first_break("another", entries, length) == 1


async def test_appends_at_the_same_time_keep_the_chain_whole(database: Database, incident_id: str) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(_append(database, incident_id, number) for number in range(30)))
    entries, length = await _read(database, incident_id)
    assert [entry.seq for entry in entries] == list(range(1, 36))
    assert length == 35
    assert first_break(incident_id, entries, length) is None


async def test_a_line_goes_with_the_change_that_it_tells_of(database: Database, incident_id: str) -> None:
    async def change_and_fail() -> None:
        async with database.write() as connection:
            await store.update(connection, incident_id, phase="lock")
            await timeline.append(connection, incident_id, AuditTag.PLAN_PROPOSED, at=NOW)
            raise LookupError

    before = await _read(database, incident_id)
    with pytest.raises(LookupError):
        await change_and_fail()
    assert await _read(database, incident_id) == before


def test_tags_are_alphabetised_and_have_one_form() -> None:
    names = [tag.value for tag in AuditTag]
    assert names == sorted(names)
    assert all(thing and done and not rest for thing, _, done, *rest in (name.partition(":") for name in names))
