"""Temporary Access Passes: made, shown once in a personal chat, hidden after a while. The code itself is in no row.

A row says how far a pass is. One whose process died before it was surely shown is deleted from the account, never shown
again: a new one has to be asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.channel import Actor, Conversation
from services.database import Database
from services.database.task_tables import access_passes
from services.errors import Expired, Gone, IRBotError, NotFound, Refusal, UnknownOutcome
from services.incidents import store, timeline
from services.incidents.model import Incident, conversation_from_json
from services.incidents.timeline import SYSTEM, AuditTag
from services.microsoft365 import Microsoft365
from services.microsoft365.sign_in_methods import AccessPass
from services.playbook.past import PassState
from services.playbook.step import Context

log = logging.getLogger(__name__)

_KIND = "temporaryAccessPassAuthenticationMethod"
_OUT = (PassState.SHOWN.value, PassState.HIDDEN.value)


class Courier(Protocol):
    """Brings a pass to one person's personal chat. Nothing that it is given is kept in a row or a log."""

    async def reach(self, person: Actor, incident: Incident) -> Conversation:
        """The person's personal chat. Raises an IRBotError where there is none to be had."""
        ...

    async def show(self, where: Conversation, incident: Incident, access_pass: AccessPass, until: datetime) -> str:
        """Posts the pass, once and without trying again, and returns the activity id."""
        ...

    async def hide(self, where: Conversation, activity_id: str, incident: Incident) -> None:
        """Puts a card without the pass in its place."""
        ...


