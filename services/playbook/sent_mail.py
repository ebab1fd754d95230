"""Sent mail as a trace shows it: gathered by subject, with points and reasons for what does not look like the owner."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.playbook.rule_score import telling_words
from services.playbook.sign_in_score import Judgement
from services.playbook.step import Severity

_ALARM, _WARNING = 5, 3
_BURST, _BURST_TIME = 20, timedelta(minutes=20)
_FEW_OUTSIDE, _MANY_OUTSIDE = 10, 50
_REFUSED_SHARE = 0.2
_REFUSED = frozenset({"failed", "quarantined", "filteredasspam"})
_ANSWER = re.compile(r"^(?:(?:re|fw|fwd|aw|wg|antw|rv|tr|sv|vs)\s*:\s*)+", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """One message to one recipient, whichever trace it comes from."""

    trace_id: str
    message_id: str
    at: datetime | None
    recipient: str
    subject: str
    status: str
    from_ip: str


@dataclass(frozen=True)
class Mailing:
    """All mail of one subject, oldest first, with what was said of it."""

    subject: str
    sent: tuple[Sent, ...]
    inside: int
    outside: int
    points: int
    reasons: tuple[str, ...]

    @property
    def severity(self) -> Severity:
        """Alarm, warning or note."""
        if self.points >= _ALARM:
            return Severity.ALARM
        return Severity.WARNING if self.points >= _WARNING else Severity.NOTE

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.recipient.lower() for each in self.sent))


def mailings(sent: Iterable[Sent], own_domains: frozenset[str], judgement: Judgement | None) -> tuple[Mailing, ...]:
    """The mail by subject, worst first. Without a judgement of addresses, where it was sent from says nothing."""
    by_subject: defaultdict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        by_subject[_ANSWER.sub("", each.subject.strip()).casefold()].append(each)
    found = [_mailing(each, own_domains, judgement) for each in by_subject.values()]
    return tuple(sorted(found, key=lambda mailing: (-mailing.points, -len(mailing.recipients), mailing.subject)))


def is_inside(address: str, own_domains: frozenset[str]) -> bool:
    """Whether an address is one of the organisation's own."""
    return address.rpartition("@")[2].lower() in own_domains


def _mailing(sent: Sequence[Sent], own_domains: frozenset[str], judgement: Judgement | None) -> Mailing:
    ordered = tuple(sorted(sent, key=lambda each: each.at.timestamp() if each.at else 0.0))
    recipients = dict.fromkeys(each.recipient.lower() for each in ordered)
    inside = sum(is_inside(address, own_domains) for address in recipients)
    outside = len(recipients) - inside
    points = 0
    reasons: list[str] = []

    def say(weight: int, reason: str) -> None:
        nonlocal points
        points += weight
        reasons.append(reason)

    subject = Counter(each.subject.strip() for each in ordered).most_common(1)[0][0]
    if origin := _origin(ordered, judgement):
        say(*origin)
    burst = _burst(ordered)
    if burst >= _BURST:
        minutes = round(_BURST_TIME.total_seconds() / 60)
        say(4 if outside >= _FEW_OUTSIDE else 1, f"{burst} recipients within {minutes} minutes")
    if outside >= _MANY_OUTSIDE:
        say(1, "Most of them outside" if outside > inside else "Many of them outside")
    about = telling_words(subject)
    if about == "money" and outside and reasons:
        say(1, "It is about money")
    refused = sum(each.status.casefold() in _REFUSED for each in ordered)
    if refused >= _FEW_OUTSIDE and refused >= _REFUSED_SHARE * len(ordered):
        say(2, f"{refused} of them were not delivered")
    return Mailing(subject, ordered, inside, outside, points, tuple(reasons))


def _origin(sent: Sequence[Sent], judgement: Judgement | None) -> tuple[int, str] | None:
    """Mail that left from an address from which somebody else got in."""
    if judgement is None:
        return None
    worst = max(
        (judged for each in sent if each.from_ip and (judged := judgement.of(each.from_ip)) and judged.got_in),
        key=lambda judged: judged.points,
        default=None,
    )
    if worst is None or worst.severity is Severity.NOTE:
        return None
    weight = _ALARM if worst.severity is Severity.ALARM else _WARNING
    return weight, f"Sent from {worst.source.place or 'a suspicious address'} ({worst.source.addresses[-1]})"


def _burst(sent: Sequence[Sent]) -> int:
    """The most recipients within a short time."""
    dated = [(each.at, each.recipient.lower()) for each in sent if each.at is not None]
    most, start = 0, 0
    inside: Counter[str] = Counter()
    for at, recipient in dated:
        inside[recipient] += 1
        while at - dated[start][0] > _BURST_TIME:
            left = dated[start][1]
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            start += 1
        most = max(most, len(inside))
    return most
