"""One invocation as a handler sees it, and the table of handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.exchange.parameters import Bound, Edit
from simulator.exchange.service import Exchange
from simulator.exchange.state import Mailbox, Record

Rows = Iterable[Record]
Handler = Callable[["Call"], Rows]

HANDLERS: dict[str, Handler] = {}


def handles(*cmdlets: str) -> Callable[[Handler], Handler]:
    """Registers a handler for these cmdlets."""

    def register(handler: Handler) -> Handler:
        for cmdlet in cmdlets:
            assert cmdlet not in HANDLERS, cmdlet
            HANDLERS[cmdlet] = handler
        return handler

    return register


@dataclass(slots=True)
class Call:
    """What was asked, by whom, and the warnings that go back beside the rows."""

    exchange: Exchange
    cmdlet: str
    bound: Bound
    by: str
    warnings: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.exchange.clock.now()

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a parameter; `default` where it was not given."""
        value = self.bound.values.get(name, default)
        return default if value is None else value

    def given(self, name: str) -> bool:
        """Whether the parameter was given, null included."""
        return name in self.bound.names

    def mailbox(self, *, content: bool = False, parameter: str = "Identity") -> Mailbox:
        """The mailbox that the call names."""
        return self.exchange.need_mailbox(self.get(parameter), content=content)

    def unchanged(self, identity: str) -> None:
        """Warns that there was nothing to change, as the service does instead of failing."""
        self.warnings.append(f"The command completed successfully but no settings of '{identity}' have been modified.")


def edited(current: list[str], value: list[str] | Edit | None) -> list[str]:
    """A multi-valued property after the given change; comparison ignores case, as the service's does."""
    if value is None:
        return []
    if isinstance(value, list):
        return list(dict.fromkeys(value))
    gone = {item.lower() for item in value.remove}
    kept = [item for item in current if item.lower() not in gone]
    held = {item.lower() for item in kept}
    return kept + [item for item in value.add if item.lower() not in held]


def apply(call: Call, record: Record, *, skip: Iterable[str] = ()) -> dict[str, tuple[Any, Any]]:
    """Writes the given parameters into a record of settings; returns what really changed, before and after."""
    changed: dict[str, tuple[Any, Any]] = {}
    ignored = {"Identity", "Mailbox", "Force", "Confirm", "IgnoreDefaultScope", *skip}
    for name in call.bound.names - ignored:
        value = call.bound.values[name]
        before = record.get(name)
        if isinstance(before, list) or isinstance(value, Edit):
            value = edited(list(before or []), value)
        if before != value:
            record[name] = value
            changed[name] = (before, value)
    return changed


def find(records: list[Record], identity: Any) -> Record | None:
    """A record of the organisation by name, identity or GUID."""
    wanted = str(identity).lower()
    for record in records:
        if wanted in {str(record.get(name)).lower() for name in ("Name", "Identity", "Guid")}:
            return record
    return None
