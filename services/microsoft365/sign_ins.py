"""The sign-in log: who signed in from where, with what, to what; interactive, and with tokens alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.graph import Graph, Items
from services.microsoft365.graph_errors import PREMIUM
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, decimal, flag, instant, moment, number, quoted, text, texts

_INTERACTIVE = Operation("sign-ins", ("AuditLog.Read.All",), Row.REPORTS, licence=PREMIUM)
_WITH_TOKENS = Operation("sign-ins-with-tokens", ("AuditLog.Read.All",), Row.REPORTS, licence=PREMIUM)
_FROM_ADDRESS = Operation("sign-ins-from-address", ("AuditLog.Read.All",), Row.REPORTS, licence=PREMIUM)
_BY_CLIENT = Operation("sign-ins-by-client", ("AuditLog.Read.All",), Row.REPORTS, licence=PREMIUM)
_CONFIRM = Operation(
    "confirm-sign-ins-compromised",
    ("IdentityRiskEvent.ReadWrite.All",),
    Row.PROTECTION,
    Effect.REPEATABLE,
    licence="Microsoft Entra ID P2",
)

NEEDS: Needs = {
    "interactive": permissions_of(_INTERACTIVE),
    "with_tokens": permissions_of(_WITH_TOKENS),
    "from_address": permissions_of(_FROM_ADDRESS),
    "by_client": permissions_of(_BY_CLIENT),
    "confirm_compromised": permissions_of(_CONFIRM),
}

_PAGE = 1000
_KEPT = timedelta(days=30, hours=1)  # who asks for 30 days gets them, however late the request
_NOT_TOLD = frozenset({"hidden", "none", "unknownFutureValue", ""})


@dataclass(frozen=True)
class SignIn:
    """One entry of the log. `risk` is None where there is none, or where the tenant's licence hides it."""

    id: str
    at: datetime | None
    account_id: str
    upn: str
    app: str
    app_id: str
    resource: str
    client: str  # Browser, Mobile Apps and Desktop clients, IMAP4, Authenticated SMTP, …
    ip: str
    city: str
    country: str
    interactive: bool
    error_code: int
    failure: str
    conditional_access: str
    risk: str | None
    risk_types: tuple[str, ...]
    device_id: str
    device: str
    operating_system: str
    browser: str
    device_managed: bool | None
    device_compliant: bool | None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def succeeded(self) -> bool:
        return self.error_code == 0


class SignIns:
    """The sign-in log of the tenant. Entries are minutes old at least, and kept for 30 days."""

    def __init__(self, graph: Graph, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._graph = graph
        self._clock = clock

    async def interactive(self, object_id: str, since: datetime, limit: int) -> Listing[SignIn]:
        """The account's sign-ins by hand, newest first.

        GET /auditLogs/signIns; AuditLog.Read.All, Entra ID P1; read only.
        """
        return await self._signed_in(_INTERACTIVE, f"userId eq {quoted(object_id)}", since, limit)

    async def with_tokens(self, object_id: str, since: datetime, limit: int) -> Listing[SignIn]:
        """The account's sign-ins that needed no hand: a replayed token shows only here.

        GET beta /auditLogs/signIns; AuditLog.Read.All, Entra ID P1; read only.
        """
        condition = (
            f"userId eq {quoted(object_id)} and createdDateTime ge {instant(since)} "
            "and signInEventTypes/any(t: t eq 'nonInteractiveUser')"
        )
        request = self._graph.beta(Method.GET, "/auditLogs/signIns", filter=condition, top=_PAGE)
        return self._read(await self._graph.items(_WITH_TOKENS, request, limit=limit), since)

    async def from_address(self, ip: str, since: datetime, limit: int) -> Listing[SignIn]:
        """Everybody's sign-ins by hand from one address: who else met the intruder.

        GET /auditLogs/signIns; AuditLog.Read.All, Entra ID P1; read only.
        """
        return await self._signed_in(_FROM_ADDRESS, f"ipAddress eq {quoted(ip)}", since, limit)

    async def by_client(self, client: str, since: datetime, limit: int) -> Listing[SignIn]:
        """Everybody's sign-ins with one kind of program, such as IMAP4: by hand, and with tokens alone.

        GET /auditLogs/signIns, v1.0 and beta; AuditLog.Read.All, Entra ID P1; read only.
        """
        condition = f"clientAppUsed eq {quoted(client)}"
        by_hand = await self._signed_in(_BY_CLIENT, condition, since, limit)
        condition += f" and createdDateTime ge {instant(since)} and signInEventTypes/any(t: t eq 'nonInteractiveUser')"
        request = self._graph.beta(Method.GET, "/auditLogs/signIns", filter=condition, top=_PAGE)
        alone = self._read(await self._graph.items(_BY_CLIENT, request, limit=limit), since)
        return Listing((*by_hand, *alone), by_hand.complete and alone.complete)

    async def confirm_compromised(self, sign_in_ids: Sequence[str]) -> None:
        """Tells Identity Protection that these sign-ins were the intruder's.

        POST /auditLogs/signIns/confirmCompromised; IdentityRiskEvent.ReadWrite.All, Entra ID P2; safe to repeat.
        """
        action = self._graph.client.audit_logs.sign_ins.confirm_compromised
        request = self._graph.request(Method.POST, action, body={"requestIds": list(sign_in_ids)})
        await self._graph.call(_CONFIRM, request)

    async def _signed_in(self, operation: Operation, condition: str, since: datetime, limit: int) -> Listing[SignIn]:
        request = self._graph.request(
            Method.GET,
            self._graph.client.audit_logs.sign_ins,
            filter=f"{condition} and createdDateTime ge {instant(since)}",
            top=_PAGE,
        )
        return self._read(await self._graph.items(operation, request, limit=limit), since)

    def _read(self, items: Items, since: datetime) -> Listing[SignIn]:
        """What lies before the time that the log keeps makes the list incomplete."""
        kept = since >= self._clock() - _KEPT
        return listing(replace(items, complete=items.complete and kept), _sign_in_from)


def _sign_in_from(entry: Mapping[str, Any]) -> SignIn:
    place, status, device = child(entry, "location"), child(entry, "status"), child(entry, "deviceDetail")
    risk = text(entry, "riskLevelDuringSignIn")
    return SignIn(
        id=text(entry, "id"),
        at=moment(entry, "createdDateTime"),
        account_id=text(entry, "userId"),
        upn=text(entry, "userPrincipalName"),
        app=text(entry, "appDisplayName"),
        app_id=text(entry, "appId"),
        resource=text(entry, "resourceDisplayName"),
        client=text(entry, "clientAppUsed"),
        ip=text(entry, "ipAddress"),
        city=text(place, "city"),
        country=text(place, "countryOrRegion"),
        interactive=flag(entry, "isInteractive") is True,
        error_code=number(status, "errorCode") or 0,
        failure=text(status, "failureReason"),
        conditional_access=text(entry, "conditionalAccessStatus"),
        risk=None if risk in _NOT_TOLD else risk,
        risk_types=texts(entry, "riskEventTypes_v2"),
        device_id=text(device, "deviceId"),
        device=text(device, "displayName"),
        operating_system=text(device, "operatingSystem"),
        browser=text(device, "browser"),
        device_managed=flag(device, "isManaged"),
        device_compliant=flag(device, "isCompliant"),
        latitude=decimal(child(place, "geoCoordinates"), "latitude"),
        longitude=decimal(child(place, "geoCoordinates"), "longitude"),
    )
