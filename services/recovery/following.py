"""What follows from an approval that gave an account back: how the conversation of the gate ended, as its own run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from services import approvals
from services.approvals import Approval, ApprovalState, PlanKind
from services.database import Database, tables
from services.incidents import store
from services.playbook import guided
from services.playbook.ledger import Ledger, Run, runs_of
from services.playbook.step import Outcome, State
from services.recovery.gates import RE_ENABLE, UNLOCK


class Following:
    """Looks for approvals that are carried out and whose end is not recorded yet. Safe in several processes."""

    def __init__(self, database: Database, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._database = database
        self._ledger = ledger
        self._now = now

    async def keep_up(self) -> None:
        """Ends the guided step of every giving back that was carried out."""
        for approval_id in await self._unrecorded():
            async with self._database.read() as connection:
                approval = await approvals.get(connection, approval_id)
                incident = await store.get(connection, approval.incident_id)
                runs = [run for run in await runs_of(connection, incident.id) if run.cause == approval_id]
            if UNLOCK in approval.plans:
                actor = approval.decided_by or approval.requester
                outcome = _outcome(approval, runs)
                await guided.record(self._ledger, incident, RE_ENABLE, outcome, actor, approval_id, self._now())

    async def _unrecorded(self) -> list[str]:
        recorded = sa.select(tables.step_runs.c.cause).where(tables.step_runs.c.step_id == RE_ENABLE)
        unlocked = sa.select(tables.step_runs.c.cause).where(tables.step_runs.c.step_id == UNLOCK)
        query = sa.select(tables.approvals.c.id).where(
            tables.approvals.c.kind == PlanKind.STEPS.value,
            tables.approvals.c.state == ApprovalState.USED.value,
            tables.approvals.c.id.in_(unlocked),
            tables.approvals.c.id.not_in(recorded),
        )
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())


def _outcome(approval: Approval, runs: list[Run]) -> Outcome:
    """The end of the unlock is the end of the whole: a role that is missing leaves the account given back."""
    unlock = next((run for run in runs if run.step_id == UNLOCK), None)
    if unlock is None:
        return Outcome(State.UNKNOWN, "Sign-in was to be allowed, and nothing says whether it is.")
    if unlock.state is not State.DONE:
        return Outcome(unlock.state, unlock.reason)
    lacking = [run for run in runs if run.state not in {State.DONE, State.ALREADY_SO, State.ACCEPTED}]
    if lacking:
        return Outcome(State.DONE, f"The account is given back. Look at {len(lacking)} steps that did not end well.")
    return Outcome(State.DONE, "The account is given back.")
