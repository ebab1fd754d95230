"""The least time in which calls could have been answered: no schedule that keeps the limits is quicker.

A bound, not a wish: it knows the services' limits and what must come before what, and takes the shortest call wherever
it cannot know which one it was.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.microsoft365.budgets import LIMITS
from services.microsoft365.operations import Row
from simulator.graph import OPERATIONS
from simulator.graph.errors import GraphError
from simulator.graph.operation import Row as ServiceRow
from simulator.graph.router import Router, split
from simulator.journal import Entry
from simulator.lanes import MAILBOX_LIMIT

EXCHANGE_AT_ONCE = 4  # of one tenant, beside background jobs
# The service's rows by ours. What Graph has no row for has no limit here.
_ROWS: Mapping[ServiceRow, Row] = {
    ServiceRow.DIRECTORY: Row.IDENTITY,
    ServiceRow.INTUNE: Row.INTUNE,
    ServiceRow.PROTECTION: Row.PROTECTION,
    ServiceRow.REPORTS: Row.REPORTS,
    ServiceRow.SECURITY: Row.SECURITY,
    ServiceRow.TEAMS: Row.TEAMS,
    ServiceRow.TRACE: Row.MESSAGE_TRACE,
}
_QUERIES = "/security/auditLog/queries"
_REFUSED = 429  # a call that was too many would not have been made by who keeps the limits


@dataclass(frozen=True)
class _Kind:
    """Graph calls of one kind in a round, and the kinds of which an answer must be known before one can be asked."""

    path: re.Pattern[str]
    needs: tuple[str, ...] = ()
    says: str = ""  # what its filter has in it
    method: str = "GET"

    def has(self, call: Entry) -> bool:
        """Whether the call is of this kind."""
        path = call.path.partition("/graph/")[2]
        return call.method == self.method and bool(self.path.fullmatch(path)) and self.says in _filter(call)


# No check begins before the account is recognised; who else came from a place is asked when the places are known.
_ROUND: Mapping[str, _Kind] = {
    "account": _Kind(re.compile(r"v1\.0/users/[^/]+")),
    "changes": _Kind(re.compile(r"v1\.0/auditLogs/directoryAudits"), ("account",)),
    "detections": _Kind(re.compile(r"v1\.0/identityProtection/riskDetections"), ("account",)),
    "drive": _Kind(re.compile(r"v1\.0/users/[^/]+/drive"), ("account",)),
    "files": _Kind(re.compile(r"v1\.0/drives/.+"), ("drive",)),
    "methods": _Kind(re.compile(r"[^/]+/users/[^/]+/authentication/.+"), ("account",)),
    "others": _Kind(re.compile(r"v1\.0/auditLogs/signIns"), ("by hand", "with tokens"), "ipAddress eq"),
    "by hand": _Kind(re.compile(r"v1\.0/auditLogs/signIns"), ("account",), "userId eq"),
    "queries": _Kind(re.compile(r"v1\.0/security/auditLog/queries"), ("account",)),
    "query": _Kind(re.compile(r"v1\.0/security/auditLog/queries"), ("queries",), method="POST"),
    "traces": _Kind(re.compile(r"[^/]+/admin/exchange/tracing/messageTraces"), ("account",)),
    "with tokens": _Kind(re.compile(r"beta/auditLogs/signIns"), ("account",), "userId eq"),
}
# What an Exchange call needs to know before it can be asked.
_NEEDS: Mapping[str, str] = {
    "Get-InboxRule": "Get-Mailbox",
    "Get-MailboxAutoReplyConfiguration": "Get-Mailbox",
    "Get-MailboxCalendarFolder": "Get-MailboxFolderStatistics",
    "Get-MailboxFolderPermission": "Get-MailboxFolderStatistics",
    "Get-MailboxFolderStatistics": "Get-Mailbox",
    "Get-MailboxPermission": "Get-Mailbox",
    "Get-MobileDevice": "Get-Mailbox",
    "Get-MobileDeviceStatistics": "Get-Mailbox",
    "Get-RecipientPermission": "Get-Mailbox",
    "Get-SweepRule": "Get-Mailbox",
}


def least_seconds(calls: Sequence[Entry], *, seconds_of_a_query: float = 0.0, of_a_round: bool = False) -> float:
    """No schedule is quicker: limits of calls in a time, of calls at once, the longest call, and chains of calls.

    `of_a_round`: the calls are those of an investigation, in which one kind must be known before the next is asked.
    """
    return max([0.0, *lanes(calls, seconds_of_a_query=seconds_of_a_query, of_a_round=of_a_round).values()])


def lanes(calls: Sequence[Entry], *, seconds_of_a_query: float = 0.0, of_a_round: bool = False) -> dict[str, float]:
    """What each limit and each chain asks for, by its name."""
    asked = [call for call in calls if call.service in {"exchange", "graph"} and call.status != _REFUSED]
    exchange = [call for call in asked if call.service == "exchange"]
    graph = [call for call in asked if call.service == "graph"]
    fronts = _Fronts(graph if of_a_round else [])
    by_row: defaultdict[Row, list[Entry]] = defaultdict(list)
    mailboxes: defaultdict[str, list[float]] = defaultdict(list)
    router = Router(OPERATIONS)
    for call in graph:
        row, mailbox = _lane_of(router, call)
        if row is Row.OUTLOOK:
            mailboxes[mailbox].append(_took(call))
        elif row is not None:
            by_row[row].append(call)
    bounds = {row.value: fronts.of_all(each) + _in_windows(row, each) for row, each in by_row.items()}
    bounds |= {f"mailbox {mailbox}": sum(took) / MAILBOX_LIMIT for mailbox, took in mailboxes.items()}
    bounds["longest call"] = max(map(_took, asked), default=0.0)
    bounds["graph chain"] = max((fronts.of(call) + _took(call) for call in graph), default=0.0)
    if exchange:
        front = fronts.behind("account")
        bounds["exchange"] = front + sum(map(_took, exchange)) / EXCHANGE_AT_ONCE
        bounds["exchange chain"] = front + _chain(exchange)
    bounds["audit query"] = _query(asked, seconds_of_a_query, fronts.before("query"))
    bounds["pages"] = _pages(asked)
    return bounds


class _Fronts:
    """How long it takes at least before a call of a round can be asked: nothing where it is not known."""

    def __init__(self, calls: Iterable[Entry]) -> None:
        self._quickest: dict[str, float] = {}
        for call in calls:
            if (kind := _kind_of(call)) is not None:
                self._quickest[kind] = min(_took(call), self._quickest.get(kind, math.inf))

    def before(self, kind: str) -> float:
        """Until a call of this kind can be asked."""
        return max((self.behind(needed) for needed in _ROUND[kind].needs), default=0.0)

    def behind(self, kind: str) -> float:
        """Until the first call of this kind can have been answered."""
        return self.before(kind) + self._quickest.get(kind, 0.0)

    def of(self, call: Entry) -> float:
        """Until this call can be asked."""
        kind = _kind_of(call)
        return 0.0 if kind is None else self.before(kind)

    def of_all(self, calls: Iterable[Entry]) -> float:
        """Until the first of these calls can be asked."""
        return min(map(self.of, calls))


def _kind_of(call: Entry) -> str | None:
    return next((name for name, kind in _ROUND.items() if kind.has(call)), None)


def _lane_of(router: Router, call: Entry) -> tuple[Row | None, str]:
    _, _, rest = call.path.partition("/graph/")
    version, _, path = rest.partition("/")
    if _QUERIES in call.path:
        return Row.AUDIT_QUERIES, ""
    try:
        found = router.find(call.method, version, split(path))
    except GraphError:
        return None, ""
    if found.operation.row is ServiceRow.OUTLOOK:
        return Row.OUTLOOK, found.parameters.get("user-id", "").lower()
    return _ROWS.get(found.operation.row), ""


def _in_windows(row: Row, calls: Sequence[Entry]) -> float:
    """So many calls in so much time: the last one goes that much later, and takes its own time."""
    limit = LIMITS[row]
    return (len(calls) - 1) // limit.calls * limit.seconds + min(map(_took, calls))


def _chain(calls: Iterable[Entry]) -> float:
    """The longest chain of Exchange calls of which each needs what the one before found."""
    by_cmdlet: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        by_cmdlet[_cmdlet(call)].append(_took(call))

    def before(cmdlet: str) -> float:
        needed = _NEEDS.get(cmdlet)
        if needed is None or needed not in by_cmdlet:
            return 0.0
        return min(by_cmdlet[needed]) + before(needed)

    return max((max(took) + before(cmdlet) for cmdlet, took in by_cmdlet.items()), default=0.0)


def _query(calls: Iterable[Entry], seconds: float, front: float) -> float:
    """A query of the audit log is asked for, runs, is found to have ended, and is read page by page; each by itself."""
    mine = [call for call in calls if _QUERIES in call.path]
    asked = [_took(call) for call in mine if call.method == "POST"]
    looked: defaultdict[str, list[float]] = defaultdict(list)
    for call in mine:
        query, _, part = call.path.partition(f"{_QUERIES}/")[2].partition("/")
        if query and not part and call.method == "GET":
            looked[query].append(_took(call))
    longest = max(
        (min(took) + _pages_of(mine, f"{_QUERIES}/{query}/records") for query, took in looked.items()), default=0.0
    )
    return front + min(asked) + seconds + longest if asked else 0.0


def _pages(calls: Iterable[Entry]) -> float:
    """The longest list that was read page by page: each page names the next one."""
    return _pages_of(calls, "")


def _pages_of(calls: Iterable[Entry], ending: str) -> float:
    """The longest of the lists whose address ends so. The same list may have been read more than once."""
    pages: defaultdict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for call in calls:
        if call.method == "GET" and call.path.endswith(ending):
            options = {name.lower(): value for name, value in call.query.items()}
            page = options.pop("$skiptoken", "")
            list_ = pages[call.service, call.path, str(sorted(options.items()))]
            list_[page] = min(_took(call), list_.get(page, math.inf))
    return max((sum(each.values()) for each in pages.values()), default=0.0)


def _cmdlet(call: Entry) -> str:
    body = call.body if isinstance(call.body, dict) else {}
    return str((body.get("CmdletInput") or {}).get("CmdletName", ""))


def _filter(call: Entry) -> str:
    return next((value for name, value in call.query.items() if name.lower() == "$filter"), "")


def _took(call: Entry) -> float:
    return call.duration_seconds or 0.0
