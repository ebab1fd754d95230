"""Microsoft says that an account is at risk: one card in the channel, and what people or a rule make of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

import app
from simulator.bench import Bench
from simulator.channel.identities import team_of
from simulator.channel.teams import CHANNEL_NAME, TEAM_NAME
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from simulator.reading import Shown
from simulator.world import World
from tests.stories.steps import LOCKED, is_locked

_PATIENCE = 90.0
_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0)
HIGH = "High risk, seen by Microsoft"


@dataclass
class Clock:
    """Real time, which a test moves forward."""

    moved: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.moved


def incident_channel() -> str:
    """The id of the channel that people work in."""
    return team_of(World(_CONFIG).tenant.id, TEAM_NAME, CHANNEL_NAME).channel(CHANNEL_NAME)


@asynccontextmanager
async def watched(clock: Clock | None = None, **settings: str) -> AsyncIterator[Bench]:
    """A bot that asks Microsoft every moment and has a channel for what it sees."""
    chosen = {"trigger_seconds": "0.3", "incident_channel": incident_channel(), **settings}
    now = clock or Clock()
    async with Bench.start(_CONFIG, settings=chosen, build=lambda given: app.build(given, now)) as bench:
        yield bench


def at_risk(bench: Bench, who: str, level: str = "high", event: str = "anomalousToken") -> None:
    """Identity Protection finds something about this account."""
    records, user, now = bench.sim.world.tenant.records, bench.user(who), bench.sim.world.clock.now()
    records.add_risk(user, now, level, "atRisk")
    records.risk_detections.append(
        {
            "id": str(uuid4()),
            "userId": user.id,
            "userDisplayName": user.display_name,
            "userPrincipalName": user.upn,
            "riskEventType": event,
            "riskLevel": level,
            "riskState": "atRisk",
            "riskDetail": "none",
            "ipAddress": "203.0.113.7",
            "location": {"city": "Lagos", "countryOrRegion": "NG"},
            "activity": "signin",
            "activityDateTime": stamp(now),
            "detectedDateTime": stamp(now),
            "lastUpdatedDateTime": stamp(now),
            "detectionTimingType": "realtime",
            "source": "IdentityProtection",
            "tokenIssuerType": "AzureAD",
        }
    )


def alert(bench: Bench, who: str, title: str, severity: str = "high", **more: Any) -> None:
    """Defender raises an alert about this account."""
    user, now = bench.user(who), stamp(bench.sim.world.clock.now())
    named = {"azureAdUserId": user.id, "userPrincipalName": user.upn}
    identifier = str(uuid4())
    bench.sim.world.tenant.records.alerts[identifier] = {
        "id": identifier,
        "title": title,
        "severity": severity,
        "status": "new",
        "serviceSource": "microsoftDefenderForOffice365",
        "createdDateTime": now,
        "lastUpdateDateTime": now,
        "incidentId": "1",
        "tenantId": bench.sim.world.tenant.id,
        "evidence": [{"@odata.type": "#microsoft.graph.security.userEvidence", "userAccount": named}],
        **more,
    }


def cards_about(bench: Bench, name: str) -> list[Shown]:
    """The cards that ask whether to contain this person, or tell what became of it."""
    return [shown for shown in bench.cards(by="alex") if shown.has("seen by Microsoft") and shown.has(name)]


async def met(bench: Bench) -> None:
    """Somebody writes to the bot, so that it knows where Teams answers."""
    await bench.say("whoami", by="alex", where=bench.teams.personal("alex").id)


async def looks(bench: Bench, times: int = 2) -> None:
    """Waits until Microsoft was asked so many times more, and answered."""
    start = _asked(bench)
    await bench.until(lambda: _asked(bench) >= start + times or None, _PATIENCE, "another look")


def _asked(bench: Bench) -> int:
    return sum(
        entry.path.endswith("/security/alerts_v2") and entry.status == 200
        for entry in bench.sim.world.journal.entries(service="graph")
    )


async def test_a_risk_becomes_one_card_from_which_an_incident_opens_in_its_thread() -> None:
    async with watched() as bench:
        await met(bench)
        at_risk(bench, "patti")
        alert(bench, "patti", "Suspicious sending")
        card = await bench.until_card("Suspicious sending", by="alex", timeout=_PATIENCE)
        assert card.has("Contain Patti Fernandez?")
        assert card.has(HIGH)
        assert card.has("A sign-in token behaved oddly, as a stolen one does (Lagos, NG · 203.0.113.7)")
        assert not is_locked(bench.user("patti"))
        await looks(bench)
        assert len(cards_about(bench, "Patti Fernandez")) == 1

        at_risk(bench, "patti", event="leakedCredentials")
        await bench.until_card("The password was found among leaked ones", by="alex", timeout=_PATIENCE)
        assert len(cards_about(bench, "Patti Fernandez")) == 1

        pressed = await bench.click("Open an incident", by="alex")
        assert pressed.card is not None
        [card] = cards_about(bench, "Patti Fernandez")
        bench.thread = card.conversation_id
        await bench.until_button("Lock account…", by="alex", where="thread", timeout=_PATIENCE)
        await bench.until(
            lambda: cards_about(bench, "Patti Fernandez")[0].has("opened by Alex Wilber") or None, _PATIENCE
        )
        assert "Open an incident" not in cards_about(bench, "Patti Fernandez")[0].buttons

        at_risk(bench, "patti", event="passwordSpray")
        note = await bench.until_card("News about Patti Fernandez", by="alex", where="thread", timeout=_PATIENCE)
        assert note.has("Somebody tried one password on many accounts")
        assert note.buttons == []


async def test_only_responders_decide_and_a_dismissal_keeps_name_and_reason_until_something_new_comes() -> None:
    async with watched() as bench:
        await met(bench)
        at_risk(bench, "patti")
        at_risk(bench, "grady", "medium")
        await bench.until_card("Contain Patti Fernandez?", by="alex", timeout=_PATIENCE)
        refused = await bench.click("Open an incident", by="megan", refresh=False)
        assert refused.card is not None
        assert refused.card.has("do not have the IRBot role")
        empty = await bench.click("Not a compromise", by="alex")
        assert empty.card is not None
        assert empty.card.has("Write one that others will understand later")
        await bench.click("Not a compromise", by="alex", inputs={"reason": "She is at the fair."})
        await bench.until_card("Not a compromise: Patti Fernandez", by="alex", timeout=_PATIENCE)
        [card] = cards_about(bench, "Patti Fernandez")
        assert card.has("Alex Wilber looked at it: She is at the fair.")
        await looks(bench, 3)
        assert len(cards_about(bench, "Patti Fernandez")) == 1
        assert cards_about(bench, "Grady Archie") == []  # below the threshold

        at_risk(bench, "patti", event="maliciousIPAddress")
        await bench.until(lambda: len(cards_about(bench, "Patti Fernandez")) == 2 or None, _PATIENCE, "a new card")


@pytest.mark.thorough
async def test_what_is_medium_waits_for_the_morning_and_a_restart_loses_nothing() -> None:
    night = datetime.now(UTC).replace(hour=23, minute=30)
    clock = Clock(night - datetime.now(UTC))
    settings = {"trigger_quiet_hours": "22-06", "trigger_risk_level": "medium", "trigger_alert_severity": "medium"}
    async with watched(clock, **settings) as bench:
        await met(bench)
        bench.sim.world.clock.advance(max(0.0, clock.moved.total_seconds()))
        at_risk(bench, "grady", "medium")
        at_risk(bench, "patti", "high")
        await bench.until_card("Contain Patti Fernandez?", by="alex", timeout=_PATIENCE)
        await looks(bench)
        assert cards_about(bench, "Grady Archie") == []
        await bench.bot.restart()
        await looks(bench)
        assert cards_about(bench, "Grady Archie") == []
        clock.moved += timedelta(hours=6, minutes=31)
        await bench.until_card("Contain Grady Archie?", by="alex", timeout=_PATIENCE)
        assert len(cards_about(bench, "Patti Fernandez")) == 1


async def test_a_rule_locks_an_ordinary_account_and_never_a_protected_one() -> None:
    async with watched(auto_lock_rules="risk:high") as bench:
        at_risk(bench, "megan")
        at_risk(bench, "isaiah")
        await looks(bench)
        assert bench.cards(by="alex") == []  # nobody was met: there is nowhere to show it, and nothing is locked
        assert bench.user("megan").enabled
        await met(bench)
        await bench.until(lambda: is_locked(bench.user("megan")) or None, 60.0, "the lock of Megan")
        [card] = [
            shown for shown in bench.cards(by="alex") if shown.has("Megan Bowen") and shown.has("seen by Microsoft")
        ]
        assert (await bench.until_card("The rule risk:high approved the lock", by="alex", timeout=_PATIENCE)).has(
            "Megan Bowen"
        )
        bench.thread = card.conversation_id
        locked = await bench.until_card(LOCKED, by="alex", where="thread", timeout=_PATIENCE)
        assert locked.has("the rule risk:high")
        held = await bench.until_card("did not lock the account: It is a protected", by="alex", timeout=_PATIENCE)
        assert held.has("Isaiah")
        assert bench.user("isaiah").enabled


async def test_without_a_rule_nothing_is_locked_and_without_a_channel_nothing_is_asked() -> None:
    async with watched(incident_channel="") as bench:
        at_risk(bench, "patti")
        await bench.say("whoami", by="alex")
        await bench.until_card("Your roles", by="alex")
        assert _asked(bench) == 0
