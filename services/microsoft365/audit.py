"""What was changed and touched: the directory's own audit log, and the unified audit log of Microsoft Purview.

Purview answers in minutes to hours: a query is submitted, watched and read in three calls, so it survives a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation

from services.errors import Bug
from services.microsoft365.graph import Graph, Json
from services.microsoft365.listing import Listing, listing
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, instant, moment, objects, quoted, text

_CHANGES_BY = Operation("directory-changes-by", ("AuditLog.Read.All",), Row.REPORTS)
_CHANGES_OF = Operation("directory-changes-of", ("AuditLog.Read.All",), Row.REPORTS)
_SUBMIT = Operation("submit-audit-query", ("AuditLogsQuery.Read.All",), Row.AUDIT_QUERIES, Effect.ONCE, asks=True)
_STATE = Operation("audit-query", ("AuditLogsQuery.Read.All",), Row.AUDIT_QUERIES)
_RECORDS = Operation("audit-records", ("AuditLogsQuery.Read.All",), Row.AUDIT_QUERIES)
_FIND = Operation("find-audit-query", ("AuditLogsQuery.Read.All",), Row.AUDIT_QUERIES)

NEEDS: Needs = {
    "changes_by": permissions_of(_CHANGES_BY),
    "changes_of": permissions_of(_CHANGES_OF),
    "submit": permissions_of(_SUBMIT),
    "find": permissions_of(_FIND),
    "named": permissions_of(_FIND),
    "state": permissions_of(_STATE),
    "records": permissions_of(_RECORDS),
}

_PAGE = 500
_KEPT = timedelta(days=30, hours=1)  # who asks for 30 days gets them, however late the request
_KEPT_WITHOUT_LICENCE = timedelta(days=6, hours=23)  # seven days, less what the request takes on its way
_ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class Modified:
    """A property that a directory change touched. Values are JSON text, as the log keeps them."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Target:
    """What a directory change was done to."""

    id: str
    name: str
    kind: str
    modified: tuple[Modified, ...]


@dataclass(frozen=True)
class DirectoryChange:
    """An entry of the directory audit log. `by` is a UPN, or the name of an app."""

    id: str
    at: datetime | None
    activity: str
    category: str
    succeeded: bool
    by: str
    by_id: str
    ip: str
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class AuditQuery:
    """A query of the unified audit log. `truncated`: it found more than Purview gives; ask for a shorter time."""

    id: str
    name: str
    status: str
    truncated: bool

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True)
class AuditRecord:
    """An entry of the unified audit log. `data` differs for every operation."""

    id: str
    at: datetime | None
    operation: str
    service: str
    record_type: str
    upn: str
    ip: str
    object_id: str
    data: Mapping[str, Any]


