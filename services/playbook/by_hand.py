"""What of the playbook people do by hand, as tasks: the human tasks of a phase, and what must be done on-premises."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services import tasks
from services.incidents.model import Incident
from services.playbook.step import HumanTask, Step
from services.settings import Settings
from services.tasks import Task


def task_key(incident_id: str, task_id: str) -> str:
    """The key of a human task of the playbook in an incident."""
    return f"playbook:{incident_id}:{task_id}"


def on_premises_key(incident_id: str, step_id: str) -> str:
    """The key of what a step leaves to be done on-premises."""
    return f"on-premises:{incident_id}:{step_id}"


async def want_task(
    connection: AsyncConnection, incident: Incident, entry: HumanTask, settings: Settings, now: datetime
) -> Task:
    """The task of a human entry of the playbook, once per incident."""
    return await tasks.want(
        connection,
        task_key(incident.id, entry.id),
        incident_id=incident.id,
        step_id=entry.id,
        title=entry.title,
        instructions=entry.instructions,
        now=now,
        due_at=now + timedelta(hours=settings.task_reminder_hours),
    )


async def want_on_premises(
    connection: AsyncConnection, incident: Incident, step: Step, reason: str, settings: Settings, now: datetime
) -> Task:
    """The task of doing on-premises what this step could not do in the cloud; `reason` says exactly what."""
    return await tasks.want(
        connection,
        on_premises_key(incident.id, step.id),
        incident_id=incident.id,
        step_id=step.id,
        title=f"{step.title}: on-premises",
        instructions=(reason, "When it is done and synchronised, press Check again."),
        now=now,
        due_at=now + timedelta(hours=settings.task_reminder_hours),
    )
