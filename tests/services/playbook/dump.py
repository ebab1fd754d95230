"""Everything that a simulated tenant holds, as flat paths and values, to compare before with after."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from simulator.exchange import exchange_of
from simulator.server import Simulator

# What the cloud moves by itself whenever something is touched, or gives to what is made anew.
MOVES: Mapping[str, str] = {
    "@odata.etag": "a new version of an object",
    "LastModifiedBy": "who touched it last",
    "LastModifiedTime": "when it was touched last",
    "WhenChanged": "when it was touched last",
    "WhenChangedUTC": "when it was touched last",
    "lastModifiedDateTime": "when it was touched last",
    "assignedDateTime": "a licence that is given again has a new date",
    "createdDateTime": "what was removed and is given again has a new date",
    "id": "what was removed and is given again has a new id",
    "rule_id": "a rule that is made again has a new id",
    "RuleIdentity": "a rule that is made again has a new id",
    "Identity": "a rule that is made again has a new id",
    "PublishedCalendarUrl": "a calendar that is published again has a new address",
    "PublishedICalUrl": "a calendar that is published again has a new address",
    "signInSessionsValidFromDateTime": "blocking ends the sessions, which nothing brings back",
}
# Records of what happened are meant to grow.
RECORDS = frozenset(
    {
        "audit_arrivals",
        "audit_records",
        "changes",
        "directory_audits",
        "history",
        "journal",
        "remediations",
        "risk_history",
    }
)


def dump(sim: Simulator) -> dict[str, str]:
    """Every value by its path; lists without an order of their own are compared as sets of rows."""
    tenant, exchange = sim.world.tenant, exchange_of(sim.world)
    held = {
        "users": {key: tenant.users[key] for key in tenant.users},
        "groups": dict(tenant.groups),
        "devices": dict(tenant.devices),
        "apps": dict(tenant.service_principals),
        "grants": tenant.permission_grants,
        "places": tenant.app_role_assignments,
        "roles": tenant.role_assignments,
        "records": tenant.records,
        "organisation": exchange.organisation,
        "mailboxes": {user_id: exchange.mailbox_of(user_id) for user_id in tenant.users},
    }
    return dict(_flat("", held))


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif hasattr(value, "properties") and hasattr(value, "__dict__"):
        value = vars(value)
    if isinstance(value, Mapping):
        for name, each in value.items():
            if str(name) not in MOVES and str(name) not in RECORDS:
                yield from _flat(f"{path}/{name}", each)
    elif isinstance(value, list | tuple | set | frozenset):
        rows = sorted(str(sorted(_flat("", each))) for each in value)
        for place, row in enumerate(rows):
            yield f"{path}[{place}]", row
    else:
        # Nothing is nothing, whether the cloud writes it as null or as an empty text.
        yield path, "" if value is None else value.value if isinstance(value, Enum) else str(value)
