"""What is done again and again without anybody's word: expiries, reminders, cards with a clock, calls, look-outs."""

from __future__ import annotations

from datetime import timedelta

from dialogs import partner, tasks, trigger
from dialogs.parts import Parts
from services import clock_set_back
from services.clockwork import Clockwork
from services.organisation import REFRESH_SECONDS
from services.partners.webhooks import Webhooks
from services.retention import Retention

_EXPIRY_SECONDS = 2.0
_REMINDER_SECONDS = 20.0
_CARD_CLOCK_SECONDS = 60.0
_LOST_POSTS_SECONDS = 20.0
_SET_BACK_SECONDS = 10.0
_PURGE_SECONDS = 3600.0
_CARD_CLOCK_RUNS_FOR = timedelta(hours=1)
_WEBHOOK_SECONDS = 2.0
_TRIGGER_SECONDS = 2.0
_GUARD_SECONDS = 2.0
_FRESH_NOTICE_SECONDS = 3.0
_FRESH_NOTICE_FOR = timedelta(minutes=30)
_NOTICE_MAY_COME_BACK_FOR = timedelta(days=4)


def tick(clockwork: Clockwork, parts: Parts) -> None:
    """Starts all of it."""
    _tick_the_outside(clockwork, parts)
    _tick_the_rows(clockwork, parts)


def _tick_the_rows(clockwork: Clockwork, parts: Parts) -> None:
    """What falls due in our own tables: expiries, reminders, what has had its time, cards with a clock."""
    database, posts, now = parts.database, parts.posts, parts.now
    settings = parts.settings
    retention = Retention(database, evidence_days=settings.evidence_days, record_days=settings.record_days)
    clockwork.every(REFRESH_SECONDS, "organisation", parts.setup.organisation.refresh)
    clockwork.every(_EXPIRY_SECONDS, "approvals", parts.approvals.expire_due)
    clockwork.every(_REMINDER_SECONDS, "reminders", lambda: tasks.remind(parts))
    clockwork.every(_PURGE_SECONDS, "retention", lambda: retention.purge(now()))
    clockwork.every(_CARD_CLOCK_SECONDS, "card clocks", lambda: posts.refresh_headlines(now() - _CARD_CLOCK_RUNS_FOR))
    clockwork.every(_LOST_POSTS_SECONDS, "lost posts", lambda: posts.recover(now()))
    clockwork.every(_SET_BACK_SECONDS, "clock set back", lambda: clock_set_back.mend(database, parts.settings, now()))


def _tick_the_outside(clockwork: Clockwork, parts: Parts) -> None:
    """Calls partners' webhooks and keeps their cards true; looks for what starts by itself."""
    webhooks = Webhooks(
        database=parts.database,
        settings=parts.settings,
        durable=parts.durable,
        contacts=parts.contacts,
        now=parts.now,
    )
    _tick_triggers(clockwork, parts)
    clockwork.every(_WEBHOOK_SECONDS, "webhooks", webhooks.round)
    clockwork.every(_FRESH_NOTICE_SECONDS, "fresh notices", lambda: partner.refresh(parts, _FRESH_NOTICE_FOR))
    clockwork.every(
        _CARD_CLOCK_SECONDS, "notices", lambda: partner.refresh(parts, _NOTICE_MAY_COME_BACK_FOR, clocks=True)
    )


def _tick_triggers(clockwork: Clockwork, parts: Parts) -> None:
    """Looks for risks and alerts, follows the rules that an administrator turned on, and guards IRBot itself."""
    seconds = parts.settings.trigger_seconds
    pause = min(_TRIGGER_SECONDS, seconds) if seconds else _TRIGGER_SECONDS
    clockwork.every(pause, "triggers", parts.triggers.round)
    clockwork.every(_GUARD_SECONDS, "guard", parts.guard.round)
    clockwork.every(pause, "rules", lambda: trigger.follow_rules(parts))
