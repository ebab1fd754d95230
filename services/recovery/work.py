"""Puts the parts of giving an account back together, and says which of them are jobs and which come round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from services.access import Access
from services.clockwork import Clockwork
from services.database import Database
from services.durable import Durable
from services.microsoft365 import Microsoft365
from services.playbook.ledger import Ledger
from services.playbook.planner import Planner
from services.playbook.preparation import Preparation
from services.playbook.step import Step
from services.posts import Posts
from services.recovery.following import Following
from services.recovery.gates import CHECK, Gates
from services.recovery.passes import Courier, Passes
from services.recovery.past import IncidentPast
from services.recovery.watch import LOOK, Watch
from services.settings import Settings

_FOLLOW_SECONDS = 2.0
_PASSES_SECONDS = 10.0
_WATCH_SECONDS = 5.0


class RecoveryWork:
    """`past` is what the planner gives to the steps; `open` makes what itself needs the planner."""

    gates: Gates
    watch: Watch

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        access: Access,
        durable: Durable,
        posts: Posts,
        courier: Courier,
        steps: Sequence[Step],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._access = access
        self._durable = durable
        self._posts = posts
        self._now = now
        self.passes = Passes(database, m365, courier, now, timedelta(minutes=settings.pass_shown_minutes))
        self.past = IncidentPast(database, steps, self.passes, settings.check_timeout_seconds)

    def open(self, planner: Planner, preparation: Preparation, ledger: Ledger) -> None:
        """Makes the gate and the watch, and declares their jobs."""
        self.gates = Gates(
            database=self._database,
            m365=self._m365,
            settings=self._settings,
            access=self._access,
            durable=self._durable,
            posts=self._posts,
            planner=planner,
            past=self.past,
            ledger=ledger,
            now=self._now,
        )
        self.watch = Watch(
            database=self._database,
            m365=self._m365,
            settings=self._settings,
            access=self._access,
            durable=self._durable,
            posts=self._posts,
            planner=planner,
            preparation=preparation,
            ledger=ledger,
            now=self._now,
        )
        self.following = Following(self._database, ledger, self._now)
        self._durable.register(CHECK, self.gates.check, pending=self.gates.pending, give_up=self.gates.gave_up)
        self._durable.register(LOOK, self.watch.look, pending=self.watch.pending, give_up=self.watch.gave_up)

    def tick(self, clockwork: Clockwork) -> None:
        """What comes round."""
        clockwork.every(_FOLLOW_SECONDS, "accounts given back", self.following.keep_up)
        clockwork.every(_PASSES_SECONDS, "passes", self.passes.tidy)
        clockwork.every(_WATCH_SECONDS, "watch", self.watch.keep_up)
