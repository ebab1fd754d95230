"""How suspicious an inbox rule is: points with reasons in words, no black box.

It goes by what a rule does and by the kinds of folders, never by words of one language. A rule that only sorts mail
into an ordinary folder scores nothing, whatever it is called.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from services.microsoft365.exchange.inbox_rules import InboxRule
from services.playbook.mailbox_reading import RulesOfMailbox
from services.playbook.step import Severity

_ALARM, _WARNING = 5, 3

# Where people never look. Kinds are Exchange's own, in English in every mailbox.
_BLIND = {
    "rsssubscription": "RSS Feeds",
    "rsssubscriptions": "RSS Feeds",
    "conversationhistory": "Conversation History",
    "junkemail": "Junk Email",
    "deleteditems": "Deleted Items",
    "recoverableitemsdeletions": "Recoverable Items",
    "notes": "Notes",
    "journal": "Journal",
    "calendar": "Calendar",
    "syncissues": "Sync Issues",
    "archive": "Archive",
}
# What money and alarms are called, in the languages in which we warn.
_TELLING = (
    ("money", ("invoice", "payment", "bank", "iban", "wire", "transfer", "rechnung", "zahlung", "überweisung")),
    ("money", ("factura", "pago", "transferencia", "facture", "virement", "paiement", "счет", "счёт", "оплата")),
    ("warnings", ("phish", "hack", "virus", "malware", "spam", "helpdesk", "compromis", "suspicious", "security")),
    ("warnings", ("password", "passwort", "contraseña", "mot de passe", "пароль", "sicherheit", "seguridad")),
)


@dataclass(frozen=True)
class Score:
    """The judgement of one rule."""

    points: int
    reasons: tuple[str, ...]
    outside: tuple[str, ...]  # addresses outside the organisation that get the mail

    @property
    def severity(self) -> Severity:
        """Alarm, warning or note."""
        if self.points >= _ALARM:
            return Severity.ALARM
        return Severity.WARNING if self.points >= _WARNING else Severity.NOTE


def score(rule: InboxRule, read: RulesOfMailbox) -> Score:
    """Judges one rule by what it does."""
    points = 0
    reasons: list[str] = []

    def say(weight: int, reason: str) -> None:
        nonlocal points
        points += weight
        reasons.append(reason)

    outside = _outside(rule, read)
    if outside:
        say(5, f"Sends mail outside: {', '.join(outside[:3])}")
    elif rule.forward_to or rule.redirect_to:
        say(1, "Sends mail to a colleague")
    folder = _blind_folder(rule, read)
    hides = rule.deletes or folder is not None
    if rule.deletes:
        say(2, "Deletes mail")
    if folder is not None:
        say(2, f"Moves mail to {folder}")
    if hides and rule.marks_as_read:
        say(1, "Marks it as read")
    if hides and rule.conditions == 0:
        say(2, "Takes every message")
    telling = _telling(rule)
    if telling:
        say(3 if hides else 2, f"Looks for words about {telling}")
    if hides and rule.stops_other_rules:
        say(1, "Keeps other rules from running")
    if rule.hidden and not rule.of_the_system:
        say(5, "Hidden from Outlook")
    if rule.damaged:
        say(1, "Damaged, so not all of it can be read")
    if _odd_name(rule.name) and (hides or outside):
        say(2, "Its name says nothing")
    return Score(points, tuple(reasons), outside)


def _outside(rule: InboxRule, read: RulesOfMailbox) -> tuple[str, ...]:
    people = (*rule.forward_to, *rule.redirect_to)
    return tuple(
        person.address or person.name
        for person in people
        if not person.inside and person.address.rpartition("@")[2].lower() not in read.own_domains
    )


def _blind_folder(rule: InboxRule, read: RulesOfMailbox) -> str | None:
    """The folder out of sight that mail is moved to, under the name that every helpdesk knows."""
    path = rule.move_to_folder.replace("\\", "/").strip("/").casefold()
    if not path:
        return None
    kind = read.folder_kinds.get(path) or read.folder_kinds.get(path.rpartition("/")[2]) or ""
    return _BLIND.get(kind.replace(" ", "").casefold())


def _telling(rule: InboxRule) -> str | None:
    words = " ".join(rule.words).casefold()
    return next((about for about, stems in _TELLING if any(stem in words for stem in stems)), None)


def _odd_name(name: str) -> bool:
    """No letter or digit to speak of: a dot, blanks, a null character, one letter."""
    letters = [char for char in name if unicodedata.category(char)[0] in "LN"]
    return len(letters) < 2
