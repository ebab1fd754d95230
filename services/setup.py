"""What administrators set from Teams. Each change is checked, logged and told to all administrators.

Protection grows at once and shrinks only by two: who takes somebody off a protected list needs another administrator.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Access, Permission, Role
from services.channel import Actor, Conversation, ConversationKind
from services.database import Database, insert_once
from services.database.operation_tables import organisation_entries, organisation_log, organisation_removals
from services.errors import BadInput, Conflict, Expired, NotAllowed, NotFound
from services.incidents.model import actor_from_json
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.organisation import FIELDS, PROTECTED, Entry, Kind, Organisation, entries
from services.posts import PostKind, Posts
from services.settings import Settings
from services.together import together

NOTHING = "none"  # the word that takes a single value away
_MOST_NAMES = 30
_BETWEEN_NAMES = re.compile(r"[\s,;]+")


class Action(StrEnum):
    """What a line of the log says was done."""

    ADDED = "added"
    CLEARED = "cleared"
    REMOVAL_ASKED = "removal-asked"
    REMOVAL_REFUSED = "removal-refused"
    REMOVED = "removed"
    SET = "set"


class RemovalState(StrEnum):
    """How far a removal from a protected list is."""

    APPROVED = "approved"
    EXPIRED = "expired"
    REFUSED = "refused"
    WAITING = "waiting"


@dataclass(frozen=True)
class Removal:
    """Somebody is to be taken off a protected list, if another administrator agrees in time."""

    id: str
    kind: Kind
    value: str
    shown: str
    nonce: str
    state: RemovalState
    asked_by: Actor
    expires_at: datetime
    decided_by: Actor | None


@dataclass(frozen=True)
class LogLine:
    """One change: what, by whom and when."""

    id: str
    action: Action
    kind: Kind
    value: str
    shown: str
    by: Actor
    at: datetime
    removal_id: str | None = None


class Setup:
    """Every way to change what `Organisation` shows; each checks the role of who asks."""

    def __init__(
        self,
        *,
        database: Database,
        organisation: Organisation,
        access: Access,
        m365: Microsoft365,
        posts: Posts,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self.organisation = organisation
        self._access = access
        self._m365 = m365
        self._posts = posts
        self._now = now

    async def change(
        self, actor: Actor, where: Conversation, people: Mapping[Kind, str], values: Mapping[Kind, str]
    ) -> tuple[LogLine, ...]:
        """Adds people to the protected lists and sets single values; all of it, or nothing.

        Raises BadInput ("people-not-resolved" with `unknown` and `ambiguous`, "bad-setup-value", …), Conflict
        ("set-by-environment") or NotAllowed.
        """
        await self._access.require(actor, Permission.ORGANISATION_SET, where)
        named = await self._resolve(people)
        wanted = {kind: self._checked(kind, text) for kind, text in values.items() if text.strip()}
        told = await self._administrators()
        now, lines = self._now(), []
        async with self._database.write() as connection:
            for kind, accounts in named.items():
                for account in accounts:
                    shown = f"{account.display_name} ({account.upn})"
                    if await _insert(connection, Entry(kind, account.id, shown, actor, now)):
                        lines.append(await _log(connection, Action.ADDED, kind, account.id, shown, actor, now))
            for kind, value in wanted.items():
                line = await _set(connection, kind, value, actor, now)
                lines += [line] if line else []
            await self._tell(connection, lines, told)
        await self.organisation.refresh()
        return tuple(lines)

    async def use_channel(self, actor: Actor, where: Conversation) -> tuple[LogLine, ...]:
        """Makes the channel of this conversation the incident channel."""
        if where.kind is not ConversationKind.CHANNEL:
            raise NotAllowed(reason="not-in-this-place")
        channel = where.channel_id or where.id.partition(";")[0]
        return await self.change(actor, where, {}, {Kind.CHANNEL: channel})

    async def ask_removal(self, actor: Actor, where: Conversation, kind: Kind, value: str) -> Removal:
        """Asks another administrator to take somebody off a protected list; until then they stay on it."""
        await self._access.require(actor, Permission.ORGANISATION_SET, where)
        told = await self._administrators()
        now = self._now()
        async with self._database.write() as connection:
            entry = next((each for each in await entries(connection) if (each.kind, each.value) == (kind, value)), None)
            if entry is None or kind not in PROTECTED:
                raise NotFound(what="entry", sought=value)
            if any((each.kind, each.value) == (kind, value) for each in await waiting(connection, now)):
                raise Conflict(reason="removal-asked-already")
            row: dict[str, Any] = {
                "id": str(uuid.uuid4()),
                "kind": kind.value,
                "value": value,
                "shown": entry.shown,
                "nonce": uuid.uuid4().hex,
                "state": RemovalState.WAITING.value,
                "asked_by": asdict(actor),
                "asked_at": now,
                "expires_at": now + timedelta(minutes=self.organisation.settings.approval_minutes),
            }
            await connection.execute(sa.insert(organisation_removals).values(**row))
            line = await _log(connection, Action.REMOVAL_ASKED, kind, value, entry.shown, actor, now, row["id"])
            await self._tell(connection, [line], told)
            return await removal(connection, row["id"])

    async def decide(self, actor: Actor, where: Conversation, removal_id: str, nonce: str, *, approve: bool) -> Removal:
        """Approves or refuses a removal as the second person. Who asked, and who it is about, never approve it."""
        await self._access.require(actor, Permission.ORGANISATION_SET, where)
        async with self._database.read() as connection:
            asked = await removal(connection, removal_id)
        if approve and actor.object_id == asked.asked_by.object_id:
            raise NotAllowed(reason="requester-may-not-approve")
        if approve and actor.object_id == asked.value:
            raise NotAllowed(reason="protected-may-not-approve")
        if approve:  # whoever asked must still be allowed to
            await self._access.require(asked.asked_by, Permission.ORGANISATION_SET, None)
        told = await self._administrators()
        now = self._now()
        async with self._database.write() as connection:
            asked = await removal(connection, removal_id)
            if asked.nonce != nonce or asked.state is not RemovalState.WAITING:
                raise Conflict(reason="approval-decided")
            if asked.expires_at <= now:
                raise Expired(what="removal")
            await self._end(connection, asked, actor, now, approve=approve)
            action = Action.REMOVED if approve else Action.REMOVAL_REFUSED
            line = await _log(connection, action, asked.kind, asked.value, asked.shown, actor, now, asked.id)
            await self._tell(connection, [line], told)
            decided = await removal(connection, removal_id)
            asked_in = await connection.execute(
                sa.select(organisation_log.c.id).where(
                    organisation_log.c.removal_id == asked.id,
                    organisation_log.c.action == Action.REMOVAL_ASKED.value,
                )
            )
            line_id = asked_in.scalar_one()
        await self.organisation.refresh()
        await self._posts.redraw_keys(f"setup:{line_id}:")
        return decided

    async def _end(
        self, connection: AsyncConnection, asked: Removal, actor: Actor, now: datetime, *, approve: bool
    ) -> None:
        state = RemovalState.APPROVED if approve else RemovalState.REFUSED
        table = organisation_removals
        ended = await connection.execute(
            sa.update(table)
            .where(table.c.id == asked.id, table.c.state == RemovalState.WAITING.value)
            .values(state=state.value, decided_by=asdict(actor), decided_at=now)
        )
        if ended.rowcount != 1:
            raise Conflict(reason="approval-decided")
        if approve:
            row = organisation_entries
            await connection.execute(sa.delete(row).where(row.c.kind == asked.kind.value, row.c.value == asked.value))

    async def _resolve(self, people: Mapping[Kind, str]) -> dict[Kind, tuple[Account, ...]]:
        """The accounts that the names surely mean. Raises BadInput that names all others back."""
        names = {kind: list(dict.fromkeys(filter(None, _BETWEEN_NAMES.split(text)))) for kind, text in people.items()}
        if not set(names) <= set(PROTECTED):
            raise BadInput(reason="bad-setup-value")
        if sum(map(len, names.values())) > _MOST_NAMES:
            raise BadInput(reason="too-many-names", limit=_MOST_NAMES)
        asked = sorted({name for each in names.values() for name in each})
        answers = await together(*(self._m365.directory.find_accounts(name) for name in asked))
        found = dict(zip(asked, answers, strict=True))
        unknown = [name for name in asked if not found[name]]
        ambiguous = [name for name in asked if len(found[name]) > 1]
        if unknown or ambiguous:
            raise BadInput(reason="people-not-resolved", unknown=unknown, ambiguous=ambiguous)
        return {kind: tuple(found[name][0] for name in each) for kind, each in names.items()}

    def _checked(self, kind: Kind, text: str) -> str:
        """The value as the settings would take it; empty to take it away."""
        value = " ".join(text.split())
        if kind in PROTECTED:
            raise BadInput(reason="bad-setup-value", field=kind.value)
        if self.organisation.fixed(kind):
            raise Conflict(reason="set-by-environment", field=kind.value)
        if value.casefold() == NOTHING:
            return ""
        try:
            Settings(**{**dict(self.organisation.environment), FIELDS[kind]: value})
        except ValueError:
            raise BadInput(reason="bad-setup-value", field=kind.value) from None
        return value

    async def _administrators(self) -> tuple[Actor, ...]:
        accounts, _ = await self._access.able(Role.ADMINISTRATOR)
        return tuple(Actor(account.id, account.display_name, "") for account in accounts)

    async def _tell(self, connection: AsyncConnection, lines: list[LogLine], told: tuple[Actor, ...]) -> None:
        for line in lines:
            for person in told:
                key = f"setup:{line.id}:{person.object_id}"
                await self._posts.want(connection, key, PostKind.SETUP, line.at, person=person, summary="Setup")


async def removal(connection: AsyncConnection, removal_id: str) -> Removal:
    """One removal. Raises NotFound."""
    query = sa.select(organisation_removals).where(organisation_removals.c.id == removal_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(what="removal", sought=removal_id)
    return _removal(row)


async def waiting(connection: AsyncConnection, now: datetime) -> tuple[Removal, ...]:
    """The removals that somebody may still decide, oldest first."""
    table = organisation_removals
    query = (
        sa.select(table)
        .where(table.c.state == RemovalState.WAITING.value, table.c.expires_at > now)
        .order_by(table.c.asked_at)
    )
    return tuple(_removal(row) for row in await connection.execute(query))


async def log_line(connection: AsyncConnection, line_id: str) -> LogLine:
    """One line of the log. Raises NotFound."""
    query = sa.select(organisation_log).where(organisation_log.c.id == line_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(what="log-line", sought=line_id)
    by = actor_from_json(row.by)
    return LogLine(row.id, Action(row.action), Kind(row.kind), row.value, row.shown, by, row.at, row.removal_id)


def _removal(row: sa.Row[Any]) -> Removal:
    return Removal(
        id=row.id,
        kind=Kind(row.kind),
        value=row.value,
        shown=row.shown,
        nonce=row.nonce,
        state=RemovalState(row.state),
        asked_by=actor_from_json(row.asked_by),
        expires_at=row.expires_at,
        decided_by=None if row.decided_by is None else actor_from_json(row.decided_by),
    )


async def _insert(connection: AsyncConnection, entry: Entry) -> bool:
    return await insert_once(
        connection,
        organisation_entries,
        kind=entry.kind.value,
        value=entry.value,
        shown=entry.shown,
        by=asdict(entry.by),
        at=entry.at,
    )


async def _set(connection: AsyncConnection, kind: Kind, value: str, actor: Actor, now: datetime) -> LogLine | None:
    """Replaces a single value; None where it is so already."""
    before = next((entry.value for entry in await entries(connection) if entry.kind is kind), "")
    if before == value:
        return None
    await connection.execute(sa.delete(organisation_entries).where(organisation_entries.c.kind == kind.value))
    if value:
        await _insert(connection, Entry(kind, value, value, actor, now))
    return await _log(
        connection, Action.SET if value else Action.CLEARED, kind, value or before, value or before, actor, now
    )


async def _log(
    connection: AsyncConnection,
    action: Action,
    kind: Kind,
    value: str,
    shown: str,
    actor: Actor,
    now: datetime,
    removal_id: str | None = None,
) -> LogLine:
    line = LogLine(str(uuid.uuid4()), action, kind, value, shown, actor, now, removal_id)
    await connection.execute(sa.insert(organisation_log).values(**asdict(line)))
    return line
