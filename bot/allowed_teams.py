"""Which teams the bot serves, by what administrators have at hand: the team's thread id or its Entra group id.

A message names its team by the thread id alone, so a listed group id is compared with what the connector says about the
team. That answer never changes and is kept; while it cannot be had, the team is not served.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from botbuilder.schema import Activity

from bot.activities import team_ids_of, thread_id_of_team
from bot.identity import object_id_of
from bot.rejections import Rejected
from services.errors import IRBotError

logger = logging.getLogger(__name__)

GroupOf = Callable[[str, str], Awaitable[str | None]]  # service URL, thread id of the team -> group id

_MOST_KNOWN = 1000


class AllowedTeams:
    """The list. Empty, it allows every team of the tenant."""

    def __init__(self, listed: tuple[str, ...], group_of: GroupOf) -> None:
        self._threads = frozenset(name for name in listed if object_id_of(name) is None)
        self._groups = frozenset(name.lower() for name in listed if object_id_of(name) is not None)
        self._group_of = group_of
        self._known: dict[str, str] = {}

    async def insist_on(self, activity: Activity) -> None:
        """Raises Rejected for a team that is not on the list, or that nobody can identify now."""
        if not self._threads and not self._groups:
            return
        named = team_ids_of(activity)
        if self._threads & named or self._groups & {name.lower() for name in named}:
            return
        thread_id = thread_id_of_team(activity)
        if thread_id is None or not self._groups:
            raise Rejected(403, "team-not-allowed")
        if await self._group(activity.service_url, thread_id) not in self._groups:
            raise Rejected(403, "team-not-allowed")

    async def _group(self, service_url: str, thread_id: str) -> str | None:
        if thread_id not in self._known:
            try:
                found = await self._group_of(service_url, thread_id)
            except IRBotError as error:
                logger.warning("a team cannot be identified: %r", error)
                raise Rejected(403, "team-unknown") from None
            if found is None or len(self._known) >= _MOST_KNOWN:
                return found
            self._known[thread_id] = found
        return self._known[thread_id]
