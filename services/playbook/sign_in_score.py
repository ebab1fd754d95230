"""How suspicious an address is from which an account signed in: points with reasons in words, no black box.

It compares an address with where the person usually is. A managed device that says the same of itself as ever speaks
for the person wherever it is; it does not speak for a token that was taken from it.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.errors import IRBotError
from services.microsoft365.sign_ins import SignIn
from services.playbook.gaps import Gap, gap
from services.playbook.sign_in_history import History, Source, address_key, history_of
from services.playbook.step import Context, Severity

_ALARM, _WARNING = 5, 3
_WRONG_PASSWORD = frozenset({50126, 50053, 50055, 50056})
_SECOND_FACTOR_DENIED = frozenset({500121, 50158})
_GUESSES, _DENIALS, _FEW = 5, 3, 2
_THEN = timedelta(days=3)  # how long after the tries a success still belongs to them
_ESTABLISHED_DAYS = 3
_FLIGHT_KM_PER_HOUR, _FAR_KM = 1000.0, 500.0
_COUNTRIES_APART = timedelta(hours=2)
_LEGACY = frozenset(
    {
        "authenticated smtp",
        "autodiscover",
        "exchange online powershell",
        "exchange web services",
        "imap",
        "imap4",
        "mapi over http",
        "offline address book",
        "other clients",
        "outlook anywhere (rpc over http)",
        "pop",
        "pop3",
        "reporting web services",
        "smtp",
    }
)
_RISK: Mapping[str, int] = {"high": 5, "medium": 3, "low": 1}
_RISK_WORDS: Mapping[str, str] = {
    "anomalousToken": "a token that behaves oddly",
    "anonymizedIPAddress": "an address that hides who is behind it",
    "attackerinTheMiddle": "somebody between the person and Microsoft",
    "impossibleTravel": "travel that is not possible",
    "leakedCredentials": "a password that was leaked",
    "maliciousIPAddress": "an address known for attacks",
    "passwordSpray": "one password tried on many accounts",
    "suspiciousBrowser": "a suspicious browser",
    "unfamiliarFeatures": "a sign-in that is unlike the others",
    "unlikelyTravel": "travel that is unlikely",
}


class Sign(StrEnum):
    """What the log tells of how somebody came in from an address, for the verdict; alphabetised."""

    APPROVAL_WORN_DOWN = "approval-worn-down"  # many requests were refused, then one was not
    APP_ON_A_SERVER = "app-on-a-server"
    OLD_PROTOCOL = "old-protocol"
    GUESSED = "guessed"
    TOKENS_ONLY = "tokens-only"


@dataclass(frozen=True)
class Judged:
    """The judgement of one address. `app` is the name of the only app that worked from a server there, if so.

    `risks` are the kinds of risk that Microsoft sees there, by Microsoft's names.
    """

    source: Source
    points: int
    reasons: tuple[str, ...]
    usual: bool
    app: str
    signs: tuple[Sign, ...] = ()
    risks: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """Alarm, warning or note."""
        if self.points >= _ALARM:
            return Severity.ALARM
        return Severity.WARNING if self.points >= _WARNING else Severity.NOTE

    @property
    def got_in(self) -> bool:
        return bool(self.source.successes)


@dataclass(frozen=True)
class Judgement:
    """All addresses, worst first. `unread` is what they had to be judged without."""

    judged: tuple[Judged, ...]
    unread: tuple[Gap, ...] = ()

    @property
    def suspects(self) -> tuple[Judged, ...]:
        """The addresses that are worth more than a note."""
        return tuple(each for each in self.judged if each.severity is not Severity.NOTE)

    def of(self, ip: str) -> Judged | None:
        """What was said of an address; None where the account never signed in from it."""
        key = address_key(ip)
        return next((each for each in self.judged if each.source.key == key), None)

    def severity_of(self, ip: str) -> Severity:
        """How much an address weighs from which somebody got in; a note where it is usual or unknown."""
        found = self.of(ip)
        return found.severity if found is not None and found.got_in else Severity.NOTE

    @property
    def entered_at(self) -> datetime | None:
        """When the first suspicious address got in."""
        moments = [each.source.successes[0].at for each in self.suspects if each.got_in]
        return min((at for at in moments if at is not None), default=None)


async def judgement_of(ctx: Context) -> Judgement:
    """The judgement of the subject's addresses. Raises what the sign-in log says."""
    history = await history_of(ctx)
    return await ctx.shared.once("sign-in judgement", lambda: _judged(history, ctx.since))


async def judgement_or_gaps(ctx: Context, without: str) -> tuple[Judgement | None, tuple[Gap, ...]]:
    """The judgement and what it lacks; None where the log cannot be read, and `without` says what that costs."""
    try:
        judgement = await judgement_of(ctx)
    except IRBotError as error:
        return None, (gap(without, error),)
    return judgement, judgement.unread


async def _judged(history: History, since: datetime) -> Judgement:
    return judge(history, since)


