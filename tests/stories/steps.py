"""What the stories do over and over, in the words of the people in them."""

from __future__ import annotations

from simulator.bench import Bench, Pressed
from simulator.journal import Entry
from simulator.reading import Shown
from simulator.tenant import User

LOCKED = "✓ Locked"
_LOOK_SECONDS = 120.0  # an investigation shares the limit of the reports


async def open_incident(bench: Bench, account: str, by: str = "alex") -> Shown:
    """Writes the command in the channel and waits for the plan."""
    await bench.say(f"compromise {account}", by=by)
    # The sign-in reports allow five requests in ten seconds: behind another investigation this takes its time.
    return await bench.until_button("Lock account…", by=by, where="thread", timeout=60)


async def ask(bench: Bench, account: str, by: str = "alex") -> Pressed:
    """Opens an incident and asks for the lock."""
    await open_incident(bench, account, by)
    return await bench.click("Lock account…", by=by, where="thread")


async def lock(bench: Bench, account: str, by: str = "alex") -> Shown:
    """A whole lock by the *confirm* rule, up to the card that says so."""
    await ask(bench, account, by)
    await bench.click("Lock now", by=by, where="thread")
    return await bench.until_card(LOCKED, by=by, where="thread")


async def looked(bench: Bench, by: str = "alex") -> Shown:
    """Waits until everything was looked at; what can be removed is proposed in parts before that."""
    return await bench.until_button("Look again", by=by, where="thread", timeout=_LOOK_SECONDS)


async def decide(bench: Bench, title: str) -> None:
    """The asker confirms, or a second person approves: whichever the rule asks for."""
    await bench.decide(title, timeout=60.0)


def is_locked(user: User) -> bool:
    """Whether the tenant itself shows the account as locked: blocked, no session, another password."""
    return not user.enabled and not user.active_sessions() and user.password.version > 1


def writes(bench: Bench, account: str) -> list[Entry]:
    """The requests that changed this account and were carried out."""
    object_id = bench.user(account).id
    return [
        entry
        for entry in bench.sim.world.journal.entries(service="graph")
        if entry.carried_out
        and object_id in entry.path
        and (entry.method == "PATCH" or entry.path.endswith("/revokeSignInSessions"))
    ]
