"""The account's sign-ins as several checks need them: both kinds, grouped by address, read once for a round."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import IRBotError
from services.microsoft365.risk import RiskDetection
from services.microsoft365.sign_ins import SignIn
from services.playbook.gaps import Gap, gap
from services.playbook.step import Context
from services.together import together

_BASELINE = timedelta(days=30)
_MOST = 4000
_MOST_DETECTIONS = 300
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def address_key(ip: str) -> str:
    """What stands for one place in the net: an IPv4 address, or the /64 in which an IPv6 host changes its own."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@dataclass(frozen=True)
class Source:
    """One address with all that came from it, oldest first."""

    key: str
    entries: tuple[SignIn, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.ip for entry in self.entries))

    @property
    def successes(self) -> tuple[SignIn, ...]:
        return tuple(entry for entry in self.entries if entry.succeeded)

    @property
    def by_hand(self) -> tuple[SignIn, ...]:
        """The sign-ins that worked and took a person."""
        return tuple(entry for entry in self.entries if entry.succeeded and entry.interactive)

    @property
    def place(self) -> str:
        """City and country as the log has them last; empty where it has none."""
        for entry in reversed(self.entries):
            if entry.city or entry.country:
                return ", ".join(part for part in (entry.city, entry.country) if part)
        return ""

    @property
    def countries(self) -> frozenset[str]:
        return frozenset(entry.country for entry in self.entries if entry.country)

    @property
    def cities(self) -> frozenset[str]:
        return frozenset(f"{entry.city}, {entry.country}" for entry in self.entries if entry.city)

    def days(self, until: datetime | None = None) -> int:
        """On how many days something worked from here."""
        moments = (entry.at for entry in self.successes if entry.at is not None)
        return len({at.date() for at in moments if until is None or at < until})

    @property
    def first(self) -> datetime | None:
        return min((entry.at for entry in self.entries if entry.at is not None), default=None)

    @property
    def last(self) -> datetime | None:
        return max((entry.at for entry in self.entries if entry.at is not None), default=None)


@dataclass(frozen=True)
class History:
    """The sign-ins of 30 days by hand and of the investigated time with tokens.

    Not `complete` where the log has more than was read. `unread` is what could not be read beside them.
    """

    sources: tuple[Source, ...]
    trusted: tuple[Network, ...]
    detections: tuple[RiskDetection, ...]
    complete: bool
    unread: tuple[Gap, ...]

    def is_trusted(self, source: Source) -> bool:
        """Whether the organisation calls all of its addresses its own."""
        return all(any(_within(ip, network) for network in self.trusted) for ip in source.addresses)


async def history_of(ctx: Context) -> History:
    """The sign-ins of the subject. Raises what the sign-in log says: MissingLicence without Entra ID P1."""
    return await ctx.shared.once("sign-in history", lambda: _read(ctx))


async def _read(ctx: Context) -> History:
    log, who = ctx.m365.sign_ins, ctx.subject.object_id
    by_hand, with_tokens, networks, detections = await together(
        log.interactive(who, ctx.now - _BASELINE, _MOST),
        log.with_tokens(who, ctx.since, _MOST),
        _networks(ctx),
        _detections(ctx),
    )
    found = {entry.id: entry for entry in (*with_tokens, *by_hand)}
    unread = tuple(each for each in (networks[1], detections[1]) if each is not None)
    return History(
        sources=group(found.values()),
        trusted=networks[0],
        detections=detections[0],
        complete=by_hand.complete and with_tokens.complete,
        unread=unread,
    )


def group(entries: Iterable[SignIn]) -> tuple[Source, ...]:
    """The sign-ins by address, each address's oldest first."""
    by_key: defaultdict[str, list[SignIn]] = defaultdict(list)
    for entry in entries:
        if entry.ip:
            by_key[address_key(entry.ip)].append(entry)
    return tuple(Source(key, tuple(sorted(each, key=_time))) for key, each in by_key.items())


async def _networks(ctx: Context) -> tuple[tuple[Network, ...], Gap | None]:
    try:
        ranges = await ctx.m365.policies.trusted_networks()
    except IRBotError as error:
        return (), gap("Trusted locations could not be read.", error)
    return _parsed(ranges), None


async def _detections(ctx: Context) -> tuple[tuple[RiskDetection, ...], Gap | None]:
    try:
        listed = await ctx.m365.risk.detections(ctx.subject.object_id, ctx.since, _MOST_DETECTIONS)
    except IRBotError as error:
        return (), gap("Risk could not be read.", error)
    return listed.values, None if listed.complete else Gap("Not all risk detections were read.")


def _parsed(ranges: Sequence[str]) -> tuple[Network, ...]:
    found: list[Network] = []
    for each in ranges:
        try:
            found.append(ipaddress.ip_network(each, strict=False))
        except ValueError:
            continue
    return tuple(found)


def _within(ip: str, network: Network) -> bool:
    try:
        return ipaddress.ip_address(ip) in network
    except ValueError:
        return False


def _time(entry: SignIn) -> float:
    return entry.at.timestamp() if entry.at is not None else 0.0
