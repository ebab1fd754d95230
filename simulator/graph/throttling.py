"""The limits table: token buckets per app, tenant and mailbox on a clock that nobody can turn back.

Off by default. Where the real service sends no Retry-After, none is sent here.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from simulator.graph.errors import GraphError
from simulator.graph.operation import Operation, Row
from simulator.graph.query import Options
from simulator.tokens import Caller
from simulator.world import World


@dataclass
class Bucket:
    """Refills evenly; `spend` says how many seconds are missing, 0 where the cost was paid."""

    size: float
    per_seconds: float
    left: float
    filled_at: float

    @classmethod
    def full(cls, size: float, per_seconds: float, now: float) -> Bucket:
        """A bucket that nobody has used yet."""
        return cls(size, per_seconds, size, now)

    def spend(self, cost: float, now: float) -> float:
        """Takes the cost, or says how long to wait for it."""
        rate = self.size / self.per_seconds
        self.left = min(self.size, self.left + (now - self.filled_at) * rate)
        self.filled_at = now
        if self.left >= cost:
            self.left -= cost
            return 0.0
        return (cost - self.left) / rate

    @property
    def used(self) -> float:
        """The used share, 0 to 1."""
        return 1 - self.left / self.size


def _directory_units(people: int) -> int:
    if people < 50:
        return 3_500
    return 5_000 if people <= 500 else 8_000


def resource_units(operation: Operation, options: Options) -> int:
    """What one request costs in the directory's own units."""
    cost = operation.cost
    if options.select:
        cost -= 1
    if options.expand:
        cost += 1
    if options.top is not None and options.top < 20:
        cost -= 1
    return max(cost, 1)


class Throttle:
    """All buckets of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._buckets: dict[tuple[str, ...], Bucket] = {}
        self._tenant = world.tenant

    def _bucket(self, key: tuple[str, ...], size: float, per_seconds: float) -> Bucket:
        if key not in self._buckets:
            self._buckets[key] = Bucket.full(size, per_seconds, time.monotonic())
        return self._buckets[key]

    def spend(
        self, operation: Operation, caller: Caller, parameters: dict[str, str], options: Options, method: str
    ) -> dict[str, str]:
        """Pays for a request and gives the headers that say so. Raises GraphError 429."""
        if not self._world.throttling:
            return {}
        if self._tenant is not self._world.tenant:  # the world was reset
            self._tenant = self._world.tenant
            self._buckets.clear()
        app, tenant = caller.app_id, self._world.tenant.id
        if operation.row is Row.DIRECTORY:
            return self._directory(operation, app, options, method)
        if operation.row is Row.REPORTS:
            self._pay(("reports", app), 5, 10)
        elif operation.row is Row.PROTECTION:
            self._pay(("protection", tenant), 1, 1, say_when=False)
        elif operation.row is Row.OUTLOOK:
            self._pay(("outlook", app, parameters.get("user-id", "").lower()), 10_000, 600)
        elif operation.row is Row.TRACE:
            self._pay(("trace", tenant), 100, 300)
        elif operation.row is Row.SECURITY:
            self._pay(("security", app), 150, 60)
        elif operation.row is Row.TEAMS:
            self._pay(("teams", app), 30, 1)
        elif operation.row is Row.INTUNE:
            self._pay(("intune", app), 1_000, 20)
            if method != "GET":
                self._pay(("intune writes", app), 100, 20)
        return {}

    def _pay(self, key: tuple[str, ...], size: float, per_seconds: float, *, say_when: bool = True) -> None:
        wait = self._bucket(key, size, per_seconds).spend(1, time.monotonic())
        if wait > 0:
            headers = {"Retry-After": str(max(1, math.ceil(wait)))} if say_when else {}
            raise GraphError(429, "TooManyRequests", "Too many requests.", headers)

    def _directory(self, operation: Operation, app: str, options: Options, method: str) -> dict[str, str]:
        units = resource_units(operation, options)
        size = _directory_units(len(self._world.tenant.users))
        bucket = self._bucket(("directory", app), size, 10)
        wait = bucket.spend(units, time.monotonic())
        if wait == 0 and method != "GET":
            wait = self._bucket(("directory writes", app), 3_000, 150).spend(1, time.monotonic())
        headers = {"x-ms-resource-unit": str(units)}
        if bucket.used >= 0.8:
            headers["x-ms-throttle-limit-percentage"] = f"{bucket.used:.1f}"
        if wait > 0:
            raise GraphError(
                429,
                "TooManyRequests",
                "Too many requests.",
                headers
                | {
                    "Retry-After": str(max(1, math.ceil(wait))),
                    "x-ms-throttle-scope": f"Tenant_Application/ReadWrite/{app}/{self._world.tenant.id}",
                    "x-ms-throttle-information": "ResourceUnitLimitExceeded",
                },
            )
        return headers
