"""Microsoft Defender: alerts about an account, and questions to its hunting tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.accounts import Account
from services.microsoft365.graph import Graph, Json
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, instant, moment, objects, text

_LIST = Operation("alerts", ("SecurityAlert.Read.All",), Row.SECURITY)
_MARK = Operation("mark-alert", ("SecurityAlert.ReadWrite.All",), Row.SECURITY, Effect.REPEATABLE)
_HUNT = Operation("hunt", ("ThreatHunting.Read.All",), Row.HUNTING, licence="Microsoft Defender XDR")

NEEDS: Needs = {
    "about": permissions_of(_LIST),
    "changed": permissions_of(_LIST),
    "mark_compromised": permissions_of(_MARK),
    "hunt": permissions_of(_HUNT),
}

_PAGE = 100
_MOST_SEARCHED = 2000


@dataclass(frozen=True)
class Alert:
    """An alert of Defender or Identity Protection."""

    id: str
    at: datetime | None
    title: str
    severity: str
    status: str
    source: str
    classification: str
    url: str


@dataclass(frozen=True)
class NamedAccount:
    """An account that an alert names: by object id, or by an address where it gives no id."""

    object_id: str
    address: str


@dataclass(frozen=True)
class AlertAboutAccounts:
    """An alert with the accounts that its evidence names."""

    alert: Alert
    accounts: tuple[NamedAccount, ...]


class Alerts:
    """Alerts and hunting."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def about(self, account: Account, since: datetime) -> Listing[Alert]:
        """The alerts that name the account as evidence. Graph cannot filter by it: all alerts are read, to a limit.

        GET /security/alerts_v2; SecurityAlert.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET, self._graph.client.security.alerts_v2, filter=f"createdDateTime ge {instant(since)}", top=_PAGE
        )
        items = await self._graph.items(_LIST, request, limit=_MOST_SEARCHED)
        about = tuple(_alert_from(entry) for entry in items.values if _names(entry, account))
        return Listing(about, items.complete)

    async def changed(self, since: datetime, limit: int) -> Listing[AlertAboutAccounts]:
        """The alerts that are new or changed. There are no notifications of them: who wants to know asks again.

        GET /security/alerts_v2; SecurityAlert.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET,
            self._graph.client.security.alerts_v2,
            filter=f"lastUpdateDateTime ge {instant(since)}",
            top=_PAGE,
        )
        return listing(
            await self._graph.items(_LIST, request, limit=limit),
            lambda entry: AlertAboutAccounts(_alert_from(entry), tuple(_accounts_in(entry))),
        )

    async def mark_compromised(self, alert_id: str) -> None:
        """Says that an alert was right, and that somebody works on it.

        PATCH /security/alerts_v2/{id}; SecurityAlert.ReadWrite.All; safe to repeat.
        """
        where = self._graph.client.security.alerts_v2.by_alert_id(alert_id)
        body = {
            "status": "inProgress",
            "classification": "truePositive",
            "determination": "compromisedAccount",
        }
        await self._graph.call(_MARK, self._graph.request(Method.PATCH, where, body=body))

    async def hunt(self, query: str, timespan: str = "P7D") -> tuple[Mapping[str, Any], ...]:
        """The rows that a hunting query finds. Text from outside goes into `query` through `kql_text` only.

        POST /security/runHuntingQuery; ThreatHunting.Read.All, Defender XDR; read only.
        """
        action = self._graph.client.security.microsoft_graph_security_run_hunting_query
        request = self._graph.request(Method.POST, action, body={"query": query, "timespan": timespan})
        return objects((await self._graph.call(_HUNT, request)).body, "results")


def kql_text(value: str) -> str:
    """A string literal of the Kusto query language."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ").replace("\r", " ") + "'"


def _names(entry: Json, account: Account) -> bool:
    names = {
        account.id.casefold(),
        account.upn.casefold(),
        *(address.casefold() for address in (account.mail,) if address),
    }
    for evidence in objects(entry, "evidence"):
        user = child(evidence, "userAccount")
        told = (
            text(user, "azureAdUserId"),
            text(user, "userPrincipalName"),
            text(evidence, "primaryAddress"),
            text(evidence, "upn"),
        )
        if any(each.casefold() in names for each in told if each):
            return True
    return False


def _accounts_in(entry: Json) -> Iterator[NamedAccount]:
    seen: set[NamedAccount] = set()
    for evidence in objects(entry, "evidence"):
        user = child(evidence, "userAccount")
        address = (
            text(user, "userPrincipalName") or text(evidence, "primaryAddress") or text(evidence, "upn")
        ).casefold()
        found = NamedAccount(text(user, "azureAdUserId").lower(), address)
        if (found.object_id or found.address) and found not in seen:
            seen.add(found)
            yield found


def _alert_from(entry: Mapping[str, Any]) -> Alert:
    return Alert(
        id=text(entry, "id"),
        at=moment(entry, "createdDateTime"),
        title=text(entry, "title"),
        severity=text(entry, "severity"),
        status=text(entry, "status"),
        source=text(entry, "serviceSource"),
        classification=text(entry, "classification"),
        url=text(entry, "alertWebUrl"),
    )
