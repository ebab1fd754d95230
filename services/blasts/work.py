"""Everything that blasts need while IRBot runs, put together: what is asked, what is sent, what comes round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.access import Access
from services.blasts import reminding
from services.blasts.channel import MassChannel
from services.blasts.delivery import JOB, Delivery
from services.blasts.installing import Installer
from services.blasts.mail_lane import MailLane
from services.blasts.outcomes import Outcomes
from services.blasts.store import Blasts
from services.clockwork import Clockwork
from services.database import Database
from services.durable import Durable
from services.mailing import Mailing
from services.microsoft365 import Microsoft365
from services.playbook.ledger import Ledger
from services.posts import Posts
from services.settings import Settings

_EXPIRY_SECONDS = 5.0
_ENDS_SECONDS = 3.0
_REMINDER_SECONDS = 60.0
_MAIL_SECONDS = 60.0


def post_key(blast_id: str) -> str:
    """The key of the post that shows how a blast stands; it is drawn again while the blast moves."""
    return f"blast:{blast_id}"


class BlastWork:
    """One per process."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        channel: MassChannel,
        m365: Microsoft365,
        mailing: Mailing,
        settings: Settings,
        durable: Durable,
        posts: Posts,
        ledger: Ledger,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._durable = durable
        self._posts = posts
        self._now = now
        self._mail = MailLane(database, mailing)
        self._outcomes = Outcomes(database, ledger, now)
        self.blasts = Blasts(database, access, now, self._wake)
        self.delivery = Delivery(
            database=database,
            access=access,
            channel=channel,
            installer=Installer(database, m365.teams_apps, settings.app_id),
            mail=self._mail,
            settings=settings,
            executor=durable.executor_id,
            holds_lease=durable.holds_lease,
            tell=self._tell,
            now=now,
        )
        durable.register(JOB, self.delivery.run, pending=self.delivery.pending, give_up=self.delivery.gave_up)

    def tick(self, clockwork: Clockwork) -> None:
        """Begins what comes round: questions that expire, reminders, mails that come back."""
        clockwork.every(_EXPIRY_SECONDS, "blast approvals", self.blasts.expire_due)
        clockwork.every(_ENDS_SECONDS, "ends of blasts", self._outcomes.record_ended)
        clockwork.every(
            _REMINDER_SECONDS,
            "reminders of blasts",
            lambda: reminding.send_due(self._database, self._wake, self._now()),
        )
        clockwork.every(_MAIL_SECONDS, "mails of blasts", lambda: self._mail.look_around(self._now()))

    async def close(self) -> None:
        """Lets what is being sent come to its end; before the durable engine closes."""
        self.delivery.close()

    async def _wake(self, key: str) -> None:
        await self._durable.start(JOB, key)

    async def _tell(self, blast_id: str) -> None:
        await self._posts.refresh(post_key(blast_id))
