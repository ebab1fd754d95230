"""The story of a round, scene by scene: what people press, and what must have come about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import sqlalchemy as sa

from services.blasts.model import BlastKind, BlastState
from services.incidents.model import Phase
from services.playbook import STEPS
from services.playbook.step import State
from simulator.clock import stamp
from simulator.stories import STORIES, evicted, told
from simulator.tenant import User
from tests.chaos.books import Books
from tests.chaos.harms import Scene
from tests.chaos.people import Move, People
from tests.chaos.stage import Stage

PATIENCE_SECONDS = 420.0
CLASS = {"lesson": "qr-codes", "pick": "departments", "names": "Sales\nFinance"}
_DECIDE = (
    Move("Approve", "adele", "personal"),
    Move("Approve", "diego", "personal"),
    Move("Approve", "adele"),
)
_LOCK = (
    Move("Lock now"),
    *_DECIDE,
    Move("Lock account…"),
    Move("Try again…", rarely=True),
    Move("Check again", rarely=True),
)
_EVICT = (
    Move("Remove now"),
    Move("Lock now"),
    *_DECIDE,
    Move("Remove what is ticked…", rarely=True),
    Move("Remove what they left…", rarely=True),
    Move("Try again…", rarely=True),
    Move("Check again", rarely=True),
    Move("Look again", rarely=True),
)
_INFORM = (
    Move("Send now"),
    Move("Contact…", rarely=True),
    Move("Inform people", rarely=True),
    Move("Check again", rarely=True),
    Move("Look again", rarely=True),
)
_WARN = (
    Move("Warn *", "adele", "personal"),
    Move("Ask to warn *", "grady"),
    Move("Go on", "grady", rarely=True),
    Move("Draw it up…", "grady", inputs={"which": "window"}, rarely=True),
    Move("Warn…", "grady", rarely=True),
    Move("Inform people", "grady", rarely=True),
    Move("Look again", rarely=True),
)
_TEACH = (
    Move("Send to *", "adele", "personal"),
    Move("Ask to send to *", "grady"),
    Move("Go on", "grady", rarely=True),
    Move("Draw it up…", "grady", inputs=CLASS, rarely=True),
)
_GIVE_BACK = (
    *_DECIDE,
    Move("Do it now"),
    Move("Ask for what is ticked…", rarely=True),
    Move("Give the account back…", rarely=True),
    Move("Waive this line", "adele", inputs={"reason": "Looked at by hand."}),
    Move("Check the gate", rarely=True),
    Move("Recover", rarely=True),
)


class Story:
    """Plays the scenes of a round."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._people = People(stage)
        self._told = STORIES[stage.round.story]
        world = stage.sim.world
        self.account: User = world.tenant.users[told(world)[stage.round.story].account_id]
        self._password = self.account.password.version
        self._left = frozenset(
            each.item
            for each in self._told.truth
            if each.evicted_by in {step.id for step in STEPS if step.phase in {Phase.LOCK, Phase.EVICT}}
        )

    @property
    def presses(self) -> int:
        """How many buttons have been pressed."""
        return self._people.presses

    async def play(self, scene: Scene) -> None:
        """Plays it to its end. Raises NotReached."""
        scenes: Mapping[Scene, Callable[[], Awaitable[None]]] = {
            Scene.OPENING: self._open,
            Scene.LOCKING: self._lock,
            Scene.EVICTING: self._evict,
            Scene.INFORMING: self._inform,
            Scene.WARNING: self._warn,
            Scene.GIVING_BACK: self._give_back,
        }
        await scenes[scene]()

    def is_locked(self) -> bool:
        """Whether the tenant shows the lock, as far as the cloud can lock this account."""
        account = self.account
        if account.guest:  # password and sessions are their own organisation's
            return not account.enabled
        blocked = account.synced or not account.enabled
        new_password = account.synced or account.password.version > self._password
        return blocked and new_password and not account.active_sessions()

    def is_cleared(self) -> bool:
        """Whether nothing of what the lock and the eviction remove still works."""
        remains = set(evicted(self._told, self._stage.sim.world)) & self._left
        elsewhere = "scramble-password" if self.account.synced else "revoke-sessions" if self.account.guest else None
        return not remains - {each.item for each in self._told.truth if each.evicted_by == elsewhere}

    async def _open(self) -> None:
        async def write() -> None:
            await self._people.write(f"compromise {self.account.upn}")

        moves = (Move("Check again", rarely=True),)
        await self._people.reach("an incident with a plan", self._is_planned, moves, PATIENCE_SECONDS, write)

    async def _lock(self) -> None:
        async def locked() -> bool:
            ended = State.REFUSED if self.account.guest else State.DONE
            return self.is_locked() and await self._has("step_runs", step_id="revoke-sessions", state=ended.value)

        await self._people.reach("the lock", locked, _LOCK, PATIENCE_SECONDS)
        if self.account.synced:  # an administrator does on premises what the tasks say, and the directories synchronise
            now = self._stage.sim.world.clock.now()
            self.account.properties |= {"accountEnabled": False, "lastPasswordChangeDateTime": stamp(now)}

    async def _evict(self) -> None:
        async def cleared() -> bool:
            return self.is_cleared() and await self._rests()

        await self._people.reach("the eviction", cleared, _EVICT, PATIENCE_SECONDS)

    async def _inform(self) -> None:
        async def told() -> bool:
            return await self._has("notices", state="confirmed") and await self._rests()

        await self._people.reach("the partners being told", told, _INFORM, PATIENCE_SECONDS)

    async def _warn(self) -> None:
        async def teach() -> None:
            await self._people.write("educate", by="grady")

        sent = self._is_sent
        await self._people.reach("the warning", partial(sent, BlastKind.WARN), _WARN, PATIENCE_SECONDS)
        await self._people.reach("the lesson", partial(sent, BlastKind.EDUCATE), _TEACH, PATIENCE_SECONDS, teach)

    async def _give_back(self) -> None:
        async def given_back() -> bool:
            return self.account.enabled and await self._rests()

        await self._people.reach("the account being given back", given_back, _GIVE_BACK, PATIENCE_SECONDS)

    async def _is_planned(self) -> bool:
        books = await self._books("incidents")
        return books is not None and any(row["plan"].get("steps") for row in books["incidents"])

    async def _is_sent(self, kind: BlastKind) -> bool:
        return await self._has("blasts", kind=kind.value, state=BlastState.DONE.value)

    async def _has(self, table: str, **values: str) -> bool:
        books = await self._books(table)
        return books is not None and any(
            all(row[name] == value for name, value in values.items()) for row in books[table]
        )

    async def _rests(self) -> bool:
        books = await self._books("approvals")
        return books is not None and not any(row["state"] == "approved" for row in books["approvals"])

    async def _books(self, table: str) -> Books | None:
        try:
            return await asyncio.to_thread(Books.read, self._stage.database_url, self._stage.data_key, table)
        except sa.exc.SQLAlchemyError:
            return None
