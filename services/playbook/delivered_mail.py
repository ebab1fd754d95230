"""Where the intruder's mail lies: which colleagues got it, and whose mailbox still holds it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.errors import IRBotError
from services.plain_words import explain
from services.playbook.gaps import Gap
from services.playbook.mailbox_reading import own_domains
from services.playbook.sent_mail import Mailing, Sent, is_inside, mailings
from services.playbook.sign_in_score import Judgement, judgement_or_gaps
from services.playbook.step import Context, Severity
from services.playbook.trace_sent_mail import WITHOUT_LOG, trace_of
from services.together import together

MOST_MAILBOXES = 300
_AT_ONCE = 8
_IDS_AT_A_TIME = 15


@dataclass(frozen=True)
class Copy:
    """One message in one mailbox. `network_id` is what Defender knows it by."""

    network_id: str
    message_id: str
    subject: str


@dataclass(frozen=True)
class Holder:
    """A mailbox that holds some of the intruder's mail. `subjects` are those of all that was delivered to it."""

    address: str
    account_id: str
    copies: tuple[Copy, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True)
class Delivered:
    """Who holds it. `got` is how many colleagues it was delivered to; `unread` says what could not be looked at."""

    holders: tuple[Holder, ...]
    got: int
    unread: tuple[str, ...]
    gaps: tuple[Gap, ...]


async def delivered(ctx: Context) -> Delivered:
    """Looks into the mailbox of every colleague to whom suspicious mail was delivered. Raises what the trace says."""
    trace, domains, (judgement, gaps) = await together(
        trace_of(ctx), own_domains(ctx), judgement_or_gaps(ctx, WITHOUT_LOG)
    )
    loud = [each for each in mailings(trace.sent, domains, judgement) if each.severity is not Severity.NOTE]
    by_address = _copies(loud, domains, judgement)
    unread = [] if trace.complete else ["The trace of sent mail is incomplete."]
    chosen = dict(list(by_address.items())[:MOST_MAILBOXES])
    if len(by_address) > len(chosen):
        unread.append(f"{len(by_address) - len(chosen)} more mailboxes were not looked into; do these first.")
    holders, problems = await _look(ctx, chosen)
    for words, addresses in problems.items():
        mailboxes = "1 mailbox" if len(addresses) == 1 else f"{len(addresses)} mailboxes"
        unread.append(f"{mailboxes} could not be looked into: {words}")
    return Delivered(holders, len(by_address), tuple(unread), gaps)


def _copies(
    loud: Iterable[Mailing], domains: frozenset[str], judgement: Judgement | None
) -> dict[str, dict[str, Copy]]:
    """What was delivered to colleagues, by address and message id."""
    found: defaultdict[str, dict[str, Copy]] = defaultdict(dict)
    for sent in (each for mailing in loud for each in mailing.sent):
        came_in = sent.status.casefold() == "delivered" and is_inside(sent.recipient, domains)
        if came_in and sent.message_id and not _by_the_owner(sent, judgement):
            found[sent.recipient.lower()][sent.message_id] = Copy(sent.trace_id, sent.message_id, sent.subject)
    return dict(sorted(found.items()))


def _by_the_owner(sent: Sent, judgement: Judgement | None) -> bool:
    """Mail under the same subject may be the owner's own: it left from where nothing is wrong."""
    judged = judgement.of(sent.from_ip) if judgement is not None and sent.from_ip else None
    return judged is not None and judged.usual and judged.severity is Severity.NOTE


async def _look(
    ctx: Context, wanted: Mapping[str, Mapping[str, Copy]]
) -> tuple[tuple[Holder, ...], dict[str, list[str]]]:
    """Who still holds what, and by reason whose mailbox could not be looked into."""
    door = asyncio.Semaphore(_AT_ONCE)
    problems: defaultdict[str, list[str]] = defaultdict(list)

    async def one(address: str, copies: Mapping[str, Copy]) -> Holder | None:
        async with door:
            try:
                found = await ctx.m365.directory.find_accounts(address)
                if len(found) != 1:
                    problems["It is no single person's mailbox."].append(address)
                    return None
                lying = await lying_in(ctx, found[0].id, copies)
            except IRBotError as error:
                problems[explain(error).what].append(address)
                return None
        left = tuple(copy for message_id, copy in copies.items() if message_id in lying)
        subjects = tuple(dict.fromkeys(copy.subject for copy in copies.values()))
        return Holder(address, found[0].id, left, subjects) if left else None

    holders = await together(*(one(address, copies) for address, copies in wanted.items()))
    return tuple(each for each in holders if each is not None), dict(problems)


async def lying_in(ctx: Context, account_id: str, message_ids: Iterable[str]) -> frozenset[str]:
    """Which of these messages lie in the mailbox."""
    asked: Sequence[str] = tuple(message_ids)
    found: frozenset[str] = frozenset()
    for start in range(0, len(asked), _IDS_AT_A_TIME):
        found |= await ctx.m365.messages.lying_in(account_id, asked[start : start + _IDS_AT_A_TIME])
    return found
