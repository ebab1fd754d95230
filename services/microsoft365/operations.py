"""What a call to Microsoft 365 declares: rights, roles, licence, rate row, and whether it may be repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kiota_abstractions.request_option import RequestOption

Needs = Mapping[str, tuple[str, ...]]
Gate = Callable[[], Awaitable[None]]  # asked right before each effect; raises where there must be none now


async def always_open() -> None:
    """The gate of who only reads."""


class Effect(StrEnum):
    """What a call does to the tenant, and so whether it may be sent again."""

    ONCE = "once"  # makes something anew at every call: never sent again unless surely not done
    READ = "read"
    REPEATABLE = "repeatable"  # changes something, and the second time changes nothing more


class Row(StrEnum):
    """A row of Graph's table of throttling limits: the calls of a row share one budget."""

    AUDIT_QUERIES = "audit-queries"
    HUNTING = "hunting"
    IDENTITY = "identity"
    INTUNE = "intune"
    MESSAGE_TRACE = "message-trace"
    OUTLOOK = "outlook"
    PROTECTION = "protection"  # Identity Protection and Conditional Access
    REPORTS = "reports"  # sign-in and directory logs, authentication methods
    SECURITY = "security"
    TEAMS = "teams"


@dataclass(frozen=True)
class Operation:
    """One kind of call. All its permissions are needed; Graph does not name a missing one, so it is named from here."""

    name: str
    permissions: tuple[str, ...]
    row: Row = Row.IDENTITY
    effect: Effect = Effect.READ
    roles: tuple[str, ...] = ()  # Entra roles of which our application needs one, for some targets or all
    licence: str | None = None  # what the tenant must own
    containment: bool = False  # stops an intruder: served first when the tenant is throttled
    asks: bool = False  # what it makes is only a question: nobody in the organisation is affected
    beside: tuple[str, ...] = ()  # permissions that are needed as well, though Graph's table has them elsewhere

    @property
    def all_permissions(self) -> tuple[str, ...]:
        return (*self.permissions, *self.beside)


class OperationOption(RequestOption):
    """Carries the operation with its HTTP request, so that what sees the request knows what it was declared to need."""

    KEY = "irbot-operation"

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    @staticmethod
    def get_key() -> str:
        return OperationOption.KEY


def permissions_of(*operations: Operation) -> tuple[str, ...]:
    """All permissions that these operations need together, each once."""
    return tuple(dict.fromkeys(name for operation in operations for name in operation.all_permissions))
