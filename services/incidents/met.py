"""Whom the investigation met at the intruder's addresses, from the findings of the sign-ins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.playbook.ledger import Found

_CHECK = "review-sign-ins"


@dataclass(frozen=True)
class Met:
    """Another account that let somebody in from an address of the intruder."""

    account_id: str
    upn: str
    where: str


def met_in(findings: Sequence[Found]) -> tuple[Met, ...]:
    """Each such account once."""
    found: dict[str, Met] = {}
    for each in findings:
        data = each.finding.data
        account_id = data.get("account_id")
        if each.step_id == _CHECK and each.resolved_at is None and isinstance(account_id, str):
            addresses = data.get("addresses") or ()
            found.setdefault(account_id, Met(account_id, str(data.get("upn", "")), ", ".join(map(str, addresses))))
    return tuple(found.values())