class Audit:
    """Both logs."""

    def __init__(self, graph: Graph, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._graph = graph
        self._clock = clock

    async def changes_by(self, object_id: str, since: datetime, limit: int) -> Listing[DirectoryChange]:
        """What the account changed in the directory.

        GET /auditLogs/directoryAudits; AuditLog.Read.All; read only. Kept for 7 days in a free tenant, else 30.
        """
        return await self._changes(_CHANGES_BY, f"initiatedBy/user/id eq {quoted(object_id)}", since, limit)

    async def changes_of(self, object_id: str, since: datetime, limit: int) -> Listing[DirectoryChange]:
        """What was changed in the directory about an account, an app or a device.

        GET /auditLogs/directoryAudits; AuditLog.Read.All; read only. Kept for 7 days in a free tenant, else 30.
        """
        return await self._changes(_CHANGES_OF, f"targetResources/any(t: t/id eq {quoted(object_id)})", since, limit)

    async def submit(
        self,
        name: str,
        since: datetime,
        until: datetime,
        *,
        upns: Sequence[str] = (),
        operations: Sequence[str] = (),
        ips: Sequence[str] = (),
        keyword: str = "",
    ) -> AuditQuery:
        """Starts a query of the unified audit log. `name` finds it again after an unknown outcome: see `find`.

        POST /security/auditLog/queries; AuditLogsQuery.Read.All; every call makes a query, 200 a day at least.
        """
        body: Json = {
            "displayName": name,
            "filterStartDateTime": instant(since),
            "filterEndDateTime": instant(until),
        }
        filters: Json = {
            "userPrincipalNameFilters": list(upns),
            "operationFilters": list(operations),
            "ipAddressFilters": list(ips),
            "keywordFilter": keyword,
        }
        body |= {key: value for key, value in filters.items() if value}
        request = self._graph.request(Method.POST, self._queries, body=body)
        return _query_from((await self._graph.call(_SUBMIT, request)).body)

    async def find(self, name: str) -> AuditQuery | None:
        """The newest query by this name, if any.

        GET /security/auditLog/queries; AuditLogsQuery.Read.All; read only.
        """
        items = await self._graph.items(_FIND, self._graph.request(Method.GET, self._queries))
        return next((_query_from(entry) for entry in items.values if text(entry, "displayName") == name), None)

    async def named(self, prefix: str) -> tuple[AuditQuery, ...]:
        """Every query whose name begins so, in no promised order.

        GET /security/auditLog/queries; AuditLogsQuery.Read.All; read only.
        """
        items = await self._graph.items(_FIND, self._graph.request(Method.GET, self._queries))
        return tuple(_query_from(entry) for entry in items.values if text(entry, "displayName").startswith(prefix))

    async def state(self, query_id: str) -> AuditQuery:
        """How far a query is: look every 15 seconds at first, then more rarely.

        GET /security/auditLog/queries/{id}; AuditLogsQuery.Read.All; read only.
        """
        where = self._queries.by_audit_log_query_id(query_id)
        return _query_from((await self._graph.call(_STATE, self._graph.request(Method.GET, where))).body)

    async def records(self, query_id: str, limit: int) -> Listing[AuditRecord]:
        """What a query found.

        GET /security/auditLog/queries/{id}/records; AuditLogsQuery.Read.All; read only.
        """
        where = self._queries.by_audit_log_query_id(query_id).records
        items = await self._graph.items(_RECORDS, self._graph.request(Method.GET, where, top=_PAGE), limit=limit)
        return listing(items, _record_from)

    @property
    def _queries(self) -> Any:
        return self._graph.client.security.audit_log.queries

    async def _changes(
        self, operation: Operation, condition: str, since: datetime, limit: int
    ) -> Listing[DirectoryChange]:
        """Asks for less where the tenant keeps less, which it says with a 400; the list is then not complete."""
        free_tenant = self._clock() - _KEPT_WITHOUT_LICENCE
        try:
            items = await self._graph.items(operation, self._changes_request(condition, since), limit=limit)
        except Bug as error:
            if error.data.get("status") != 400 or since >= free_tenant:
                raise
            items = await self._graph.items(operation, self._changes_request(condition, free_tenant), limit=limit)
            items = replace(items, complete=False)
        if since < self._clock() - _KEPT:
            items = replace(items, complete=False)
        return listing(items, _change_from)

    def _changes_request(self, condition: str, since: datetime) -> RequestInformation:
        return self._graph.request(
            Method.GET,
            self._graph.client.audit_logs.directory_audits,
            filter=f"activityDateTime ge {instant(since)} and {condition}",
            top=_PAGE,
        )


def _change_from(entry: Mapping[str, Any]) -> DirectoryChange:
    initiated = child(entry, "initiatedBy")
    user, app = child(initiated, "user"), child(initiated, "app")
    return DirectoryChange(
        id=text(entry, "id"),
        at=moment(entry, "activityDateTime"),
        activity=text(entry, "activityDisplayName"),
        category=text(entry, "category"),
        succeeded=text(entry, "result") == "success",
        by=text(user, "userPrincipalName") or text(app, "displayName"),
        by_id=text(user, "id") or text(app, "servicePrincipalId"),
        ip=text(user, "ipAddress"),
        targets=tuple(
            Target(
                id=text(target, "id"),
                name=text(target, "displayName") or text(target, "userPrincipalName"),
                kind=text(target, "type"),
                modified=tuple(
                    Modified(text(each, "displayName"), text(each, "oldValue"), text(each, "newValue"))
                    for each in objects(target, "modifiedProperties")
                ),
            )
            for target in objects(entry, "targetResources")
        ),
    )


def _query_from(entry: Mapping[str, Any]) -> AuditQuery:
    return AuditQuery(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        status=text(entry, "status") or "notStarted",
        truncated=flag(entry, "isRecordCountLimitExceeded") is True,
    )


def _record_from(entry: Mapping[str, Any]) -> AuditRecord:
    return AuditRecord(
        id=text(entry, "id"),
        at=moment(entry, "createdDateTime"),
        operation=text(entry, "operation"),
        service=text(entry, "service"),
        record_type=text(entry, "auditLogRecordType"),
        upn=text(entry, "userPrincipalName"),
        ip=text(entry, "clientIp"),
        object_id=text(entry, "objectId"),
        data=child(entry, "auditData"),
    )