class Passes:
    """Rows of `access_passes`, by the approval that they were issued for."""

    def __init__(
        self,
        database: Database,
        m365: Microsoft365,
        courier: Courier,
        now: Callable[[], datetime],
        shown_for: timedelta,
    ) -> None:
        self._database = database
        self._m365 = m365
        self._courier = courier
        self._now = now
        self._shown_for = shown_for

    async def state(self, cause: str) -> PassState | None:
        """How far the pass of this approval is."""
        async with self._database.read() as connection:
            found = await connection.scalar(sa.select(access_passes.c.state).where(access_passes.c.cause == cause))
        return None if found is None else PassState(found)

    async def hand_over(self, ctx: Context, make: Callable[[], Awaitable[AccessPass]]) -> None:
        """See `services.playbook.past.Past.hand_over`."""
        if ctx.decided_by is None:
            raise NotFound(what="approver")
        async with self._database.read() as connection:
            incident = await store.get(connection, ctx.incident)
        try:
            where = await self._courier.reach(ctx.decided_by, incident)
        except IRBotError as error:
            raise NotFound(what="personal-chat", cause=error.code) from None
        await self._begin(ctx)
        try:
            made = await make()
        except UnknownOutcome:
            raise Expired(what="access-pass", deleted=await self._withdrawn(ctx)) from None
        except IRBotError:
            await self._forget(ctx.cause)  # nothing was made
            raise
        await self._set(ctx.cause, method_id=made.id)
        hide_at = self._now() + min(self._shown_for, timedelta(minutes=made.minutes))
        try:
            activity_id = await self._courier.show(where, incident, made, hide_at)
        except IRBotError:
            raise Expired(what="access-pass", deleted=await self._withdrawn(ctx)) from None
        await self._note_shown(ctx, where, activity_id, hide_at)

    async def withdraw(self, ctx: Context) -> bool:
        """Deletes the account's pass; whether that is surely done. What is not done is tried again by `tidy`."""
        return await self._withdrawn(ctx)

    async def tidy(self) -> None:
        """Hides what was shown for long enough, and deletes what could not be deleted before."""
        now = self._now()
        due = (access_passes.c.state == PassState.SHOWN.value) & (access_passes.c.hide_at <= now)
        async with self._database.read() as connection:
            to_hide = list(await connection.execute(sa.select(access_passes).where(due)))
            withdrawing = access_passes.c.state == PassState.WITHDRAWING.value
            to_delete = list(await connection.execute(sa.select(access_passes).where(withdrawing)))
        for row in to_hide:
            if await self._hide(row):
                await self._set(row.cause, state=PassState.HIDDEN.value)
        for row in to_delete:
            await self._delete(row.incident_id, row.account_id)

    # -- rows ------------------------------------------------------------------------------------------------------

    async def _begin(self, ctx: Context) -> None:
        assert ctx.decided_by is not None
        async with self._database.write() as connection:
            await connection.execute(
                sa.insert(access_passes).values(
                    cause=ctx.cause,
                    incident_id=ctx.incident,
                    account_id=ctx.subject.object_id,
                    state=PassState.BEGUN.value,
                    shown_to=asdict(ctx.decided_by),
                    begun_at=self._now(),
                )
            )

    async def _forget(self, cause: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(sa.delete(access_passes).where(access_passes.c.cause == cause))

    async def _note_shown(self, ctx: Context, where: Conversation, activity_id: str, hide_at: datetime) -> None:
        assert ctx.decided_by is not None
        async with self._database.write() as connection:
            await connection.execute(
                sa.update(access_passes)
                .where(access_passes.c.cause == ctx.cause)
                .values(
                    state=PassState.SHOWN.value,
                    conversation=asdict(where),
                    activity_id=activity_id,
                    hide_at=hide_at,
                )
            )
            await timeline.append(
                connection,
                ctx.incident,
                AuditTag.PASS_SHOWN,
                at=self._now(),
                actor_id=ctx.decided_by.object_id,
                data={"approval": ctx.cause, "to": ctx.decided_by.object_id},
            )

    async def _set(self, cause: str, **values: Any) -> None:
        async with self._database.write() as connection:
            await connection.execute(sa.update(access_passes).where(access_passes.c.cause == cause).values(**values))

    # -- deleting --------------------------------------------------------------------------------------------------

    async def _withdrawn(self, ctx: Context) -> bool:
        rows = (access_passes.c.incident_id == ctx.incident) & (access_passes.c.account_id == ctx.subject.object_id)
        left = rows & (access_passes.c.state != PassState.WITHDRAWN.value)
        async with self._database.write() as connection:
            shown = list(await connection.execute(sa.select(access_passes).where(left)))
            await connection.execute(sa.update(access_passes).where(left).values(state=PassState.WITHDRAWING.value))
        for row in shown:
            await self._hide(row)
        return await self._delete(ctx.incident, ctx.subject.object_id)

    async def _delete(self, incident_id: str, account_id: str) -> bool:
        """Deletes whatever pass there is: an account has one at most, and a new one would have replaced it."""
        methods = self._m365.sign_in_methods
        try:
            for method in await methods.list(account_id):
                if method.kind == _KIND:
                    with suppress(Gone):
                        await methods.remove(account_id, method)
        except IRBotError as error:
            log.warning("a pass could not be deleted yet: %s", error.code)
            return False
        mine = (access_passes.c.incident_id == incident_id) & (access_passes.c.account_id == account_id)
        withdrawing = mine & (access_passes.c.state == PassState.WITHDRAWING.value)
        async with self._database.write() as connection:
            ended = await connection.execute(
                sa.update(access_passes).where(withdrawing).values(state=PassState.WITHDRAWN.value)
            )
            if ended.rowcount:
                await timeline.append(connection, incident_id, AuditTag.PASS_WITHDRAWN, at=self._now(), actor_id=SYSTEM)
        return True

    async def _hide(self, row: sa.Row[Any]) -> bool:
        """Whether the message shows no pass any more: it was changed, or it is gone."""
        if row.activity_id is None:
            return True
        async with self._database.read() as connection:
            incident = await store.get(connection, row.incident_id)
        try:
            await self._courier.hide(conversation_from_json(row.conversation), row.activity_id, incident)
        except IRBotError as error:
            log.warning("a shown pass could not be hidden: %s", error.code)
            return isinstance(error, Refusal)
        return True


async def ours(connection: AsyncConnection, incident_id: str) -> frozenset[str]:
    """The ids of the passes that IRBot has issued in this incident and that are out."""
    query = sa.select(access_passes.c.method_id).where(
        access_passes.c.incident_id == incident_id, access_passes.c.state.in_(_OUT)
    )
    return frozenset(found for found in (await connection.execute(query)).scalars() if found)
