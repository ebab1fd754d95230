"""How a conversation, or what a person did by hand, ends: as a run of its step, like every other step."""

from __future__ import annotations

from datetime import datetime

from services.channel import Actor
from services.incidents.model import Incident
from services.playbook.ledger import Ledger, RunKind
from services.playbook.step import Outcome, Plan


async def record(
    ledger: Ledger, incident: Incident, step_id: str, outcome: Outcome, actor: Actor, cause: str, now: datetime
) -> None:
    """Records how it ended, once per `cause` (at most 36 characters); the first end of a cause stays."""
    run, _ = await ledger.begin(incident.id, step_id, RunKind.GUIDED, cause, Plan(), actor, now)
    await ledger.end(run, outcome, now)
