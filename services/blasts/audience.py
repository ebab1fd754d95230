"""Who is warned: the people behind the addresses that the intruder's mail went to, inside and outside.

Groups become their members, each person comes once however many addresses they have, suspects and the subject are left
out with the reason, and what could not be looked up is said. Nobody is dropped in silence.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.blasts.languages import Language, language_of
from services.blasts.model import Recipient, Via
from services.errors import BadInput, Gone, IRBotError
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account
from services.microsoft365.address_book import MailGroup, addresses_of
from services.plain_words import explain
from services.together import together

OUTSIDE = "-x-out"  # what a language is called where the reader is not one of us: other words, the same language
_ONE_BY_ONE = 60  # with more addresses than these it is quicker to read the whole address book
_AT_ONCE = 8
_BREATH = 200
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\]+")
_BY_TOP_LEVEL = {
    **dict.fromkeys(("de", "at"), Language.DE),
    **dict.fromkeys(("fr", "mc"), Language.FR),
    **dict.fromkeys(("es", "mx", "ar", "cl", "co", "pe", "uy"), Language.ES),
    **dict.fromkeys(("ru", "by", "su"), Language.RU),
}


class WhyNot(StrEnum):
    """Why somebody who got the mail is not warned."""

    BLOCKED = "sign-in is blocked"
    BY_HAND = "left out by hand"
    SUBJECT = "the account of this incident"
    SUSPECT = "the account of another open incident"


@dataclass(frozen=True)
class Warned:
    """The audience of a warning. `left_out` counts each reason."""

    inside: tuple[Recipient, ...]
    outside: tuple[Recipient, ...]
    left_out: Counter[WhyNot] = field(default_factory=Counter)
    gaps: tuple[str, ...] = ()

    @property
    def everybody(self) -> tuple[Recipient, ...]:
        """Inside first: they are reached at once, the mail to the outside takes its time."""
        return (*self.inside, *self.outside)


def listed(text: str) -> tuple[str, ...]:
    """The addresses in what a person typed, in lower case, each once. Raises BadInput for what is no address."""
    words = [word for word in re.split(r"[\s,;]+", text.strip().strip("<>")) if word]
    wrong = [word for word in words if not _ADDRESS.fullmatch(word.strip("<>"))]
    if wrong:
        raise BadInput(reason="not-an-address", words=wrong[:5])
    return tuple(dict.fromkeys(word.strip("<>").casefold() for word in words))


async def warned(
    m365: Microsoft365,
    addresses: Iterable[str],
    *,
    own_domains: frozenset[str],
    subject_id: str,
    suspects: frozenset[str],
    leave_out: Iterable[str] = (),
) -> Warned:
    """The audience behind these addresses. `suspects` are the object ids of all open incidents."""
    wanted = tuple(dict.fromkeys(address.casefold() for address in addresses))
    found = await _look_up(m365, [address for address in wanted if _domain(address) in own_domains])
    sorter = _Sorter(m365, own_domains, subject_id, suspects, frozenset(each.casefold() for each in leave_out))
    for number, address in enumerate(wanted):
        if number % _BREATH == 0:
            await asyncio.sleep(0)  # thousands of addresses must not hold the event loop
        await sorter.take(address, found.people.get(address, ()), found.groups.get(address, ()))
    return sorter.result(found.gaps)


@dataclass
class _Found:
    people: dict[str, tuple[Account, ...]] = field(default_factory=dict)
    groups: dict[str, tuple[MailGroup, ...]] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()


async def _look_up(m365: Microsoft365, addresses: Sequence[str]) -> _Found:
    """Who or what is behind our own addresses. Where the address book is closed, they are still warned, by mail."""
    found = _Found()
    try:
        if len(addresses) <= _ONE_BY_ONE:
            await _one_by_one(m365, addresses, found)
        else:
            await _from_the_whole_book(m365, frozenset(addresses), found)
    except IRBotError as error:
        found.gaps = (f"The address book could not be read, so colleagues get mail only: {explain(error).what}",)
    return found


async def _one_by_one(m365: Microsoft365, addresses: Sequence[str], found: _Found) -> None:
    door = asyncio.Semaphore(_AT_ONCE)

    async def look(address: str) -> None:
        async with door:
            found.people[address] = await m365.address_book.people_at(address)
            if not found.people[address]:
                found.groups[address] = await m365.address_book.groups_at(address)

    await together(*(look(address) for address in addresses))


async def _from_the_whole_book(m365: Microsoft365, wanted: frozenset[str], found: _Found) -> None:
    async for people in m365.address_book.all_people():
        for account in people:
            for address in addresses_of(account) & wanted:
                found.people[address] = (*found.people.get(address, ()), account)
    async for groups in m365.address_book.mail_groups():
        for group in groups:
            for address in wanted.intersection(group.addresses):
                found.groups[address] = (*found.groups.get(address, ()), group)


class _Sorter:
    """Puts each person into one pile, once."""

    def __init__(
        self,
        m365: Microsoft365,
        own_domains: frozenset[str],
        subject_id: str,
        suspects: frozenset[str],
        leave_out: frozenset[str],
    ) -> None:
        self._m365 = m365
        self._own = own_domains
        self._subject = subject_id
        self._suspects = suspects
        self._leave_out = leave_out
        self._inside: dict[str, Recipient] = {}
        self._outside: dict[str, Recipient] = {}
        self._left_out: dict[str, WhyNot] = {}
        self._groups: set[str] = set()
        self._gaps: list[str] = []

    async def take(self, address: str, people: Sequence[Account], groups: Sequence[MailGroup]) -> None:
        """One address of the trace, with who is behind it."""
        if address in self._leave_out:
            self._left_out[address] = WhyNot.BY_HAND
            return
        for account in people:
            await self._person(account)
        for group in groups:
            await self._members(group)
        if people or groups:
            return
        if _domain(address) in self._own:  # a contact, a public folder, a mailbox that is gone
            self._inside.setdefault(address, Recipient(address, Via.MAIL))
        else:
            self._outside.setdefault(address, _stranger(address))

    def result(self, gaps: Sequence[str]) -> Warned:
        """The piles."""
        return Warned(
            tuple(self._inside.values()),
            tuple(self._outside.values()),
            Counter(self._left_out.values()),
            (*gaps, *self._gaps),
        )

    async def _members(self, group: MailGroup) -> None:
        if group.id in self._groups:
            return
        self._groups.add(group.id)
        try:
            async for people in self._m365.address_book.members(group.id):
                for account in people:
                    await self._person(account)
        except Gone:
            return  # deleted a moment ago: it has no members any more
        except IRBotError as error:
            address = next(iter(group.addresses), "")
            self._gaps.append(f"The members of {group.name or 'a group'} could not be read: {explain(error).what}")
            if address:
                self._inside.setdefault(address, Recipient(address, Via.MAIL, group.name))

    async def _person(self, account: Account) -> None:
        known = account.id.casefold()
        if known in self._inside or known in self._left_out:
            return
        reason = self._why_not(account)
        if reason is not None:
            self._left_out[known] = reason
        elif account.is_guest:
            address = (account.mail or "").casefold()
            if address and address not in self._outside:
                self._outside[address] = _stranger(address, account.display_name)
        elif not account.account_enabled:
            await self._blocked(account)
        elif account.licensed or not account.mail:
            self._inside[known] = recipient_of(account)
        else:  # nobody reads Teams without a licence
            self._by_mail(account)

    def _why_not(self, account: Account) -> WhyNot | None:
        if account.id == self._subject:
            return WhyNot.SUBJECT
        if account.id in self._suspects:
            return WhyNot.SUSPECT
        return WhyNot.BY_HAND if addresses_of(account) & self._leave_out else None

    async def _blocked(self, account: Account) -> None:
        """The sign-in of a shared mailbox is blocked, and people read it all the same."""
        try:
            shared = (await self._m365.mailbox.settings(account.id)).purpose not in {"", "user"}
        except IRBotError:
            shared = not account.licensed
        if shared and account.mail:
            self._by_mail(account)
        else:
            self._left_out[account.id.casefold()] = WhyNot.BLOCKED

    def _by_mail(self, account: Account) -> None:
        address = (account.mail or account.upn).casefold()
        person = recipient_of(account)
        # Kept under the account's id, so that it comes once under whichever address.
        self._inside[account.id.casefold()] = Recipient(
            address, Via.MAIL, person.name, person.language, person.department
        )


def recipient_of(account: Account, zone: str = "") -> Recipient:
    """A person of ours, to be reached in Teams."""
    return Recipient(
        address=account.id,
        via=Via.TEAMS,
        name=account.display_name,
        language=language_of(account.preferred_language).value,
        department=account.department or "",
        zone=zone,
    )


def _stranger(address: str, name: str = "") -> Recipient:
    """Somebody outside. Of their language only the country of the address tells anything; else it is English."""
    language = _BY_TOP_LEVEL.get(address.rpartition(".")[2], Language.EN)
    return Recipient(address, Via.MAIL, name, f"{language.value}{OUTSIDE}")


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
