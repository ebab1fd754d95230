"""How a warning or a lesson ends is a run of its step, once, and never better than it was."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.blasts.model import Blast, BlastKind, BlastState, Counts, Recipient, Via
from services.blasts.outcomes import Outcomes, outcome_of
from services.blasts.reach import Reach
from services.database import Database
from services.database.blast_tables import blasts
from services.incidents import store
from services.incidents.model import Subject
from services.playbook.ledger import Ledger, Run, RunKind, runs_of
from services.playbook.step import State
from services.vault import Vault
from tests.services.blasts.desk import CAROL, Desk
from tests.services.fakes import CHANNEL

KEY = "q" * 43 + "="
REACH = Reach(200, 14, 37, ("en",), frozenset({"en"}))
AUDIENCE = (Recipient("ann", Via.TEAMS, "Ann"), Recipient("jo@fabrikam.com", Via.MAIL, "", "en-x-out"))


async def _blast(desk: Desk, state: BlastState, kind: BlastKind = BlastKind.WARN) -> Blast:
    subject = Subject("megan", "Megan Bowen", "megan@contoso.com")
    incident, _ = await store.open_incident(desk.database, subject, CAROL, CHANNEL, desk.clock())
    blast = await desk.approved(AUDIENCE, kind=kind, incident_id=incident.id)
    async with desk.database.write() as connection:
        await connection.execute(sa.update(blasts).values(state=state.value, finished_at=desk.clock()))
    return await desk.now(blast)


async def _runs(desk: Desk, blast: Blast) -> list[Run]:
    async with desk.database.read() as connection:
        return [run for run in await runs_of(connection, str(blast.incident_id)) if run.kind is RunKind.GUIDED]


async def test_an_end_is_recorded_once_and_a_recall_is_another_end(database: Database) -> None:
    desk = Desk(database)
    outcomes = Outcomes(database, Ledger(database, Vault((KEY,))), desk.clock)
    blast = await _blast(desk, BlastState.RUNNING)
    assert await outcomes.record_ended() == 0
    async with database.write() as connection:
        await connection.execute(sa.update(blasts).values(state="done"))
    assert await outcomes.record_ended() == 1
    assert await outcomes.record_ended() == 0
    (run,) = await _runs(desk, blast)
    assert (run.step_id, run.state, run.actor) == ("warn-colleagues", State.DONE, CAROL)
    async with database.write() as connection:
        await connection.execute(sa.update(blasts).values(state="recalled"))
    assert await outcomes.record_ended() == 1
    assert [run.state for run in await _runs(desk, blast)] == [State.DONE, State.UNDONE]


async def test_a_lesson_is_a_step_of_its_own(database: Database) -> None:
    desk = Desk(database)
    blast = await _blast(desk, BlastState.CANCELLED, BlastKind.EDUCATE)
    await Outcomes(database, Ledger(database, Vault((KEY,))), desk.clock).record_ended()
    (run,) = await _runs(desk, blast)
    assert (run.step_id, run.state) == ("educate-users", State.SKIPPED)


@pytest.mark.parametrize(
    ("state", "counts", "end", "words"),
    [
        (BlastState.DONE, Counts(251, 251), State.DONE, "214 inside and 37 outside were warned."),
        (BlastState.DONE, Counts(251, 251, clicked=3), State.DONE, "3 said that they clicked."),
        (BlastState.DONE, Counts(251, 248, failed=3), State.FAILED, "248 of 251 warned; 3 not reached."),
        (BlastState.DONE, Counts(251, 240, failed=3, unknown=8), State.UNKNOWN, "Of 8 nobody knows"),
        (BlastState.CANCELLED, Counts(251, 10), State.SKIPPED, "Cancelled. 10 had it already."),
        (BlastState.CANCELLED, Counts(251), State.SKIPPED, "Cancelled. Nothing was sent."),
        (BlastState.REFUSED, Counts(251), State.REFUSED, "Refused by Adele. Nothing was sent."),
        (BlastState.EXPIRED, Counts(251), State.SKIPPED, "Nobody decided in time."),
        (BlastState.RECALLED, Counts(251, recalled=214), State.UNDONE, "214 messages were taken back."),
    ],
)
async def test_the_end_is_said_in_words(
    database: Database, state: BlastState, counts: Counts, end: State, words: str
) -> None:
    outcome = outcome_of(await _blast(Desk(database), state), REACH, counts)
    assert outcome.state is end
    assert words in outcome.reason
