"""Entra ID Protection: what Microsoft thinks of an account's risk, and what we tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Gone
from services.microsoft365.graph import Graph
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, instant, moment, quoted, text

_P2 = "Microsoft Entra ID P2"
_CHANGED = Operation("risky-users", ("IdentityRiskyUser.Read.All",), Row.PROTECTION, licence=_P2)
_READ = Operation("risky-user", ("IdentityRiskyUser.Read.All",), Row.PROTECTION, licence=_P2)
_DETECTIONS = Operation("risk-detections", ("IdentityRiskEvent.Read.All",), Row.PROTECTION, licence=_P2)
_CONFIRM = Operation(
    "confirm-compromised",
    ("IdentityRiskyUser.ReadWrite.All",),
    Row.PROTECTION,
    Effect.REPEATABLE,
    licence=_P2,
    containment=True,
)
_DISMISS = Operation(
    "dismiss-risk", ("IdentityRiskyUser.ReadWrite.All",), Row.PROTECTION, Effect.REPEATABLE, licence=_P2
)

NEEDS: Needs = {
    "changed": permissions_of(_CHANGED),
    "of_account": permissions_of(_READ),
    "detections": permissions_of(_DETECTIONS),
    "confirm_compromised": permissions_of(_CONFIRM),
    "dismiss": permissions_of(_DISMISS),
}

_PAGE = 100
_LARGE_PAGE = 500


@dataclass(frozen=True)
class AccountRisk:
    """The risk of an account. Not settled while `processing`."""

    level: str  # none, low, medium, high or hidden
    state: str  # atRisk, confirmedCompromised, dismissed, remediated, …
    detail: str
    processing: bool
    updated_at: datetime | None

    @property
    def is_confirmed(self) -> bool:
        return self.state == "confirmedCompromised"


@dataclass(frozen=True)
class RiskDetection:
    """One thing that looked risky."""

    id: str
    at: datetime | None
    kind: str
    level: str
    state: str
    ip: str
    city: str
    country: str


@dataclass(frozen=True)
class RiskyAccount:
    """An account and its risk, as the list of all risky accounts has it."""

    object_id: str
    name: str
    upn: str
    deleted: bool
    risk: AccountRisk


class Risk:
    """Identity Protection. One call a second for the whole tenant, all apps together: it may take its time."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def of_account(self, object_id: str) -> AccountRisk | None:
        """The account's risk; None where it never was at risk.

        GET /identityProtection/riskyUsers/{id}; IdentityRiskyUser.Read.All, Entra ID P2; read only.
        """
        where = self._graph.client.identity_protection.risky_users.by_risky_user_id(object_id)
        try:
            body = (await self._graph.call(_READ, self._graph.request(Method.GET, where))).body
        except Gone:
            return None
        return _risk_from(body)

    async def changed(self, since: datetime, limit: int) -> Listing[RiskyAccount]:
        """The accounts whose risk changed. There are no notifications of it: who wants to know asks again.

        GET /identityProtection/riskyUsers; IdentityRiskyUser.Read.All, Entra ID P2; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._graph.client.identity_protection.risky_users,
            filter=f"riskLastUpdatedDateTime ge {instant(since)}",
            top=_LARGE_PAGE,
        )
        return listing(await self._graph.items(_CHANGED, request, limit=limit), _risky_account_from)

    async def detections(self, object_id: str, since: datetime, limit: int) -> Listing[RiskDetection]:
        """What looked risky about the account.

        GET /identityProtection/riskDetections; IdentityRiskEvent.Read.All, Entra ID P2; read only.
        """
        condition = f"userId eq {quoted(object_id)} and detectedDateTime ge {instant(since)}"
        request = self._graph.request(
            Method.GET, self._graph.client.identity_protection.risk_detections, filter=condition, top=_PAGE
        )
        return listing(await self._graph.items(_DETECTIONS, request, limit=limit), _detection_from)

    async def confirm_compromised(self, object_id: str) -> None:
        """The account is compromised: Conditional Access acts on it. Takes up to minutes to show.

        POST /identityProtection/riskyUsers/confirmCompromised; IdentityRiskyUser.ReadWrite.All, Entra ID P2; safe to
        repeat.
        """
        action = self._graph.client.identity_protection.risky_users.confirm_compromised
        await self._graph.call(_CONFIRM, self._graph.request(Method.POST, action, body={"userIds": [object_id]}))

    async def dismiss(self, object_id: str) -> None:
        """The account is safe again: without this, policies go on refusing it.

        POST /identityProtection/riskyUsers/dismiss; IdentityRiskyUser.ReadWrite.All, Entra ID P2; safe to repeat.
        """
        action = self._graph.client.identity_protection.risky_users.dismiss
        await self._graph.call(_DISMISS, self._graph.request(Method.POST, action, body={"userIds": [object_id]}))


def _risk_from(entry: Mapping[str, Any]) -> AccountRisk:
    return AccountRisk(
        level=text(entry, "riskLevel"),
        state=text(entry, "riskState"),
        detail=text(entry, "riskDetail"),
        processing=flag(entry, "isProcessing") is True,
        updated_at=moment(entry, "riskLastUpdatedDateTime"),
    )


def _risky_account_from(entry: Mapping[str, Any]) -> RiskyAccount:
    return RiskyAccount(
        object_id=text(entry, "id").lower(),
        name=text(entry, "userDisplayName"),
        upn=text(entry, "userPrincipalName"),
        deleted=flag(entry, "isDeleted") is True,
        risk=_risk_from(entry),
    )


def _detection_from(entry: Mapping[str, Any]) -> RiskDetection:
    place = child(entry, "location")
    return RiskDetection(
        id=text(entry, "id"),
        at=moment(entry, "activityDateTime") or moment(entry, "detectedDateTime"),
        kind=text(entry, "riskEventType"),
        level=text(entry, "riskLevel"),
        state=text(entry, "riskState"),
        ip=text(entry, "ipAddress"),
        city=text(place, "city"),
        country=text(place, "countryOrRegion"),
    )
