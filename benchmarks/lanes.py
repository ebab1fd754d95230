"""The least time in which calls could have been answered: no schedule that keeps the limits is quicker.

A bound, not a wish: it knows the services' limits and what must come before what, and takes the shortest call wherever
it cannot know which one it was.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

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


def least_seconds(calls: Sequence[Entry], *, seconds_of_a_query: float = 0.0) -> float:
    """No schedule is quicker: limits of calls in a time, of calls at once, the longest call, and chains of calls."""
    return max([0.0, *lanes(calls, seconds_of_a_query=seconds_of_a_query).values()])


def lanes(calls: Sequence[Entry], *, seconds_of_a_query: float = 0.0) -> dict[str, float]:
    """What each limit and each chain asks for, by its name."""
    asked = [call for call in calls if call.service in {"exchange", "graph"}]
    exchange = [call for call in asked if call.service == "exchange"]
    by_row: defaultdict[Row, list[float]] = defaultdict(list)
    mailboxes: defaultdict[str, list[float]] = defaultdict(list)
    router = Router(OPERATIONS)
    for call in (call for call in asked if call.service == "graph"):
        row, mailbox = _lane_of(router, call)
        if row is Row.OUTLOOK:
            mailboxes[mailbox].append(_took(call))
        elif row is not None:
            by_row[row].append(_took(call))
    bounds = {row.value: _in_windows(row, took) for row, took in by_row.items()}
    bounds |= {f"mailbox {mailbox}": sum(took) / MAILBOX_LIMIT for mailbox, took in mailboxes.items()}
    bounds["exchange"] = sum(map(_took, exchange)) / EXCHANGE_AT_ONCE
    bounds["longest call"] = max(map(_took, asked), default=0.0)
    bounds["exchange chain"] = _chain(exchange)
    bounds["audit query"] = _query(asked, seconds_of_a_query)
    bounds["pages"] = _pages(asked)
    return bounds


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


def _in_windows(row: Row, took: Sequence[float]) -> float:
    """So many calls in so much time: the last one goes that much later, and takes its own time."""
    limit = LIMITS[row]
    return (len(took) - 1) // limit.calls * limit.seconds + min(took)


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


def _query(calls: Iterable[Entry], seconds: float) -> float:
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
    return min(asked) + seconds + longest if asked else 0.0


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


def _took(call: Entry) -> float:
    return call.duration_seconds or 0.0
