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
    outside = _outside(rule, read)
    kind = _kind(rule, read)
    strange, usual = _STRANGE.get(kind), _USUAL.get(kind)
    hides = rule.deletes or strange is not None or usual is not None
    telling = _telling(rule, kind)
    # People file their own invoices; they do not file the warnings of others.
    files = not hides or (kind == "archive" and telling == "money")
    covers = strange is not None or (hides and telling is not None and not files)
    inside = not outside and bool(rule.forward_to or rule.redirect_to)
    table = (
        (bool(outside), 5, f"Sends mail outside: {', '.join(outside[:3])}"),
        (inside, 1, "Sends mail to a colleague"),
        (rule.deletes, 2, "Deletes mail"),
        (strange is not None, 3, f"Moves mail to {strange}, where nobody looks"),
        (usual is not None, 1, f"Moves mail to {usual}"),
        (telling is not None, 1 if files else 3, f"Looks for words about {telling}"),
        (covers and rule.marks_as_read, 1, "Marks it as read"),
        (covers and rule.stops_other_rules, 1, "Keeps other rules from running"),
        (hides and rule.conditions == 0, 3, "Takes every message"),
        ((hides or bool(outside)) and _catches_all(rule), 3, "Looks for a sign that cannot be seen or is in all mail"),
        (rule.hidden and not _is_delegation(rule, outside), 5, "Hidden from Outlook"),
        (rule.damaged, 1, "Damaged, so not all of it can be read"),
        ((hides or bool(outside)) and not _says_something(rule.name), 2, "Its name says nothing"),
    )
    met = [(weight, reason) for holds, weight, reason in table if holds]
    return Score(sum(weight for weight, _ in met), tuple(reason for _, reason in met), outside)


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
