"""Work that runs later, on somebody's word: whether that word still counts is asked when it runs.

Each row is who gave the word, each column what has become of them since; nothing that is not allowed any more has an
effect, and somebody is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

import pytest

from services import brake
from services.approvals import ApprovalState
from services.blasts.model import BlastState, PauseReason
from services.channel import Actor
from services.database import Database
from services.errors import Throttled, UpstreamDown
from services.incidents import store
from services.playbook.step import Rule
from tests.services.blasts.desk import people
from tests.services.blasts.post_office import PostOffice
from tests.services.fakes import CHANNEL, Clock, FakeM365, actor, subject
from tests.services.playbook.bench import ADELE, ALEX, RunnerBench, Things

ZOE = actor("zoe")


class Fate(Enum):
    """What has become of whoever gave the word."""

    SAME = auto()
    WITHOUT_THE_ROLE = auto()
    DISABLED = auto()
    DELETED = auto()
    A_GUEST = auto()
    SUBJECT_OF_AN_INCIDENT = auto()
    NOT_TO_BE_LOOKED_UP = auto()
    ALL_WORK_STOPPED = auto()


class End(Enum):
    """What becomes of the work."""

    RUNS = auto()
    REFUSED = auto()  # for good, and said
    WAITS = auto()  # for a person
    TRIED_AGAIN = auto()  # by itself


# Rows and columns as DESIGN.md wants them: deny by default, and never by a guess.
EXPECTED: dict[str, dict[Fate, End]] = {
    "a step that was approved": {
        Fate.SAME: End.RUNS,
        Fate.WITHOUT_THE_ROLE: End.REFUSED,
        Fate.DISABLED: End.REFUSED,
        Fate.DELETED: End.REFUSED,
        Fate.A_GUEST: End.REFUSED,
        Fate.SUBJECT_OF_AN_INCIDENT: End.REFUSED,
        Fate.NOT_TO_BE_LOOKED_UP: End.REFUSED,
        Fate.ALL_WORK_STOPPED: End.REFUSED,
    },
    "a message whose time has come": {
        Fate.SAME: End.RUNS,
        Fate.WITHOUT_THE_ROLE: End.WAITS,
        Fate.DISABLED: End.WAITS,
        Fate.DELETED: End.WAITS,
        Fate.A_GUEST: End.WAITS,
        Fate.SUBJECT_OF_AN_INCIDENT: End.WAITS,
        Fate.NOT_TO_BE_LOOKED_UP: End.TRIED_AGAIN,
        Fate.ALL_WORK_STOPPED: End.WAITS,
    },
}


async def befall(fate: Fate, whom: Actor, m365: FakeM365, database: Database, clock: Clock) -> None:
    """Lets somebody meet their fate."""
    directory, person = m365.directory, whom.object_id
    match fate:
        case Fate.WITHOUT_THE_ROLE:
            for members in directory.groups.values():
                members.discard(person)
        case Fate.DISABLED:
            directory.accounts[person] = replace(directory.accounts[person], account_enabled=False)
        case Fate.DELETED:
            del directory.accounts[person]
        case Fate.A_GUEST:
            directory.accounts[person] = replace(directory.accounts[person], is_guest=True)
        case Fate.SUBJECT_OF_AN_INCIDENT:
            await store.open_incident(database, subject(person), ZOE, CHANNEL, clock())
        case Fate.NOT_TO_BE_LOOKED_UP:
            directory.fail["groups_of"] = Throttled(service="graph")
        case Fate.ALL_WORK_STOPPED:
            async with database.write() as connection:
                await brake.put_on(connection, ZOE, "drill", clock())
        case Fate.SAME:
            pass


@dataclass
class Work:
    """One kind of work: `carried_out` says what became of it."""

    asker: Actor
    decider: Actor
    m365: FakeM365
    clock: Clock
    carried_out: Callable[[], Awaitable[End]]


async def a_step(database: Database) -> Work:
    things = Things(open={"a": True})
    bench = await RunnerBench.start(database, [replace(things.step(), approval=Rule.SECOND_PERSON)])
    await bench.propose()
    approval = await bench.approved()

    async def carried_out() -> End:
        await bench.runner.execute(approval.id)
        now = await bench.now(approval)
        if now.state is ApprovalState.USED:
            assert things.applied == ["a"]
            return End.RUNS
        assert things.applied == []
        assert now.state is ApprovalState.VOID
        assert now.reason
        return End.REFUSED

    return Work(ALEX, ADELE, bench.m365, bench.clock, carried_out)


async def a_message(database: Database) -> Work:
    office = PostOffice(database)
    blast = await office.approved(people(2))

    async def carried_out() -> End:
        try:
            now = await office.carry_out(blast)
        except UpstreamDown:
            assert not office.teams.posts
            return End.TRIED_AGAIN
        if now.state is BlastState.DONE:
            assert len(office.teams.posts) == 2
            return End.RUNS
        assert not office.teams.posts
        assert now.state is BlastState.PAUSED
        assert now.reason in {PauseReason.STOPPED, PauseReason.BRAKE}
        assert office.told
        return End.WAITS

    assert blast.decided_by is not None
    return Work(blast.requester, blast.decided_by, office.m365, office.clock, carried_out)


KINDS = {"a step that was approved": a_step, "a message whose time has come": a_message}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("whose", ["asker", "decider"])
@pytest.mark.parametrize("fate", Fate, ids=lambda fate: fate.name.lower())
@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_allowed_is_asked_again_when_it_runs(
    kind: str, fate: Fate, whose: str, database: Database
) -> None:
    work = await KINDS[kind](database)
    whom: Actor = getattr(work, whose)
    await befall(fate, whom, work.m365, database, work.clock)
    assert await work.carried_out() is EXPECTED[kind][fate]


def test_the_table_names_every_kind_and_every_fate() -> None:
    assert {kind: set(row) for kind, row in EXPECTED.items()} == {kind: set(Fate) for kind in KINDS}
