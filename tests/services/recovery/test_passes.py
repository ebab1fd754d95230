"""A pass is shown once to one person; whatever goes wrong in between, none is left behind, and no row holds it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.database import Database, tables
from services.database.task_tables import access_passes
from services.errors import Conflict, Expired, NotAllowed, NotFound, UnknownOutcome, UpstreamDown
from services.microsoft365.sign_in_methods import AccessPass
from services.playbook.past import PassState
from services.playbook.step import Context
from tests.services.fakes import actor
from tests.services.playbook.bench import Killed
from tests.services.recovery.desk import CODE, RecoveryDesk


async def desk_and_context(database: Database) -> tuple[RecoveryDesk, Context]:
    desk = await RecoveryDesk.start(database)
    return desk, await desk.context(cause="approval-1", asked_by="alex", decided_by=actor("adele"))


async def hand_over(desk: RecoveryDesk, ctx: Context) -> None:
    async def make() -> AccessPass:
        return await desk.methods.create_pass("megan", minutes=60, usable_once=True)

    await desk.past.hand_over(ctx, make)


async def written(desk: RecoveryDesk) -> str:
    """Everything that the database holds."""
    async with desk.bench.database.read() as connection:
        return str([list(await connection.execute(sa.select(table))) for table in tables.metadata.sorted_tables])


async def test_it_is_shown_once_to_who_decided_and_stands_in_no_row(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    await hand_over(desk, ctx)
    assert desk.courier.shown == [("chat-adele", CODE)]
    assert await desk.past.pass_state("approval-1") is PassState.SHOWN
    assert CODE not in await written(desk)
    assert "pass:shown" in [event for event, _ in await desk.bench.events()]


async def test_it_is_hidden_after_a_while_and_a_message_that_is_gone_counts_as_hidden(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    await hand_over(desk, ctx)
    await desk.passes.tidy()
    assert desk.courier.hidden == []
    desk.bench.clock.pass_by(minutes=16)
    desk.courier.fail["hide"] = UpstreamDown(service="bot-connector")
    await desk.passes.tidy()
    assert await desk.past.pass_state("approval-1") is PassState.SHOWN  # it is tried again
    desk.courier.fail["hide"] = NotFound(what="message")
    await desk.passes.tidy()
    assert await desk.past.pass_state("approval-1") is PassState.HIDDEN


async def test_nobody_to_show_it_to_means_that_none_is_made(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    desk.courier.fail["reach"] = NotAllowed(reason="blocked")
    with pytest.raises(NotFound):
        await hand_over(desk, ctx)
    assert desk.methods.made == 0
    assert await desk.past.pass_state("approval-1") is None


@pytest.mark.parametrize(
    "error", [UpstreamDown(service="x"), UnknownOutcome(service="x"), NotAllowed(reason="blocked")]
)
async def test_one_that_was_not_surely_shown_is_deleted(database: Database, error: Exception) -> None:
    desk, ctx = await desk_and_context(database)
    desk.courier.fail["show"] = error
    with pytest.raises(Expired) as expired:
        await hand_over(desk, ctx)
    assert expired.value.data["deleted"] is True
    assert desk.methods.held == []
    assert await desk.past.pass_state("approval-1") is PassState.WITHDRAWN


async def test_one_that_was_perhaps_made_is_deleted(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    desk.methods.fail["create"] = UnknownOutcome(service="graph")
    with pytest.raises(Expired):
        await hand_over(desk, ctx)
    assert desk.methods.held == []
    assert desk.courier.shown == []


async def test_a_policy_that_refuses_leaves_nothing_to_delete(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    desk.methods.fail["create"] = Conflict(reason="temporary-access-pass-not-allowed")
    with pytest.raises(Conflict):
        await hand_over(desk, ctx)
    assert await desk.past.pass_state("approval-1") is None


async def test_a_process_that_dies_in_between_leaves_a_row_by_which_the_next_one_deletes(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    desk.courier.fail["show"] = Killed()
    with pytest.raises(Killed):
        await hand_over(desk, ctx)
    assert await desk.past.pass_state("approval-1") is PassState.BEGUN
    assert desk.methods.held
    del desk.courier.fail["show"]
    assert await desk.past.withdraw(ctx) is True
    assert desk.methods.held == []
    assert desk.courier.shown == []


async def test_a_deletion_that_fails_is_said_and_tried_again(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    desk.courier.fail["show"] = UpstreamDown(service="x")
    desk.methods.fail["list"] = UpstreamDown(service="graph")
    with pytest.raises(Expired) as expired:
        await hand_over(desk, ctx)
    assert expired.value.data["deleted"] is False
    async with database.read() as connection:
        assert await connection.scalar(sa.select(access_passes.c.state)) == PassState.WITHDRAWING.value
    desk.methods.fail.clear()
    await desk.passes.tidy()
    assert desk.methods.held == []
    assert await desk.past.pass_state("approval-1") is PassState.WITHDRAWN


async def test_taking_it_back_hides_the_message_too(database: Database) -> None:
    desk, ctx = await desk_and_context(database)
    await hand_over(desk, ctx)
    assert await desk.past.withdraw(await desk.context(cause="undo-1", decided_by=actor("diego")))
    assert desk.courier.hidden == ["activity-1"]
    assert desk.methods.held == []