def judge(history: History, since: datetime) -> Judgement:
    """Judges every address from which something came since then."""
    usual = _usual(history, since)
    judged = [
        _judge(source, usual, history)
        for source in history.sources
        if source.last is not None and (source.last >= since or source in usual)
    ]
    return Judgement(tuple(sorted(judged, key=lambda each: (-each.points, each.source.key))), history.unread)


def _usual(history: History, since: datetime) -> tuple[Source, ...]:
    """Where the person is: with a managed device, in the organisation's own net, or for long."""
    managed = [
        source for source in history.sources if any(_managed(e) for e in source.by_hand) or _own_net(history, source)
    ]
    if managed:
        countries = frozenset(country for source in managed for country in source.countries)
        long = [
            source
            for source in history.sources
            if source not in managed
            and source.by_hand
            and source.days(since) >= _ESTABLISHED_DAYS
            and source.countries <= countries
        ]
        return (*managed, *long)
    seen = [source for source in history.sources if source.by_hand]
    earlier = [source for source in seen if source.days(since) >= _ESTABLISHED_DAYS]
    if earlier:
        return tuple(earlier)
    oldest = sorted(seen, key=lambda source: (-source.days(), source.key))
    return tuple(oldest[:1])


def _own_net(history: History, source: Source) -> bool:
    return bool(source.successes) and history.is_trusted(source)


def _managed(entry: SignIn) -> bool:
    return bool(entry.device_id) and (entry.device_managed is True or entry.device_compliant is True)


def _signature(entry: SignIn) -> tuple[str, str]:
    """System and browser without their versions, which change every few weeks."""
    return (
        "".join(char for char in entry.operating_system if char.isalpha()).casefold(),
        entry.browser.rstrip("0123456789. ").casefold(),
    )


def _judge(source: Source, usual: Sequence[Source], history: History) -> Judged:
    points = 0
    reasons: list[str] = []

    def say(weight: int, reason: str) -> None:
        nonlocal points
        points += weight
        reasons.append(reason)

    is_usual = source in usual
    others = [each for each in usual if each is not source]
    app = "" if is_usual else _server_app(source)
    borrowed = _borrowed_device(source, others)
    kept_device = bool(source.by_hand) and all(_managed(entry) for entry in source.by_hand) and not borrowed
    at_home = is_usual and any(_managed(entry) for entry in source.by_hand)
    own = kept_device or at_home or _own_net(history, source)
    if not is_usual and others:
        for weight, reason in _place(source, others, counts=bool(source.successes)):
            say(weight, reason)
        if source.successes and not source.by_hand:
            say(2, "Only tokens were used from here: nobody signed in by hand")
        if source.successes and not app and (device := _device(source, others)):
            say(*device)
    if borrowed:
        say(3, borrowed)
    if not is_usual and not app and (journey := _journey(source, others)):
        say(3, journey)
    if not own:
        for weight, reason in (*_tries(source), *_legacy(source)):
            say(weight, reason)
    for weight, reason in _risk(source, history):
        say(weight, reason)
    if kept_device:
        reasons.append("The person's own managed device was used")
    if _own_net(history, source):
        reasons.append("A place that your organisation trusts")
    risks = tuple(sorted({kind for _, kind in _risks_seen(source, history) if kind}))
    return Judged(source, points, tuple(reasons), is_usual, app, tuple(_signs(source, app)), risks)


def _signs(source: Source, app: str) -> Iterable[Sign]:
    wrong, let_in = _streak(source, _WRONG_PASSWORD)
    if wrong >= _GUESSES and let_in:
        yield Sign.GUESSED
    denied, let_in = _streak(source, _SECOND_FACTOR_DENIED)
    if denied >= _DENIALS and let_in:
        yield Sign.APPROVAL_WORN_DOWN
    if any(_legacy(source)):
        yield Sign.OLD_PROTOCOL
    if app:
        yield Sign.APP_ON_A_SERVER
    elif source.successes and not source.by_hand:
        yield Sign.TOKENS_ONLY


def _place(source: Source, others: Sequence[Source], *, counts: bool) -> Iterable[tuple[int, str]]:
    countries = frozenset(country for each in others for country in each.countries)
    cities = frozenset(city for each in others for city in each.cities)
    new = source.countries - countries
    if new and countries:
        yield (2 if counts else 0), f"A country where this person never was: {', '.join(sorted(new))}"
    elif source.cities and not source.cities & cities:
        yield (1 if counts else 0), f"A place where this person never was: {source.place}"


def _device(source: Source, others: Sequence[Source]) -> tuple[int, str] | None:
    if any(_managed(entry) for entry in source.by_hand):
        return None
    known = {_signature(entry) for each in others for entry in each.successes}
    strange = [entry for entry in source.successes if _signature(entry) not in known]
    if not strange:
        return None
    words = " with ".join(part for part in (strange[0].operating_system, strange[0].browser) if part)
    return 2, f"A device that this person never used: {words or 'it says nothing of itself'}"


