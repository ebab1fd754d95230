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
_STRANGE = {
    "rsssubscription": "RSS Feeds",
    "rsssubscriptions": "RSS Feeds",
    "conversationhistory": "Conversation History",
    "recoverableitemsdeletions": "Recoverable Items",
    "notes": "Notes",
    "journal": "Journal",
    "calendar": "Calendar",
    "syncissues": "Sync Issues",
}
# Out of sight too, but people send newsletters and read mail there themselves.
_USUAL = {"junkemail": "Junk Email", "deleteditems": "Deleted Items", "archive": "Archive"}
_KIND_OF_NAME = {name.casefold(): kind for kind, name in (_STRANGE | _USUAL).items()}
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
    kind = _kind(rule, read)
    strange = _STRANGE.get(kind)
    usual = _USUAL.get(kind)
    hides = rule.deletes or strange is not None or usual is not None
    if rule.deletes:
        say(2, "Deletes mail")
    if strange is not None:
        say(3, f"Moves mail to {strange}, where nobody looks")
    if usual is not None:
        say(1, f"Moves mail to {usual}")
    telling = _telling(rule, kind)
    if telling:
        # People file their own invoices; they do not file the warnings of others.
        files = kind == "archive" and telling == "money"
        say(3 if hides and not files else 1, f"Looks for words about {telling}")
    covers = strange is not None or (hides and telling is not None and kind != "archive")
    if covers and rule.marks_as_read:
        say(1, "Marks it as read")
    if covers and rule.stops_other_rules:
        say(1, "Keeps other rules from running")
    if hides and rule.conditions == 0:
        say(3, "Takes every message")
    if (hides or outside) and _catches_all(rule):
        say(3, "Its condition is a sign that nearly every message has, or that cannot be seen")
    if rule.hidden and not _is_delegation(rule, outside):
        say(5, "Hidden from Outlook")
    if rule.damaged:
        say(1, "Damaged, so not all of it can be read")
    if (hides or outside) and not _says_something(rule.name):
        say(2, "Its name says nothing")
    return Score(points, tuple(reasons), outside)


def _outside(rule: InboxRule, read: RulesOfMailbox) -> tuple[str, ...]:
    people = (*rule.forward_to, *rule.redirect_to)
    return tuple(
        person.address or person.name
        for person in people
        if not person.inside and person.address.rpartition("@")[2].lower() not in read.own_domains
    )


def _kind(rule: InboxRule, read: RulesOfMailbox) -> str:
    """What kind of folder mail is moved to. A folder that the mailbox does not have is taken by its English name."""
    path = rule.move_to_folder.replace("\\", "/").strip("/").casefold()
    if not path:
        return ""
    name = path.rpartition("/")[2]
    kind = read.folder_kinds.get(path) or read.folder_kinds.get(name)
    return _KIND_OF_NAME.get(name, "") if kind is None else kind.replace(" ", "").casefold()


def _telling(rule: InboxRule, kind: str) -> str | None:
    """What its words are about. Spam that goes to the junk folder is where it belongs."""
    words = " ".join(rule.words).casefold()
    if kind == "junkemail":
        words = words.replace("spam", "")
    return telling_words(words)


def telling_words(text: str) -> str | None:
    """What a text is about, where it is about money or warnings."""
    words = text.casefold()
    return next((about for about, stems in _TELLING if any(stem in words for stem in stems)), None)


def _catches_all(rule: InboxRule) -> bool:
    """Whether one of its words is a dot, an at sign, a null character, a blank."""
    return any(sum(unicodedata.category(char)[0] in "LN" for char in word) == 0 for word in rule.words)


def _is_delegation(rule: InboxRule, outside: tuple[str, ...]) -> bool:
    """Whether it only hands meeting requests to colleagues, as Exchange itself sets up for delegates."""
    return rule.of_delegation and not outside and not rule.deletes and not rule.move_to_folder


def _says_something(name: str) -> bool:
    """Whether it has two letters or digits: no dot, blanks, null character or single letter."""
    return sum(unicodedata.category(char)[0] in "LN" for char in name) >= 2
