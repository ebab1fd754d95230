"""IMAP, POP and SMTP AUTH of a whole organisation: who uses them today, and the frozen lists of who has them on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.bulk import Bulk, Entry, Job, Switches
from services.errors import Bug, IRBotError
from services.microsoft365.exchange import ExchangeBackend, protocols
from services.microsoft365.exchange.protocols import OpenMailbox
from services.playbook.gaps import gap
from services.playbook.step import Change, Context

IMAP_POP, SMTP_AUTH = "imap-pop", "smtp-auth-of-mailboxes"
KINDS: Mapping[str, str] = {IMAP_POP: "IMAP and POP", SMTP_AUTH: "SMTP AUTH"}

# The sign-in log's names for these programs.
_CLIENTS: Mapping[str, str] = {"IMAP4": "IMAP", "POP3": "POP", "Authenticated SMTP": "SMTP AUTH"}
_USED_BY: Mapping[str, frozenset[str]] = {IMAP_POP: frozenset({"IMAP", "POP"}), SMTP_AUTH: frozenset({"SMTP AUTH"})}
_LOOK_BACK = timedelta(days=30)
_MOST_ENTRIES = 3000
_MOST_PEOPLE = 20  # with a line of their own in the plan
_SAMPLES = 3
_EVERYBODY, _LEFT_OUT, _USERS = "everybody", "left-out", "users"
_NOT_EVALUATED = "Who uses IMAP, POP and SMTP AUTH today was not evaluated."


@dataclass(frozen=True)
class Use:
    """That an account uses such programs, by the sign-in log."""

    object_id: str
    upn: str
    programs: frozenset[str]
    last: datetime | None

    @property
    def words(self) -> str:
        """`IMAP, SMTP AUTH, last on 28 Nov 2026`."""
        when = "" if self.last is None else f", last on {self.last:%d %b %Y}"
        return f"{', '.join(sorted(self.programs))}{when}"


@dataclass(frozen=True)
class Usage:
    """Who uses such programs; `unread` says what could not be looked at."""

    people: Mapping[str, Use]
    unread: tuple[str, ...] = ()

    def of(self, kind: str) -> dict[str, Use]:
        """Those who use what a kind of list closes."""
        return {key: use for key, use in self.people.items() if use.programs & _USED_BY[kind]}


async def usage_of(ctx: Context) -> Usage:
    """Who signed in with such a program in the last 30 days. Without the log it is "not evaluated", never "nobody"."""
    found: defaultdict[str, dict[str, datetime | None]] = defaultdict(dict)
    names: dict[str, str] = {}
    complete = True
    try:
        for client, program in _CLIENTS.items():
            listed = await ctx.m365.sign_ins.by_client(client, ctx.now - _LOOK_BACK, _MOST_ENTRIES)
            complete = complete and listed.complete
            for entry in listed:
                if entry.succeeded and entry.account_id:
                    names[entry.account_id] = entry.upn
                    last = found[entry.account_id].get(program)
                    newer = entry.at if last is None or (entry.at is not None and entry.at > last) else last
                    found[entry.account_id][program] = newer
    except IRBotError as error:
        return Usage({}, (gap(_NOT_EVALUATED, error).words,))
    people = {
        key: Use(key, names[key], frozenset(seen), max((at for at in seen.values() if at is not None), default=None))
        for key, seen in found.items()
    }
    more = () if complete else ("The sign-in log has more entries than were read: others may use these programs too.",)
    return Usage(people, more)


class MailboxSwitches:
    """What a bulk job does to the mailboxes of one kind of list. Keeps `services.bulk.Work`."""

    def __init__(self, exchange: ExchangeBackend, kind: str) -> None:
        self._exchange = exchange
        self._kind = kind

    async def change(self, key: str, switches: Switches) -> bool:
        """Set-CASMailbox by GUID; it may take an hour to reach every server."""
        return await protocols.set_one(self._exchange, key, switches)

    async def read(self, key: str) -> Switches:
        """Get-CASMailbox by GUID."""
        return _switches(self._kind, await protocols.read_one(self._exchange, key))

    async def pages(self) -> AsyncIterator[Mapping[str, Switches]]:
        """Get-CASMailbox of everybody."""
        async for page in protocols.each_page(self._exchange):
            yield {mailbox.guid: _switches(self._kind, mailbox) for mailbox in page}

    def is_open(self, switches: Switches) -> bool:
        """Whether something is on. SMTP AUTH counts only where the mailbox itself says so."""
        return any(state is True for state in switches.values())


def _switches(kind: str, mailbox: OpenMailbox) -> dict[str, bool | None]:
    if kind == SMTP_AUTH:
        return {"smtp_auth": mailbox.smtp_auth}
    return {"imap": mailbox.imap, "pop": mailbox.pop}


def bulk_of(ctx: Context) -> Bulk:
    """Where the lists are kept."""
    if ctx.bulk is None:
        raise Bug(reason="no-lists-here")
    return ctx.bulk


async def listed(ctx: Context, usage: Usage) -> list[Change]:
    """One change for each frozen list: those who use it today first, each on a list of their own."""
    jobs = await bulk_of(ctx).freeze(_entries(ctx, usage))
    changes = []
    for (kind, name), job in sorted(jobs.items(), key=lambda pair: (pair[0][0], _order(pair[0][1]))):
        if name != _LEFT_OUT:
            left_out = jobs.get((kind, _LEFT_OUT)) if name == _EVERYBODY else None
            changes.append(await _change(ctx, kind, name, job, left_out, usage))
    return changes


async def as_approved(ctx: Context) -> list[Change]:
    """The changes of the approved plan whose lists are still the approved ones. Raises Conflict."""
    assert ctx.approved is not None
    changes = [change for change in ctx.approved.changes if kind_of(change) is not None]
    for change in changes:
        await bulk_of(ctx).need(change.data["job"], change.data["digest"])
        if change.item != f"{kind_of(change)}:{change.data['digest']}":
            raise Bug(reason="list-of-another-change")
    return changes


def kind_of(change: Change) -> str | None:
    """Which kind of list a change is about; None where it is about none."""
    kind = change.item.partition(":")[0]
    return kind if kind in KINDS else None


async def _entries(ctx: Context, usage: Usage) -> AsyncIterator[Mapping[tuple[str, str], Sequence[Entry]]]:
    """Every mailbox that is open, page after page, by the list that it belongs on."""
    exclusions = {object_id.lower() for object_id in ctx.settings.legacy_mail_exclusions}
    users = {kind: usage.of(kind) for kind in KINDS}
    people: defaultdict[str, set[str]] = defaultdict(set)
    async for page in protocols.each_page(ctx.m365.exchange):
        parts: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for mailbox in page:
            for kind in KINDS:
                before = _switches(kind, mailbox)
                if not any(state is True for state in before.values()):
                    continue
                name = _EVERYBODY
                if mailbox.object_id.lower() in exclusions:
                    name = _LEFT_OUT
                elif mailbox.object_id in users[kind]:
                    people[kind].add(mailbox.object_id)
                    name = mailbox.object_id if len(people[kind]) <= _MOST_PEOPLE else _USERS
                after = dict.fromkeys(before, False)
                parts[kind, name].append(
                    Entry(mailbox.guid, mailbox.object_id, mailbox.address, before=before, after=after)
                )
        yield parts


async def _change(ctx: Context, kind: str, name: str, job: Job, left_out: Job | None, usage: Usage) -> Change:
    """The digest of the list is part of the item, so that an approval of the change is one of the list."""
    samples = await bulk_of(ctx).samples(job.id, _SAMPLES)
    what = f"{KINDS[kind]} off on {job.total:,} mailbox{'' if job.total == 1 else 'es'}"
    if name == _USERS:
        what += " that use it today"
    elif name != _EVERYBODY:
        what = f"{KINDS[kind]} off for {samples[0]}, who uses it today ({usage.people[name].words})"
    if left_out is not None:
        what += f" ({left_out.total:,} left out by the settings)"
    more = job.total - len(samples)
    before = f"On: {', '.join(samples)}" + (f" and {more:,} more" if more else "")
    data = {"job": job.id, "digest": job.digest}
    return Change(f"{kind}:{job.digest}", what, before, "Off", data=data)


def _order(name: str) -> tuple[int, str]:
    return (2 if name == _EVERYBODY else 1 if name == _USERS else 0), name
