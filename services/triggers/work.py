"""What starts by itself, put together: looking, gathering, showing, and what people report."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor, Conversation
from services.database import Database
from services.errors import Conflict, Gone, IRBotError, MissingLicence, MissingPermission
from services.incidents import store as incidents
from services.incidents import timeline
from services.incidents.model import Incident, Subject
from services.incidents.subjects import recognise
from services.incidents.timeline import AuditTag
from services.microsoft365 import Microsoft365
from services.plain_words import explain
from services.posts import PostKind, Posts
from services.settings import Settings
from services.triggers import rules, store
from services.triggers.looking import Looking, Seen
from services.triggers.model import Report, Sign, SignSource, Source, Trigger, TriggerState, loudest, reaches
from services.triggers.places import Places
from services.triggers.polls import Polls
from services.triggers.quiet import end_of_quiet

log = logging.getLogger(__name__)

_FIRST_LOOK_BACK = timedelta(days=1)
_OVERLAP = timedelta(minutes=15)  # Microsoft's lists run behind
_WHEN_REFUSED = timedelta(minutes=15)  # a missing right or licence is not asked for every minute
_MOST_REPORTS_AN_HOUR = 20
NO_PLACE = "No card can be shown yet: nobody has written to IRBot in Teams since it was installed."


class Triggers:
    """One per process. Several processes look in turns; each card, note and lock comes once."""

    def __init__(
        self,
        *,
        database: Database,
        m365: Microsoft365,
        settings: Settings,
        posts: Posts,
        holder: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._m365 = m365
        self._settings = settings
        self._posts = posts
        self._now = now
        self._polls = Polls(database, holder)
        self._looking = Looking(m365, settings)
        self.places = Places(database, settings, now)
        self._said = ""

    @property
    def takes_reports(self) -> bool:
        """Whether there is a channel to which reports could go."""
        return bool(self._settings.incident_channel)

    async def round(self) -> None:
        """Looks where it is our turn, and asks for the cards whose time has come."""
        if not self._settings.incident_channel:
            return
        if self._settings.trigger_seconds:
            for source in (SignSource.RISK, SignSource.ALERT):
                await self._look(source)
        await self._overtaken()
        await self._show()

    async def notes(self) -> Mapping[str, str]:
        """What an operator should know though the process is well: a look that fails, cards that cannot be shown."""
        if not self._settings.incident_channel:
            return {}
        found = dict(await self._polls.problems())
        if await self.places.find() is None:
            found["channel"] = NO_PLACE
        return found

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _look(self, source: SignSource) -> None:
        began = self._now()
        ours, watermark = await self._polls.claim(source.value, began)
        if not ours:
            return
        since = (watermark or began - _FIRST_LOOK_BACK) - _OVERLAP
        pause = timedelta(seconds=self._settings.trigger_seconds)
        try:
            async for seen in self._looking.look(source, since, began):
                if not await self._polls.renew(source.value, self._now()):
                    return  # another process has taken over
                await self._gather(seen)
        except asyncio.CancelledError:  # IRBot is told to stop: whoever comes next need not wait for the lease
            await self._polls.finish(source.value, began, began, watermark=None)
            raise
        except IRBotError as error:
            problem = explain(error).what
            log.warning("could not ask for %s signs: %s", source.value, error.code)
            if isinstance(error, MissingLicence | MissingPermission):
                pause = max(pause, _WHEN_REFUSED)
            await self._polls.finish(source.value, began, began + pause, watermark=None, problem=problem)
            return
        reached = None if self._looking.look_again else began
        await self._polls.finish(source.value, began, began + pause, watermark=reached, problem=self._looking.problem)

    async def _gather(self, seen: Seen) -> None:
        """Puts what is new about an account where people will see it: on its card, or into its open incident."""
        source = seen.signs[0].source
        async with self._database.read() as connection:
            fresh = await store.unseen(connection, source, seen.account_id, (sign.id for sign in seen.signs))
        subject = await self._subject(seen) if fresh else None
        if fresh and subject is None:
            return
        rule = rules.rule_for(self._settings, source, seen.level)
        now = self._now()
        show_at = self._show_at(now, seen.level, rule)
        async with self._database.write() as connection:
            fresh = await store.unseen(connection, source, seen.account_id, fresh)
            new = tuple(sign for sign in seen.signs if sign.id in fresh)
            waiting = await store.open_of(connection, seen.account_id)
            if waiting is not None and (new or store.louder(seen.level, waiting.level)):
                await store.add_to(connection, waiting, new, seen.level, show_at, rule)
                await store.keep_signs(connection, waiting.id, seen.account_id, new, now)
                await self._posts.redraw(connection, waiting.post_key)
            elif new and subject is not None:
                incident = await incidents.open_of_subject(connection, seen.account_id)
                trigger_id = await store.add(
                    connection,
                    source=Source.MICROSOFT,
                    subject=subject,
                    level=seen.level,
                    now=now,
                    show_at=show_at,
                    signs=new,
                    rule=rule,
                    incident_id=incident.id if incident else None,
                )
                await store.keep_signs(connection, trigger_id, seen.account_id, new, now)
                if incident is not None:
                    await self._note(connection, trigger_id, incident, new, now)

    async def _subject(self, seen: Seen) -> Subject | None:
        """Who the account is; None where there is none any more. What could not be read is said on the card."""
        try:
            subject, _ = await recognise(self._m365, self._settings, seen.account_id)
        except Gone:
            return None
        except IRBotError as error:
            why = f"The account could not be read: {explain(error).what}"
            name = seen.name or seen.upn or seen.account_id
            return Subject(seen.account_id, name, seen.upn, privileged=True, unknowns=(why,))
        return subject

    def _show_at(self, now: datetime, level: str, rule: str) -> datetime:
        """When the card may come: what is to lock an account without a person does not wait for the morning."""
        if rule or (reaches(level, "high") and self._settings.trigger_wake_for_high):
            return now
        return end_of_quiet(self._settings.trigger_quiet_hours, self._settings.time_zone, now) or now

    # -- showing ---------------------------------------------------------------------------------------------------

    async def _note(
        self, connection: AsyncConnection, trigger_id: str, incident: Incident, signs: tuple[Sign, ...], now: datetime
    ) -> None:
        """The account's incident is open: its thread gets a note, and its timeline a line."""
        await self._posts.want(
            connection,
            f"trigger:{trigger_id}",
            PostKind.TRIGGER,
            now,
            conversation=incident.conversation,
            summary=f"{incident.label}: news about {incident.subject.name}",
        )
        await timeline.append(
            connection,
            incident.id,
            AuditTag.SIGN_SEEN,
            at=now,
            data={"level": loudest([sign.level for sign in signs]), "signs": [sign.words for sign in signs]},
        )

    async def _overtaken(self) -> None:
        """A card whose account has got an incident in another way has nothing left to ask."""
        async with self._database.read() as connection:
            found = await store.overtaken(connection)
        for trigger_id, incident_id in found:
            async with self._database.write() as connection:
                if await store.decide(
                    connection, trigger_id, TriggerState.OPENED, self._now(), by=None, incident_id=incident_id
                ):
                    await self._posts.redraw(connection, f"trigger:{trigger_id}")

    async def _show(self) -> None:
        async with self._database.read() as connection:
            waiting = await store.due(connection, self._now())
        if not waiting:
            return
        place = await self.places.find()
        if place is None:
            self._say(NO_PLACE)
            return
        for trigger in waiting:
            async with self._database.write() as connection:
                if await store.shown(connection, trigger.id, self._now()):
                    await self._posts.want(
                        connection,
                        trigger.post_key,
                        PostKind.TRIGGER,
                        self._now(),
                        conversation=place,
                        summary=_summary(trigger),
                    )

    def _say(self, problem: str) -> None:
        if problem != self._said:
            log.warning("%s", problem)
            self._said = problem

    # -- what people report ----------------------------------------------------------------------------------------

    async def report(self, reporter: Actor, where: str, report: Report, subject: Subject | None) -> bool:
        """Records a report of a message, once for each reporter; False where they reported it before.

        Several people who report one message share a card. Raises Conflict (nowhere to put it, too many).
        """
        if not self.takes_reports:
            raise Conflict(reason="no-channel-for-reports")
        now = self._now()
        key = f"report:{hashlib.sha256(f'{where}|{report.message_id}'.encode()).hexdigest()}"
        about = subject.object_id if subject else None
        sign = Sign(SignSource.REPORT, key, "", "", now)
        async with self._database.write() as connection:
            if not await store.unseen(connection, SignSource.REPORT, reporter.object_id, (key,)):
                return False
            if (
                await store.reports_by(connection, reporter.object_id, now - timedelta(hours=1))
                >= _MOST_REPORTS_AN_HOUR
            ):
                raise Conflict(reason="too-many-reports")
            known = await store.by_key(connection, key)
            if known is not None and known.report is not None:
                trigger_id = known.id
                await store.add_report(connection, known, _joined(known.report, report))
                await self._posts.redraw(connection, known.post_key)
            else:
                incident = await incidents.open_of_subject(connection, about) if about else None
                trigger_id = await store.add(
                    connection,
                    key=key,
                    source=Source.REPORT,
                    subject=subject,
                    level="",
                    now=now,
                    show_at=self._show_at(now, "", ""),
                    report=report,
                    incident_id=incident.id if incident else None,
                )
                if incident is not None:
                    words = replace(sign, words=f"{reporter.name} reported a message of this account")
                    await self._note(connection, trigger_id, incident, (words,), now)
            await store.keep_signs(connection, trigger_id, reporter.object_id, (sign,), now)
        return True

    async def seen(self, conversation: Conversation) -> None:
        """Keeps where the channel answers; see `Places`."""
        await self.places.seen(conversation)


def _joined(known: Report, another: Report) -> Report:
    """Two reports of one message; that an account is compromised weighs more."""
    return replace(
        known,
        kind="compromise" if "compromise" in {known.kind, another.kind} else known.kind,
        notes=(*known.notes, *another.notes)[:20],
        reporters=(*known.reporters, *another.reporters),
    )


def _summary(trigger: Trigger) -> str:
    if trigger.source is Source.REPORT:
        return "A message was reported"
    return f"Contain {trigger.subject.name}?" if trigger.subject else "Contain an account?"
