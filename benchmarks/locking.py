"""Time to lock: from the press of the approving button to both sign-in blocked and sessions revoked.

Both ends and every call in between are read from the simulated tenant's own record. The limit is what the very calls
of that run took where only those wait for one another that must: the answers of one decide about the next.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.table import Row, milliseconds, seconds, times
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.journal import Entry

RATIO = 1.15
ORDINARY = ("megan", "joni", "joni.sherman2@contoso.com", "jose", "miriam.o'connor@contoso.com", "grady")
PROTECTED = ("isaiah", "lynne", "lee", "henrietta")  # with Isaiah, the last administrator who may be locked
_ASKER, _APPROVER = "alex", "diego"
_PATIENCE_SECONDS = 60.0
_QUIET_SECONDS = 0.8


@dataclass(frozen=True)
class Lock:
    """One lock: how long it took, its limit, its calls one after another, and where IRBot's own time went."""

    account: str
    took: float
    critical_path: float
    one_by_one: float
    own: Mapping[str, float]


@dataclass(frozen=True)
class _Asked:
    account: str
    thread: str
    approver: str
    button: str


async def measure() -> tuple[list[Row], list[str]]:
    """Locks ordinary and protected accounts, one at a time, in a tenant that answers as slowly as a real one."""
    async with Bench.start(SimulatorConfig(latency="realistic"), own_process=True) as bench:
        threads = {
            account: (await bench.say(f"compromise {bench.user(account).upn}", by=_ASKER)).post.conversation_id
            for account in (*ORDINARY, *PROTECTED)
        }
        asked = []
        for account, thread in threads.items():
            await bench.until_button("Lock account…", by=_ASKER, where=thread, timeout=_PATIENCE_SECONDS)
            await bench.click("Lock account…", by=_ASKER, where=thread)
            confirmed = account in ORDINARY
            asked.append(
                _Asked(account, thread, _ASKER if confirmed else _APPROVER, "Lock now" if confirmed else "Approve")
            )
        locks = [await _press(bench, each) for each in asked]
    return _rows(locks), [_told(lock) for lock in locks]


def _rows(locks: Sequence[Lock]) -> list[Row]:
    def middle(values: Sequence[float]) -> float:
        return statistics.median(values)

    ratios = sorted(locks, key=lambda lock: lock.took / lock.critical_path)
    typical, worst = ratios[len(ratios) // 2], ratios[-1]
    limit = middle([lock.critical_path for lock in locks])
    return [
        Row("Time to lock, median", middle([lock.took for lock in locks]), seconds, limit),
        Row("Time to lock, run with the median ratio", typical.took, seconds, typical.critical_path, RATIO, True),
        Row("Time to lock, run with the worst ratio", worst.took, seconds, worst.critical_path),
        Row("The same calls one after another, median", middle([lock.one_by_one for lock in locks]), seconds, limit),
    ]


def _told(lock: Lock) -> str:
    return (
        f"lock of {lock.account.partition('@')[0]}: {seconds(lock.took)}, its critical path"
        f" {seconds(lock.critical_path)} ({times(lock.took / lock.critical_path)}),"
        f" its calls one after another {seconds(lock.one_by_one)}; IRBot's own time: "
        + ", ".join(f"{milliseconds(gap)} {where}" for where, gap in lock.own.items())
    )


async def _press(bench: Bench, asked: _Asked) -> Lock:
    """Waits until all is quiet, and measures from the press on."""
    by, target = asked.approver, bench.user(asked.account).id
    await bench.until_button(asked.button, by=by, where=asked.thread, timeout=_PATIENCE_SECONDS)
    aim = await bench.aim(asked.button, by=by, where=asked.thread)
    await bench.settled(timeout=_PATIENCE_SECONDS, quiet=_QUIET_SECONDS)
    journal = bench.sim.world.journal
    seen = journal.entries()[-1].number
    pressed = datetime.now(UTC)
    await aim.press()

    def calls() -> list[Entry] | None:
        since = [entry for entry in journal.entries(service="graph") if entry.number > seen]
        return since if any(_revokes(entry, target) and entry.status for entry in since) else None

    made = await bench.until(calls, _PATIENCE_SECONDS, "the revocation")
    people = (bench.user(_ASKER).id, bench.user(by).id)
    return lock_of(asked.account, pressed, made, target=target, decider=people[1], people=people)


def lock_of(
    account: str, pressed: datetime, calls: Sequence[Entry], *, target: str, decider: str, people: Sequence[str]
) -> Lock:
    """Reads one lock out of the calls since the press.

    First the decider's roles are looked up. Then, all at once, everybody's roles and the account, again; only the
    roles of a group must wait until it is known which groups there are. Then the block, then the revocation.
    """
    block = next(call for call in calls if call.method == "PATCH" and call.path.endswith(f"/users/{target}"))
    revoke = next(call for call in calls if _revokes(call, target))
    for call in (block, revoke):
        if call.status is None or call.status >= 300:
            raise RuntimeError(f"{account} was not locked: {call.method} {call.path} was answered {call.status}")
    before = [call for call in calls if call.wall < block.wall and call.duration_seconds is not None]
    decision: dict[tuple[str, str], Entry] = {}
    for call in before:
        if _about(call, decider):
            decision.setdefault((call.method, call.path), call)
    of_decision = {call.number for call in decision.values()}
    check = [
        call
        for call in before
        if call.number not in of_decision
        and (any(_about(call, person) for person in (target, *people)) or "/roleManagement/" in call.path)
    ]
    of_groups = [call for call in check if "/roleManagement/" in call.path and target not in str(call.query)]
    groups = [call for call in check if call.path.endswith("/transitiveMemberOf")]
    at_once = [call for call in check if call not in of_groups]
    if not decision or not groups:
        raise RuntimeError(f"the lock of {account} did not look the roles up; what was measured is something else")
    checked = max(_longest(at_once), _longest(groups) + _longest(of_groups))
    decided = max(_end(call) for call in decision.values())
    compared = max(_end(call) for call in check)
    return Lock(
        account,
        took=max((_end(call) - pressed).total_seconds() for call in (block, revoke)),
        critical_path=_longest(list(decision.values())) + checked + _seconds(block) + _seconds(revoke),
        one_by_one=sum(_seconds(call) for call in (*decision.values(), *check, block, revoke)),
        own={
            "from the press to the first look-up": _gap(pressed, min(call.wall for call in decision.values())),
            "from the decision to its work": _gap(decided, min(call.wall for call in check)),
            "while checking again": _gap(min(call.wall for call in check), compared) - checked,
            "from there to the block": _gap(compared, block.wall),
            "from the block to the revocation": _gap(_end(block), revoke.wall),
        },
    )


def _about(call: Entry, object_id: str) -> bool:
    return f"/users/{object_id}" in call.path


def _revokes(call: Entry, object_id: str) -> bool:
    return call.path.endswith(f"/users/{object_id}/revokeSignInSessions")


def _end(call: Entry) -> datetime:
    return call.wall + timedelta(seconds=_seconds(call))


def _gap(begun: datetime, ended: datetime) -> float:
    return (ended - begun).total_seconds()


def _seconds(call: Entry) -> float:
    return call.duration_seconds or 0.0


def _longest(calls: Sequence[Entry]) -> float:
    return max((_seconds(call) for call in calls), default=0.0)
