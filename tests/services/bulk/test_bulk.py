"""A long list is worked off whole whatever happens in between: nothing skipped, nothing done twice, all put back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from services.bulk import Bulk, Halt, Job, JobState, LeaseLost, Progress, halt_lists
from services.database import Database, tables
from services.database.bulk_tables import bulk_items
from services.errors import Conflict, IRBotError, MissingRole, OnPremises, Throttled, UnknownOutcome, UpstreamDown
from tests.services.bulk.mailboxes import NOW, Killed, Mailboxes, bulk, frozen


async def test_a_list_is_worked_off_read_back_and_put_back_exactly(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    before = deepcopy(boxes.held)
    job = await frozen(process, boxes)
    assert (job.total, job.state) == (45, JobState.FROZEN)
    assert await process.check(job.id, boxes) is None
    told: list[str] = []

    async def tell(progress: Progress) -> None:
        told.append(progress.words)

    await process.run(job.id, boxes, tell)
    assert told[0] == "0 of 45"
    assert boxes.open == []
    check = await process.check(job.id, boxes)
    assert check is not None
    assert (check.shown, check.whole, check.left, check.new) == (45, True, 0, 0)
    await process.run(job.id, boxes)
    assert set(boxes.calls.values()) == {1}
    undo = await process.reverse(job.id)
    assert undo is not None
    assert undo == await process.reverse(job.id)
    await process.run(undo, boxes)
    back = await process.check(undo, boxes)
    assert back is not None
    assert back.whole
    assert boxes.held == before


async def test_an_undo_leaves_alone_what_somebody_else_had_closed_before_us(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    boxes.held["box-0003"] |= {"imap": False, "pop": False}
    boxes.held["box-0004"] |= {"imap": False}  # POP is still on
    before = deepcopy(boxes.held)
    await process.run(job.id, boxes)
    undo = await process.reverse(job.id)
    assert undo is not None
    await process.run(undo, boxes)
    assert boxes.held == before


async def test_a_list_whose_mailboxes_were_all_closed_meanwhile_has_nothing_to_put_back(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    for box in boxes.held.values():
        box.update(imap=False, pop=False)
    await process.run(job.id, boxes)
    assert not boxes.calls
    assert await process.reverse(job.id) is None


# -- kills -------------------------------------------------------------------------------------------------------------


def _kill_at(count: int) -> Callable[..., None]:
    """Dies at that call, and never again."""
    calls = 0

    def maybe(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == count:
            raise Killed

    return maybe


def _kill_in_rows(process: Bulk, name: str, count: int, *, after: bool) -> None:
    """The process dies around one of its transactions."""
    original, kill = getattr(process._rows, name), _kill_at(count)

    async def dying(*args: Any, **kwargs: Any) -> Any:
        if not after:
            kill()
        result = await original(*args, **kwargs)
        if after:
            kill()
        return result

    setattr(process._rows, name, dying)


async def _dies(process: Bulk, job_id: str, boxes: Mailboxes) -> None:
    with pytest.raises((Killed, BaseExceptionGroup)):
        await process.run(job_id, boxes)
    boxes.before = boxes.after = lambda key: None
    boxes.on_page = lambda: None


async def _the_next_one_finishes(database: Database, job_id: str, boxes: Mailboxes) -> None:
    second = bulk(database, "second")
    await second.run(job_id, boxes)
    assert boxes.open == []
    assert set(boxes.changes.values()) <= {1}
    check = await second.check(job_id, boxes)
    assert check is not None
    assert (check.shown, check.whole, check.left) == (45, True, 0)
    undo = await second.reverse(job_id)
    assert undo is not None
    await second.run(undo, boxes)
    assert len(boxes.open) == 45


@pytest.mark.parametrize("count", [1, 45])
@pytest.mark.parametrize("hook", ["before", "after"])
async def test_a_kill_around_any_change_loses_and_repeats_nothing(database: Database, hook: str, count: int) -> None:
    boxes, first = Mailboxes(), bulk(database)
    job = await frozen(first, boxes)
    setattr(boxes, hook, _kill_at(count))
    await _dies(first, job.id, boxes)
    await _the_next_one_finishes(database, job.id, boxes)
    assert set(boxes.calls.values()) <= {1, 2}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("name", "count"), [("settle", 2), ("begin", 1), ("turn", 1), ("turn", 2), ("end", 1)])
async def test_a_kill_around_any_record_loses_and_repeats_nothing(
    database: Database, name: str, count: int, *, after: bool
) -> None:
    boxes, first = Mailboxes(), bulk(database)
    job = await frozen(first, boxes)
    _kill_in_rows(first, name, count, after=after)
    await _dies(first, job.id, boxes)
    await _the_next_one_finishes(database, job.id, boxes)


async def test_what_took_effect_before_the_kill_is_looked_at_and_not_sent_again(database: Database) -> None:
    boxes, first = Mailboxes(), bulk(database)
    job = await frozen(first, boxes)
    _kill_in_rows(first, "turn", 2, after=False)
    await _dies(first, job.id, boxes)
    assert sum(boxes.changes.values()) == 45  # and no record of any of them
    await _the_next_one_finishes(database, job.id, boxes)
    assert set(boxes.calls.values()) == {2}  # once off, once on again


async def test_an_undo_that_was_killed_while_its_list_was_made_is_made_anew(database: Database) -> None:
    boxes, first = Mailboxes(), bulk(database)
    job = await frozen(first, boxes)
    await first.run(job.id, boxes)
    _kill_in_rows(first, "freeze", 1, after=False)
    with pytest.raises(Killed):
        await first.reverse(job.id)
    undo = await bulk(database, "second").reverse(job.id)
    assert undo is not None
    assert (await bulk(database).need(undo)).total == 45


async def test_a_process_that_may_not_act_any_more_stops_before_the_next_change(database: Database) -> None:
    boxes, alive = Mailboxes(), True
    first = bulk(database, may_act=lambda: alive)
    job = await frozen(first, boxes)

    def lose(key: str) -> None:
        nonlocal alive
        alive = False

    boxes.after = lose
    with pytest.raises(LeaseLost):
        await first.run(job.id, boxes)
    assert sum(boxes.changes.values()) <= 10  # those that were under way
    boxes.after = lambda key: None
    await _the_next_one_finishes(database, job.id, boxes)


async def test_two_processes_share_a_list_and_nobody_takes_what_the_other_has(database: Database) -> None:
    boxes = Mailboxes(200)
    first, second = bulk(database, "first"), bulk(database, "second")
    async with database.write() as connection:
        await connection.execute(
            sa.insert(tables.executors),
            [{"id": name, "started_at": NOW, "heartbeat_at": NOW} for name in ("first", "second")],
        )
    job = await frozen(first, boxes)
    async with asyncio.timeout(30):
        await asyncio.gather(first.run(job.id, boxes), second.run(job.id, boxes))
    assert set(boxes.calls.values()) == {1}
    assert len(boxes.calls) == 200


# -- a service that does not do its part -------------------------------------------------------------------------------


def _raising(error: IRBotError, keys: set[str], times: int) -> Callable[[str], None]:
    left = dict.fromkeys(keys, times)

    def fail(key: str) -> None:
        if left.get(key, 0) > 0:
            left[key] -= 1
            raise error

    return fail


@pytest.mark.parametrize("error", [Throttled(0.0), UnknownOutcome(), UpstreamDown()], ids=lambda error: error.code)
async def test_what_was_surely_not_done_is_done_a_little_later(database: Database, error: IRBotError) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    boxes.before = _raising(error, {"box-0001", "box-0007"}, 1)
    await process.run(job.id, boxes)
    assert boxes.open == []
    assert set(boxes.calls.values()) == {1}


async def test_what_was_done_without_an_answer_is_not_sent_again_and_is_put_back(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    before = deepcopy(boxes.held)
    job = await frozen(process, boxes)
    boxes.after = _raising(UnknownOutcome(), {"box-0001"}, 1)
    await process.run(job.id, boxes)
    assert boxes.calls["box-0001"] == 1
    undo = await process.reverse(job.id)
    assert undo is not None
    await process.run(undo, boxes)
    assert boxes.held == before


async def test_what_never_gets_an_answer_is_left_to_a_person(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    boxes.before = _raising(UnknownOutcome(), {"box-0001"}, 99)
    await process.run(job.id, boxes)
    check = await process.check(job.id, boxes)
    assert check is not None
    assert (check.missing, check.shown, check.whole) == (1, 44, False)


async def test_one_that_is_refused_stops_no_other_and_one_that_vanished_is_done(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    boxes.before = _raising(OnPremises(), {"box-0001"}, 99)
    del boxes.held["box-0002"]
    await process.run(job.id, boxes)
    check = await process.check(job.id, boxes)
    assert check is not None
    assert (check.shown, check.gone, list(check.failed.values())) == (43, 1, [1])
    boxes.before = lambda key: None
    await process.run(job.id, boxes)
    assert boxes.open == []


async def test_a_missing_role_is_an_error_while_nothing_is_done_and_a_reason_afterwards(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)

    def refuse(key: str) -> NoReturn:
        raise MissingRole(roles=["Exchange Administrator"], cmdlet="Set-CASMailbox")

    boxes.before = refuse
    with pytest.raises(MissingRole):
        await process.run(job.id, boxes)
    assert not boxes.calls

    def later(key: str) -> None:
        if sum(boxes.calls.values()) >= 20:
            refuse(key)

    boxes.before = later
    await process.run(job.id, boxes)
    check = await process.check(job.id, boxes)
    assert check is not None
    assert (check.left, check.whole) == (25, True)
    assert "Set-CASMailbox" in check.reason


# -- people ------------------------------------------------------------------------------------------------------------


async def _halt(database: Database, job: Job, halt: Halt) -> None:
    async with database.write() as connection:
        await halt_lists(connection, [job.id], halt)


async def test_a_stop_leaves_the_rest_and_says_so(database: Database) -> None:
    boxes, process = Mailboxes(200), bulk(database)
    job = await frozen(process, boxes)
    await _halt(database, job, Halt.STOPPED)
    with pytest.raises(Conflict, match="work-stopped"):
        await process.run(job.id, boxes)
    assert not boxes.calls
    assert (await process.progress(job.id)).words == "0 of 200"
    await process.run(job.id, boxes)
    assert boxes.open == []


async def test_a_pause_holds_the_work_until_it_is_over(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    await _halt(database, job, Halt.PAUSED)
    running = asyncio.create_task(process.run(job.id, boxes))
    await asyncio.sleep(0.3)
    assert not boxes.calls
    assert (await process.progress(job.id)).words == "0 of 45, paused"
    await _halt(database, job, Halt.NONE)
    await asyncio.wait_for(running, 10)
    assert boxes.open == []


async def test_the_organisations_stop_stops_every_list(database: Database) -> None:
    boxes = Mailboxes()

    async def stopped() -> bool:
        return True

    process = Bulk(database, owner="first", may_act=lambda: True, now=lambda: NOW, stopped=stopped)
    job = await frozen(process, boxes)
    with pytest.raises(Conflict, match="work-stopped"):
        await process.run(job.id, boxes)
    assert not boxes.calls


async def test_a_list_that_was_changed_is_not_the_one_that_was_approved(database: Database) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes)
    assert (await process.need(job.id, job.digest)).id == job.id
    async with database.write() as connection:
        await connection.execute(sa.update(bulk_items).where(bulk_items.c.key == "box-0001").values(key="box-9999"))
    for doing in (process.need(job.id, job.digest), process.run(job.id, boxes)):
        with pytest.raises(Conflict, match="list-changed"):
            await doing
    assert not boxes.calls


async def test_reading_back_counts_what_is_on_again_and_what_is_new_but_not_who_was_left_out(
    database: Database,
) -> None:
    boxes, process = Mailboxes(), bulk(database)
    job = await frozen(process, boxes, without=["box-0001"])
    await process.run(job.id, boxes)
    assert boxes.open == ["box-0001"]
    assert (await process.check(job.id, boxes)) is not None
    boxes.held["box-0002"]["imap"] = True
    boxes.held["newcomer"] = {"imap": True, "pop": True}
    check = await process.check(job.id, boxes)
    assert check is not None
    assert (check.again, check.new, check.whole) == (1, 1, False)


def test_progress_in_words() -> None:
    assert Progress(12_400, 49_812, 14 * 60.0).words == "12,400 of 49,812, about 14 min left"
    assert Progress(5, 49_812, 9_000.0).words == "5 of 49,812, about 2.5 hours left"
