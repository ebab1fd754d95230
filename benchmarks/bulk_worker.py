"""A process that plans "switch off IMAP everywhere" or carries it out, until it is killed. For `benchmarks/bulk.py`.

usage: python -m benchmarks.bulk_worker plan|work FOLDER ACCOUNT      settings: IRBOT_… in the environment
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.bulk import Bulk
from services.database import Database
from services.durable import Durable
from services.incidents.subjects import recognise
from services.microsoft365 import Tokens, open_microsoft365
from services.playbook.disable_imap_everywhere import STEP
from services.playbook.legacy_mail import MailboxSwitches, kind_of
from services.playbook.step import Change, Context, Plan
from services.settings import Settings, load

JOB = "close"


class Worker:
    """The step's own functions, with the durable engine and the database of the bot."""

    def __init__(self, folder: Path, ctx: Context, bulk: Bulk, durable: Durable) -> None:
        self.folder = folder
        self.ctx = ctx
        self.bulk = bulk
        self.durable = durable

    def note(self, name: str, value: object) -> None:
        """Leaves a file for who watches."""
        partly = self.folder / f"{name}.partly"
        partly.write_text(json.dumps(value), encoding="utf-8")
        partly.rename(self.folder / f"{name}.json")

    async def close(self, _key: str) -> None:
        """Carries the plan out and reads it back, as the runner does."""
        assert STEP.apply is not None
        assert STEP.verify is not None
        plan = json.loads((self.folder / "plan.json").read_text(encoding="utf-8"))
        for change in Plan.from_json(plan).changes:
            await STEP.apply(self.ctx, change)
        self.note("applied", {"at": datetime.now(UTC).isoformat()})
        shown = [await STEP.verify(self.ctx, change) for change in Plan.from_json(plan).changes]
        check = [await self._checked(change) for change in Plan.from_json(plan).changes if kind_of(change)]
        self.note("done", {"shown": all(shown), "checks": check})

    async def _checked(self, change: Change) -> dict[str, object]:
        kind = kind_of(change)
        assert kind is not None
        check = await self.bulk.check(change.data["job"], MailboxSwitches(self.ctx.m365.exchange, kind))
        assert check is not None
        return asdict(check)

    async def pending(self) -> Sequence[str]:
        """The one job, until it is done."""
        return [] if (self.folder / "done.json").exists() else ["all"]

    async def gave_up(self, _key: str, correlation_id: str) -> None:
        """Says so."""
        self.note("done", {"shown": False, "checks": [], "gave_up": correlation_id})


async def main(mode: str, folder: Path, account_id: str) -> None:
    """Runs until the work is done."""
    settings: Settings = load()
    database = await Database.open(settings.sql_url)
    durable = Durable(database, f"sqlite:///{folder / 'engine.sqlite'}", folder / "lock.sqlite")
    tokens = Tokens(settings)
    m365 = await open_microsoft365(settings, tokens)
    now = datetime.now(UTC)
    subject, account = await recognise(m365, settings, account_id)
    bulk = Bulk(
        database,
        owner=durable.executor_id,
        may_act=durable.holds_lease if mode == "work" else lambda: True,
        now=lambda: datetime.now(UTC),
    )
    ctx = Context(m365, settings, subject, account, now, now - timedelta(days=10), now, bulk=bulk)
    worker = Worker(folder, ctx, bulk, durable)
    if mode == "plan":
        worker.note("plan", (await STEP.plan(ctx)).to_json())
    else:
        durable.register(JOB, worker.close, pending=worker.pending, give_up=worker.gave_up)
        await durable.launch()
        await durable.start(JOB, "all")
        while await worker.pending():  # noqa: ASYNC110  # a job that was taken over begins a moment later
            await asyncio.sleep(0.2)
        await durable.idle()
        await durable.close()
    await m365.close()
    await tokens.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
