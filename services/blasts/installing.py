"""Our app for people who do not have it yet: Teams lets a bot write first only to those for whom it is installed."""

from __future__ import annotations

import asyncio

from services.blasts.budget import Budget
from services.database import Database
from services.errors import NotFound, Throttled, UpstreamDown
from services.microsoft365.teams_apps import TeamsApps

# Graph takes 30 installations a second of one app in one tenant.
INSTALLS = Budget("app-installations", 28.0, 30.0)
_TRIES = 3
_PAUSE_SECONDS = 2.0


class Installer:
    """Installs for one person at a time, at a pace that all replicas share."""

    def __init__(self, database: Database, apps: TeamsApps, manifest_id: str) -> None:
        self._database = database
        self._apps = apps
        self._manifest_id = manifest_id
        self._catalogue_id: str | None = None
        self._looking = asyncio.Lock()

    async def install(self, object_id: str) -> None:
        """That they have it already is fine. Raises NotFound where the organisation has no such app; Graph's errors.

        Being asked too often is no reason to slow Teams down, so it counts as a service that does not answer.
        """
        catalogue_id = await self._in_catalogue()
        for _ in range(_TRIES):
            async with self._database.write() as connection:
                (seconds,) = await INSTALLS.reserve(connection, 1)
            await asyncio.sleep(seconds)
            try:
                await self._apps.install(object_id, catalogue_id)
            except Throttled as error:
                await asyncio.sleep(min(error.retry_after or _PAUSE_SECONDS, 30.0))
            else:
                return
        raise UpstreamDown(service="graph", reason="throttled")

    async def _in_catalogue(self) -> str:
        async with self._looking:
            if self._catalogue_id is None:
                self._catalogue_id = await self._apps.catalogue_id(self._manifest_id)
        if self._catalogue_id is None:
            raise NotFound(what="app", sought=self._manifest_id)
        return self._catalogue_id