def _borrowed_device(source: Source, others: Sequence[Source]) -> str:
    """A device's name in the mouth of another system: a token was taken from that device."""
    systems = {
        entry.device_id: (entry.device, _signature(entry)[0])
        for each in others
        for entry in each.by_hand
        if entry.device_id and entry.operating_system
    }
    for entry in source.successes:
        name, system = systems.get(entry.device_id, ("", ""))
        if system and entry.operating_system and _signature(entry)[0] != system:
            return f"It says it is {name or 'the own device'}, and runs {entry.operating_system}"
    return ""


def _server_app(source: Source) -> str:
    """The name of the one app that worked from here without a device: it runs on somebody's server."""
    successes = source.successes
    if not successes or source.by_hand:
        return ""
    if any(entry.operating_system or entry.browser or entry.device_id for entry in successes):
        return ""
    names = {entry.app for entry in successes}
    return names.pop() if len(names) == 1 else ""


def _journey(source: Source, others: Sequence[Source]) -> str:
    """Two places within a time in which nobody gets from one to the other."""
    line = sorted(
        (
            (entry.at, here, entry)
            for here, entries in ((True, source.successes), (False, [e for each in others for e in each.successes]))
            for entry in entries
            if entry.at is not None
        ),
        key=lambda item: item[0],
    )
    for (earlier, was_here, one), (later, is_here, other) in itertools.pairwise(line):
        if was_here != is_here and _too_fast(one, other, later - earlier):
            there = other if was_here else one
            minutes = max(1, round((later - earlier).total_seconds() / 60))
            apart = "1 minute" if minutes == 1 else f"{minutes} minutes"
            place = ", ".join(part for part in (there.city, there.country) if part)
            return f"The account was in {place}, too, within {apart}: nobody travels that fast"
    return ""


def _too_fast(one: SignIn, other: SignIn, apart: timedelta) -> bool:
    """By distance where the log has coordinates, else by country."""
    far = _kilometres(one, other)
    if far is not None:
        return far > _FAR_KM and far > _FLIGHT_KM_PER_HOUR * apart.total_seconds() / 3600
    return bool(one.country and other.country) and one.country != other.country and apart < _COUNTRIES_APART


def _kilometres(one: SignIn, other: SignIn) -> float | None:
    if one.latitude is None or one.longitude is None or other.latitude is None or other.longitude is None:
        return None
    north_one, north_other = math.radians(one.latitude), math.radians(other.latitude)
    north, east = north_other - north_one, math.radians(other.longitude - one.longitude)
    half = math.sin(north / 2) ** 2 + math.cos(north_one) * math.cos(north_other) * math.sin(east / 2) ** 2
    return 12742.0 * math.asin(math.sqrt(min(1.0, half)))


def _tries(source: Source) -> Iterable[tuple[int, str]]:
    wrong, let_in = _streak(source, _WRONG_PASSWORD)
    if wrong >= _GUESSES:
        yield (4, f"{wrong} wrong passwords, then a sign-in that worked") if let_in else (3, f"{wrong} wrong passwords")
    elif wrong >= _FEW and let_in:
        yield 1, f"{wrong} wrong passwords, then a sign-in that worked"
    denied, let_in = _streak(source, _SECOND_FACTOR_DENIED)
    if denied >= _DENIALS and let_in:
        yield 5, f"{denied} requests for approval were refused, then one was approved"
    elif denied >= _DENIALS:
        yield 3, f"{denied} requests for approval were refused: the password was right"


def _streak(source: Source, codes: frozenset[int]) -> tuple[int, bool]:
    """The longest run of such failures with no sign-in by hand between them, and whether one ended it soon after.

    A typing error now and then is no run, however many they are in a month.
    """
    longest, ended, run = 0, False, 0
    last: datetime | None = None
    for entry in source.entries:
        if entry.error_code in codes:
            run, last = run + 1, entry.at
        elif entry.succeeded and entry.interactive:
            soon = last is not None and entry.at is not None and entry.at - last <= _THEN
            if run > longest or (run == longest and soon):
                longest, ended = run, soon
            run = 0
    return (run, False) if run > longest else (longest, ended)


def _legacy(source: Source) -> Iterable[tuple[int, str]]:
    clients = sorted({entry.client for entry in source.successes if entry.client.casefold() in _LEGACY})
    if clients:
        yield 3, f"An old protocol that asks for no second factor: {', '.join(clients)}"


def _risks_seen(source: Source, history: History) -> list[tuple[str, str]]:
    """Level and kind of each risk that Microsoft sees at this address."""
    here = set(source.addresses)
    seen = [(entry.risk, kind) for entry in source.entries if entry.risk for kind in entry.risk_types or ("",)]
    return seen + [(each.level, each.kind) for each in history.detections if each.ip in here]


def _risk(source: Source, history: History) -> Iterable[tuple[int, str]]:
    seen = _risks_seen(source, history)
    levels = [level for level, _ in seen if level in _RISK]
    if not levels:
        return
    worst = max(levels, key=lambda level: _RISK[level])
    kinds = Counter(_RISK_WORDS.get(kind, kind) for _, kind in seen if kind)
    about = f": {', '.join(kinds)}" if kinds else ""
    yield _RISK[worst], f"Microsoft sees a {worst} risk{about}"
