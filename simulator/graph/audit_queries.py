"""Purview audit queries: asked for, run for a while, then read; over the records that Exchange's own search shows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from simulator.clock import parse_stamp, stamp
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import arrived
from simulator.graph.errors import GraphError, bad_request, not_found, unknown_property
from simulator.graph.operation import Answer, Call, Operation, Row
from simulator.graph.schema_workloads import AUDIT_QUERY, AUDIT_RECORD
from simulator.tenant import Json

QUERIES_A_DAY = 200
_LISTS = (
    "administrativeUnitIdFilters",
    "ipAddressFilters",
    "objectIdFilters",
    "operationFilters",
    "recordTypeFilters",
    "serviceFilters",
    "userPrincipalNameFilters",
)
_WRITABLE = {*_LISTS, "displayName", "filterStartDateTime", "filterEndDateTime", "keywordFilter"}
_WAITS = 0.25  # which part of its time a query waits for its turn


def _time(values: Json, name: str) -> datetime:
    try:
        return parse_stamp(str(values[name]))
    except (KeyError, ValueError) as problem:
        raise bad_request(f"{name} is required and takes a time.", "BadRequest") from problem


def create(call: Call) -> Answer:
    """POST /security/auditLog/queries: every call makes one, and a tenant may make 200 a day."""
    values = call.json_object()
    for name, value in values.items():
        if name not in AUDIT_QUERY.properties:
            raise unknown_property(name, "security.auditLogQuery")
        if name not in _WRITABLE:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.", "BadRequest")
        if name in _LISTS and not isinstance(value, list):
            raise bad_request(f"Property '{name}' takes a list.", "BadRequest")
    if _time(values, "filterStartDateTime") >= _time(values, "filterEndDateTime"):
        raise bad_request("The start of the time range must be before its end.", "BadRequest")
    now = call.world.clock.now()
    recent = [q for q in call.tenant.records.audit_queries.values() if q["made"] > now - timedelta(days=1)]
    if len(recent) >= QUERIES_A_DAY:
        raise GraphError(429, "TooManyRequests", "Too many audit log queries in the last 24 hours.")
    query: Json = {name: [] for name in _LISTS} | {"keywordFilter": ""} | values | {"id": str(uuid4()), "made": now}
    call.tenant.records.audit_queries[query["id"]] = query
    return Answer(201, _shown(call, query))


def _shown(call: Call, query: Json) -> Json:
    answer = call.entity(query | {"status": _status(call, query)}, AUDIT_QUERY, "security/auditLog/queries/$entity")
    assert answer.body is not None
    return answer.body


def _status(call: Call, query: Json) -> str:
    if query.get("status"):
        return str(query["status"])  # a test may let one fail
    age = call.world.clock.now() - query["made"]
    takes = _takes(call)
    if age < takes * _WAITS:
        return "notStarted"
    return "running" if age < takes else "succeeded"


def _takes(call: Call) -> timedelta:
    return timedelta(seconds=call.world.config.audit_query_seconds)


def _query(call: Call) -> Json:
    key = call.parameters["auditLogQuery-id"]
    found = call.tenant.records.audit_queries.get(key)
    if found is None:
        raise not_found(key)
    return found


def list_queries(call: Call) -> Answer:
    """GET /security/auditLog/queries."""
    queries = call.tenant.records.audit_queries.values()
    rows = [query | {"status": _status(call, query)} for query in queries]
    return call.collection(rows, AUDIT_QUERY, "security/auditLog/queries")


def get_query(call: Call) -> Answer:
    """GET /security/auditLog/queries/{id}: poll until its status is final."""
    return Answer(body=_shown(call, _query(call)))


def records(call: Call) -> Answer:
    """GET /security/auditLog/queries/{id}/records: empty until the query has succeeded."""
    query = _query(call)
    rows: list[Json] = []
    if _status(call, query) == "succeeded":
        everything = arrived(exchange_of(call.world), query["made"] + _takes(call))  # what came later needs a new query
        rows = [row for row in (_record(call, record) for record in everything) if _fits(query, row)]
    return call.collection(rows, AUDIT_RECORD, "security/auditLog/queries/records")


def _record(call: Call, record: Json) -> Json:
    data: Any = record["AuditData"]
    if isinstance(data, str):
        data = json.loads(data)
    upn = str(record["UserIds"])
    user = call.tenant.find_user(upn)
    return {
        "id": str(record.get("Identity") or data.get("Id") or uuid4()),
        "createdDateTime": stamp(record["CreationDate"]),
        "auditLogRecordType": str(record["RecordType"]),
        "operation": str(record["Operations"]),
        "organizationId": call.tenant.id,
        "userType": "Regular",
        "userId": user.id if user else upn,
        "service": str(data.get("Workload") or "Exchange"),
        "objectId": str(data.get("ObjectId") or ""),
        "userPrincipalName": upn,
        "clientIp": _without_port(str(data.get("ClientIP") or data.get("ClientIPAddress") or "")),
        "administrativeUnits": [""],
        "auditData": data,
    }


def _without_port(address: str) -> str:
    """Exchange's own records carry the port: 203.0.113.7:4431, or [2001:db8::7]:4431."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _fits(query: Json, row: Json) -> bool:
    start, end = _time(query, "filterStartDateTime"), _time(query, "filterEndDateTime")
    if not start <= parse_stamp(str(row["createdDateTime"])) < end:
        return False
    for name, field in (
        ("ipAddressFilters", "clientIp"),
        ("objectIdFilters", "objectId"),
        ("operationFilters", "operation"),
        ("recordTypeFilters", "auditLogRecordType"),
        ("serviceFilters", "service"),
        ("userPrincipalNameFilters", "userPrincipalName"),
    ):
        wanted = {str(value).lower() for value in query[name]}
        if wanted and str(row[field]).lower() not in wanted:
            return False
    keyword = str(query["keywordFilter"] or "").lower()
    return not keyword or keyword in json.dumps(row["auditData"]).lower()


_ROOT = "/security/auditLog/queries"
_READ = (
    "AuditLogsQuery.Read.All",
    "AuditLogsQuery-CRM.Read.All",
    "AuditLogsQuery-Endpoint.Read.All",
    "AuditLogsQuery-Entra.Read.All",
    "AuditLogsQuery-Exchange.Read.All",
    "AuditLogsQuery-OneDrive.Read.All",
    "AuditLogsQuery-SharePoint.Read.All",
)
OPERATIONS = (
    Operation("POST", _ROOT, create, _READ, row=Row.NONE, versions=("v1.0", "beta")),
    Operation("GET", _ROOT, list_queries, _READ, row=Row.NONE),
    Operation("GET", f"{_ROOT}/{{auditLogQuery-id}}", get_query, _READ, row=Row.NONE),
    Operation("GET", f"{_ROOT}/{{auditLogQuery-id}}/records", records, _READ, row=Row.NONE),
)
