"""The mailbox that IRBot sends from: the configured one, by object id, and never one that is under investigation."""

from __future__ import annotations

from services.database import Database
from services.errors import Conflict, Gone
from services.incidents import store
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.settings import Settings


class Sender:
    """Finds the mailbox once; whether it is a subject is asked every time."""

    def __init__(self, settings: Settings, m365: Microsoft365, database: Database) -> None:
        self._sought = settings.mail_from
        self._m365 = m365
        self._database = database
        self._account: Account | None = None

    async def account(self) -> Account:
        """The account of the mailbox. Raises Conflict: none is configured, it is not found, or it is a subject."""
        if not self._sought:
            raise Conflict(reason="mail-sender-not-set")
        if self._account is None:
            self._account = await self._find()
        async with self._database.read() as connection:
            if self._account.id in await store.open_subjects(connection):
                raise Conflict(reason="mail-sender-is-subject")
        return self._account

    async def _find(self) -> Account:
        try:
            found = await self._m365.directory.find_accounts(self._sought)
        except Gone:
            found = ()
        if len(found) != 1 or found[0].is_guest:
            raise Conflict(reason="mail-sender-not-found")
        return found[0]
