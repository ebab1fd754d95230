"""The bot is killed in the middle, at every request that it makes, and started again: nothing lost, nothing twice."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from services.incidents.timeline import Entry, first_break
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.faults import Fault, Kind, When
from tests.stories.steps import LOCKED, ask, is_locked, writes
from tests.thorough import a_few


@dataclass(frozen=True)
class Boundary:
    """One request of the story, and on which side of its effect the bot dies."""

    name: str
    service: str
    method: str
    path: str
    when: When
    skip: int = 0

    def fault(self, pid: int) -> Fault:
        """The fault that kills at this boundary."""
        return Fault(
            kind=Kind.KILL,
            service=self.service,
            method=self.method,
            path=self.path,
            when=self.when,
            skip=self.skip,
            pid=pid,
        )


_MEGAN = "/users/{megan}$"
_STORY = [
    ("role check of the click", "graph", "POST", "checkMemberGroups", 0),
    ("look at the account", "graph", "GET", "roleAssignments", 0),
    ("block", "graph", "PATCH", _MEGAN, 0),
    ("read back of the block", "graph", "GET", _MEGAN, 1),
    ("revoke", "graph", "POST", "revokeSignInSessions", 0),
    ("scramble", "graph", "PATCH", _MEGAN, 1),
    ("mark", "graph", "POST", "confirmCompromised", 0),
    ("edit of the card", "connector", "PUT", "/activities/", 0),
    ("second edit of the card", "connector", "PUT", "/activities/", 1),
]
BOUNDARIES = [
    Boundary(name, service, method, path, when, skip)
    for name, service, method, path, skip in _STORY
    for when in (When.BEFORE, When.AFTER)
    if not (method == "GET" and when is When.AFTER)
]
# Each costs two bots' starts. What a test run always tries: an effect that nobody wrote down.
_ALWAYS = {("revoke", When.AFTER)}


@pytest.mark.parametrize(
    "boundary",
    a_few(
        BOUNDARIES,
        lambda each: (each.name, each.when) in _ALWAYS,
        lambda each: f"{each.when} {each.name}".replace(" ", "-"),
    ),
)
async def test_a_lock_survives_a_kill(boundary: Boundary) -> None:
    # A lagging replica: what the next process reads first may be older than what the last one did.
    async with Bench.start(SimulatorConfig(replication_seconds=0.3), own_process=True) as bench:
        await ask(bench, "megan@contoso.com")
        await bench.settled()
        aim = await bench.aim("Lock now", by="alex", where="thread")
        fault = boundary.fault(bench.bot.pid)
        bench.sim.world.faults.add(_about(fault, bench))
        await aim.press(check=False)
        await bench.until(lambda: not bench.sim.world.faults.waiting(), timeout=20)
        await bench.bot.restart()
        # Teams delivers a click again when it got no answer; one that was recorded is not done twice.
        await aim.press(check=False)
        await bench.until_card(LOCKED, by="alex", where="thread", timeout=40)
        assert is_locked(bench.user("megan"))
        assert len(writes(bench, "megan")) == 3
        # A late refusal of the click that came twice may stand beside it; there is one headline.
        assert len([card for card in bench.cards(by="alex", where="thread") if card.has("Opened by")]) == 1
        await bench.bot.stop()
        _the_books_are_right(bench.bot.folder / "data" / "irbot.sqlite")


@pytest.mark.parametrize(
    ("service", "method", "path", "when"),
    [
        pytest.param("graph", "POST", "checkMemberGroups", When.BEFORE, marks=pytest.mark.thorough),
        pytest.param("graph", "POST", "checkMemberGroups", When.AFTER, marks=pytest.mark.thorough),
        pytest.param("graph", "GET", "authentication/methods", When.BEFORE, marks=pytest.mark.thorough),
        pytest.param("graph", "GET", "authentication/methods", When.AFTER, marks=pytest.mark.thorough),
        pytest.param("connector", "POST", "/activities", When.BEFORE, marks=pytest.mark.thorough),
        ("connector", "POST", "/activities", When.AFTER),
    ],
)
async def test_the_opening_of_an_incident_survives_a_kill(service: str, method: str, path: str, when: When) -> None:
    async with Bench.start(own_process=True) as bench:
        fault = Fault(kind=Kind.KILL, service=service, method=method, path=path, when=when, pid=bench.bot.pid)
        bench.sim.world.faults.add(fault)
        await bench.say("compromise megan@contoso.com", by="alex")
        await bench.until(lambda: not bench.sim.world.faults.waiting(), timeout=20)
        await bench.bot.restart()
        await bench.until_button("Lock account…", by="alex", where="thread", timeout=30)
        # A card of which nobody knows whether it arrived is posted again: pressing either does the same, once.
        assert len([card for card in bench.cards(by="alex", where="thread") if card.has("Opened by")]) <= 2
        await bench.click("Lock account…", by="alex", where="thread")
        await bench.click("Lock now", by="alex", where="thread")
        await bench.until_card(LOCKED, by="alex", where="thread", timeout=30)
        assert len(writes(bench, "megan")) == 3


def _about(fault: Fault, bench: Bench) -> Fault:
    """The fault with the account's object id in its path."""
    path = fault.path.replace("{megan}", bench.user("megan").id)
    return Fault(
        kind=fault.kind,
        service=fault.service,
        method=fault.method,
        path=path,
        when=fault.when,
        skip=fault.skip,
        pid=fault.pid,
    )


def _the_books_are_right(file: Path) -> None:
    """The chain is whole, the approval was used once, every step ended once, each effect was meant once."""
    with closing(sqlite3.connect(file)) as database:
        database.row_factory = sqlite3.Row
        incident = database.execute("SELECT id FROM incidents").fetchone()["id"]
        rows = database.execute("SELECT * FROM timeline ORDER BY seq").fetchall()
        entries = [
            Entry(
                row["seq"],
                datetime.fromisoformat(row["at"]),
                row["event"],
                row["actor_id"],
                json.loads(row["data"]),
                row["previous_hash"],
                row["hash"],
            )
            for row in rows
        ]
        assert first_break(incident, entries, length=len(rows)) is None
        events = [entry.event for entry in entries]
        assert events.count("approval:approved") == events.count("approval:used") == 1
        assert events.count("effect:attempted") == 4, events
        ended = [cast("str", entry.data["step"]) for entry in entries if entry.event == "step:ended"]
        assert sorted(ended) == sorted(set(ended))
        lock = ("identify", "snapshot", "block-sign-in", "revoke-sessions", "scramble-password", "mark-compromised")
        states = database.execute("SELECT step_id, state, reason FROM step_runs ORDER BY started_at").fetchall()
        assert sorted(row["step_id"] for row in states if row["step_id"] in lock) == sorted(lock)
        # The snapshot gives up what takes seconds to read, so that no lock waits for it: on a busy machine it does.
        undone = {row["step_id"]: row["reason"] for row in states if row["step_id"] in lock and row["state"] != "done"}
        assert set(undone) <= {"snapshot"}, undone
        assert [row["state"] for row in database.execute("SELECT state FROM approvals")] == ["used"]
