"""A hidden rule comes back a day after the eviction: the watch says so in the thread, across restarts, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import app
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.state import InboxRule
from tests.stories.steps import decide, looked, open_incident

_PATIENCE = 60.0
_LOOK_SECONDS = 120.0  # the sign-in log takes five requests in ten seconds
_HIDDEN = InboxRule(
    1 << 63 | 4711,
    {"Name": "..", "Enabled": True, "Priority": 1, "SubjectOrBodyContainsWords": ["phish"], "DeleteMessage": True},
    hidden=True,
)


@dataclass
class _Clock:
    """Real time, which a test moves forward."""

    moved: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.moved


async def test_a_rule_that_comes_back_after_a_day_raises_the_alarm_once() -> None:
    clock = _Clock()
    config = SimulatorConfig(audit_query_seconds=0, stories=("mass-phishing",))
    async with Bench.start(config, build=lambda settings: app.build(settings, clock)) as bench:
        await open_incident(bench, "megan@contoso.com")
        await bench.click("Lock account…", by="alex", where="thread")
        await decide(bench, "Lock now")
        await looked(bench)
        await bench.click("Remove what they left…", by="alex", where="thread")
        await bench.until_button("Remove what is ticked…", by="alex", where="thread")
        await bench.click("Remove what is ticked…", by="alex", where="thread")
        await decide(bench, "Remove now")
        await bench.until_button("Recover", by="alex", where="thread", timeout=_PATIENCE)
        await bench.click("Recover", by="alex", where="thread")
        await bench.until_button("Show the watch", by="alex", where="thread", timeout=_PATIENCE)
        await bench.click("Show the watch", by="alex", where="thread")
        await bench.until_card("The start: what was known then", by="alex", where="thread", timeout=_PATIENCE)

        clock.moved += timedelta(hours=1, minutes=1)
        await bench.until(lambda: _looked(bench, 1) or None, _LOOK_SECONDS, "the first look")
        assert _alarms(bench) == 0

        await bench.bot.stop()
        exchange_of(bench.sim.world).mailbox("megan").rules.append(_HIDDEN)
        clock.moved += timedelta(hours=24)
        await bench.bot.start()
        await bench.until(lambda: _alarms(bench) or None, _LOOK_SECONDS, "the alarm")
        await bench.until_button("Remove what they left…", by="alex", where="thread", timeout=_PATIENCE)

        await bench.bot.restart()
        clock.moved += timedelta(hours=48)
        await bench.until(lambda: _looked(bench, 3) or None, _LOOK_SECONDS, "the third look")
        assert _alarms(bench) == 1


def _alarms(bench: Bench) -> int:
    """The alarms about a rule; a record of the audit log that comes late is another matter."""
    cards = bench.cards(by="alex", where="thread")
    return sum(shown.has("Something is new") and shown.has("New inbox rule") for shown in cards)


def _looked(bench: Bench, times: int) -> bool:
    card = next(shown for shown in bench.cards(by="alex", where="thread") if shown.has("Looks"))
    return sum("Nothing new" in line or "is new" in line or "are new" in line for line in card.lines) >= times
