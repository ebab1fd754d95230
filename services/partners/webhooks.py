"""Calls of partners' webhooks: signed, to the configured addresses only, and never sent twice.

The body is signed with the partner's secret, `X-IRBot-Signature: sha256=…` over the time stamp, a dot and the body, so
that the other side knows who speaks and that nobody plays it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx
import sqlalchemy as sa

from services import brake
from services.database import Database, mail_tables
from services.durable import Durable
from services.errors import Stopped
from services.microsoft365.trust import trusted_authorities
from services.partners.contacts import Contact
from services.partners.notices import Notice, WebhookState, notice_from
from services.secrets import Secret
from services.settings import Settings

log = logging.getLogger(__name__)

_NOTICES = mail_tables.notices
_AT_ONCE = 4
_MOST_ATTEMPTS = 5
_GRACE_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 300.0
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
_LOST = "IRBot was stopped before it knew how the call ended. Ask the partner whether it came."


class Webhooks:
    """Calls what is wanted. One per process; several share the rows."""

    def __init__(
        self,
        *,
        database: Database,
        settings: Settings,
        durable: Durable,
        contacts: Sequence[Contact],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._brake = brake.Brake(database)
        self._settings = settings
        self._durable = durable
        self._contacts = {contact.id: contact for contact in contacts}
        self._now = now
        self._timeout = settings.call_timeout_seconds
        self._fresh = database.is_sqlite  # the first round of the only process settles what a killed one left

    async def round(self) -> None:
        """Calls each webhook that is due, once."""
        await self._recover()
        due = await self._due()
        if due:
            verify = await asyncio.to_thread(trusted_authorities, self._settings.ca_file)
            async with httpx.AsyncClient(verify=verify, timeout=self._timeout, follow_redirects=False) as http:
                await asyncio.gather(*(self._call(http, notice) for notice in due))

    async def _due(self) -> tuple[Notice, ...]:
        wanted = (_NOTICES.c.webhook == WebhookState.WANTED.value) & (_NOTICES.c.not_before <= self._now())
        async with self._database.read() as connection:
            if await brake.current(connection) is not None:
                return ()
            rows = await connection.execute(
                sa.select(_NOTICES).where(wanted).order_by(_NOTICES.c.sent_at).limit(_AT_ONCE)
            )
            return tuple(notice_from(row) for row in rows)

    async def _recover(self) -> None:
        """A call whose process died may have arrived."""
        limit = self._now() - timedelta(seconds=self._timeout + _GRACE_SECONDS)
        lost = _NOTICES.c.webhook == WebhookState.SENDING.value
        if not self._fresh:
            lost &= _NOTICES.c.webhook_at < limit
        self._fresh = False
        async with self._database.write() as connection:
            values = {"webhook": WebhookState.UNKNOWN.value, "webhook_reason": _LOST}
            await connection.execute(sa.update(_NOTICES).where(lost).values(**values))

    async def _call(self, http: httpx.AsyncClient, notice: Notice) -> None:
        contact = self._contacts.get(notice.contact.id)
        if contact is None or contact.webhook != notice.contact.webhook or contact.secret is None:
            await self._set(
                notice, WebhookState.WANTED, WebhookState.FAILED, "This webhook is not configured any more."
            )
            return
        if not self._durable.holds_lease():
            return
        if not await self._set(notice, WebhookState.WANTED, WebhookState.SENDING, "", attempts=notice.attempts + 1):
            return
        try:
            await self._brake.insist()
        except Stopped:  # after it was looked up; it waits, and this was no attempt
            await self._set(notice, WebhookState.SENDING, WebhookState.WANTED, "", attempts=notice.attempts)
            return
        state, reason = await self._answer(http, notice, contact.secret)
        if state is WebhookState.WANTED and notice.attempts + 1 >= _MOST_ATTEMPTS:
            state = WebhookState.FAILED
        wait = timedelta(seconds=min(5.0 * 2**notice.attempts, _LONGEST_WAIT_SECONDS))
        await self._set(notice, WebhookState.SENDING, state, reason, not_before=self._now() + wait)

    async def _answer(self, http: httpx.AsyncClient, notice: Notice, secret: Secret) -> tuple[WebhookState, str]:
        """What the call came to. `WANTED` was surely not delivered and may be tried again."""
        body = notice.payload.encode()
        try:
            async with asyncio.timeout(self._timeout):
                headers = signed(body, secret, notice.id, self._now())
                response = await http.post(notice.contact.webhook, content=body, headers=headers)
        except _NOT_SENT as error:
            log.info("webhook of %s could not be reached: %s", notice.contact.id, type(error).__name__)
            return WebhookState.WANTED, "The partner's server could not be reached."
        except (TimeoutError, httpx.HTTPError) as error:
            log.info("webhook of %s gave no answer: %s", notice.contact.id, type(error).__name__)
            return WebhookState.UNKNOWN, "It was sent, and no answer came. Ask the partner whether they have it."
        if response.is_success:
            return WebhookState.SENT, ""
        if response.is_redirect:
            return WebhookState.FAILED, "The partner's server points elsewhere, where IRBot does not follow."
        if response.status_code == 429:
            return WebhookState.WANTED, "The partner's server is busy."
        if response.is_server_error:
            return (
                WebhookState.UNKNOWN,
                f"The partner's server failed ({response.status_code}). Ask whether they have it.",
            )
        return WebhookState.FAILED, f"The partner's server refused it ({response.status_code})."

    async def _set(
        self, notice: Notice, before: WebhookState, after: WebhookState, reason: str, **values: int | datetime
    ) -> bool:
        """Moves the call on; False where another process was quicker."""
        mine = (_NOTICES.c.id == notice.id) & (_NOTICES.c.webhook == before.value)
        kept = {"webhook": after.value, "webhook_reason": reason, "webhook_at": self._now(), **values}
        async with self._database.write() as connection:
            return (await connection.execute(sa.update(_NOTICES).where(mine).values(**kept))).rowcount == 1


def signed(body: bytes, secret: Secret, delivery: str, now: datetime) -> Mapping[str, str]:
    """The headers of a call. `delivery` is the same however often it is seen, so that the other side can count once."""
    stamp = str(int(now.timestamp()))
    digest = hmac.new(secret.reveal().encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "IRBot",
        "X-IRBot-Delivery": delivery,
        "X-IRBot-Timestamp": stamp,
        "X-IRBot-Signature": f"sha256={digest}",
    }
