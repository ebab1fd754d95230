"""The state that the simulated services share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable

from simulator.clock import Clock
from simulator.config import SimulatorConfig, SyncedWrite
from simulator.faults import Faults
from simulator.ids import guid
from simulator.inbox import Inbox
from simulator.journal import Journal
from simulator.keys import generate
from simulator.lanes import Lanes
from simulator.latency import Latency
from simulator.people import build
from simulator.roles import ROLES
from simulator.tenant import RoleAssignment, ServicePrincipal, Tenant
from simulator.tokens import Tokens


class World:
    """One tenant with its clock, faults, latencies, keys and record of requests. A fresh one per Simulator."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.clock = Clock()
        self.faults = Faults()
        self.journal = Journal(config.journal_limit)
        self.latency = Latency(config.latency, config.seed)
        self.keys = generate(config.host)
        self.app_id = guid(config.seed, "app:IRBot")
        self.app_secret = secrets.token_urlsafe(24)
        self.identity_header = secrets.token_urlsafe(24)  # what the host of IRBot tells only those who run on it
        self.synced_write: SyncedWrite = config.synced_write
        self.throttling = config.throttling
        self.base_url = ""  # http://host:port, set when the server listens
        self.login_url = ""
        self.closing = False
        self.lanes = Lanes()
        self._at_close: list[Callable[[], Awaitable[None]]] = []
        self._new_tenant()

    def _new_tenant(self) -> None:
        config = self.config
        self.tenant = Tenant(guid(config.seed, "tenant"), config.domain, self.clock.now, time.monotonic)
        self.tenant.replication_seconds = config.replication_seconds
        build(
            self.tenant,
            seed=config.seed,
            size=config.size,
            now=self.clock.now(),
            app_id=self.app_id,
            app_secret=self.app_secret,
            app_certificate=self.keys.app.certificate_pem,
            permissions=config.permissions,
            directory_roles=config.directory_roles,
            licences=config.licences,
            communicators=config.communicators,
        )
        self.inbox = Inbox(self.clock.now, self.tenant.touch)
        self.tokens = Tokens(self.tenant, self.clock, self.keys.login)

    @property
    def bot(self) -> ServicePrincipal:
        """IRBot's own service principal in the tenant."""
        found = self.tenant.app(self.app_id)
        assert found is not None
        return found

    def grant(self, *permissions: str) -> None:
        """Consents to application permissions; tokens issued before stop working, because they do not hold them."""
        if permissions:
            self.bot.permissions.update(permissions)
            self.tokens.expire_all()

    def withdraw(self, *permissions: str) -> None:
        """Takes application permissions away, at once."""
        self.bot.permissions.difference_update(permissions)

    def set_directory_roles(self, *names: str) -> None:
        """The directory roles that IRBot's service principal holds from now on, and no others."""
        bot = self.bot.id
        others = [a for a in self.tenant.role_assignments if a.principal_id != bot]
        held = [RoleAssignment(guid(self.config.seed, f"active:{bot}:{name}"), bot, ROLES[name]) for name in names]
        self.tenant.role_assignments = others + held
        self.tenant.touch()

    def reset(self) -> None:
        """Back to the seed: tenant, inboxes, faults, knobs and journal. Tokens issued earlier go on working."""
        version = self.tenant.version
        self.faults.clear()
        self.journal.clear()
        self.latency.choose(self.config.latency)
        self.synced_write = self.config.synced_write
        self.throttling = self.config.throttling
        self._new_tenant()
        self.tenant.version = version + 1

    def at_close(self, action: Callable[[], Awaitable[None]]) -> None:
        """Registers what a service must close when the simulator stops."""
        self._at_close.append(action)

    async def close(self) -> None:
        """Runs the registered closings, newest first."""
        self.closing = True
        while self._at_close:
            await self._at_close.pop()()
