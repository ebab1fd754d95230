"""The words of a warning in every language, and the mail that they are about, masked.

A warning never says whose account it was. The sender's address is shown with its name masked: who has the mail knows
it from subject, time and sender together, and who was added by hand, or gets the warning forwarded, learns nothing.
Subjects may hold what is nobody else's business: names that we know of, numbers and addresses are masked in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.blasts.languages import Language
from services.blasts.warning_words import WORDS

MOST_SUBJECTS = 5
_LONGEST_SUBJECT = 60
_DOTS = "•••"
_ADDRESS = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_NUMBER = re.compile(r"\d+(?:[.,'\u2019\u00a0 ]\d+)*")
_SHORTEST_NAME = 3


@dataclass(frozen=True)
class Lure:
    """The intruder's mail as a recipient may be told of it: everything is masked already."""

    subjects: tuple[str, ...]
    sender: str
    first: datetime
    last: datetime

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `lure_from_json` reads it."""
        return {
            "subjects": list(self.subjects),
            "sender": self.sender,
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }


def lure_from_json(value: Mapping[str, Any]) -> Lure:
    """Reads what `to_json` wrote."""
    return Lure(
        tuple(value["subjects"]),
        value["sender"],
        datetime.fromisoformat(value["first"]),
        datetime.fromisoformat(value["last"]),
    )


def filled(sentence: str, language: Language, bot: str, helpdesk: str) -> str:
    """A sentence with the bot's name and with whom to ask; what is filled in is data."""
    return sentence.format_map({"bot": bot, "helpdesk": helpdesk or WORDS[language].helpdesk})


def mail_text(language: Language, lure: Lure, *, outside: bool, helpdesk: str) -> str:
    """The warning as the plain text of a mail: paragraphs with blank lines between them, lists with hyphens."""
    words = WORDS[language]

    def say(sentence: str) -> str:
        return filled(sentence, language, "", helpdesk)

    facts = [f"- {words.subject}: {subject}" for subject in lure.subjects]
    facts += [f"- {words.sender}: {lure.sender}", f"- {words.sent}: {span(lure)}"]
    paragraphs = [
        words.what_happened_outside if outside else words.what_happened,
        "\n".join([f"{words.look_for}:", *facts]),
        "\n".join(f"- {line}" for line in (words.do_outside if outside else words.do)),
        *([] if outside else [say(words.mail_answer)]),
        say(words.ask_outside if outside else words.ask),
        say(words.genuine_outside),  # in a mail nothing of Teams helps to check it
    ]
    return "\n\n".join(paragraphs)


def span(lure: Lure) -> str:
    """When it was sent, in a way that every language reads."""
    first, last = (at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") for at in (lure.first, lure.last))
    return f"{first} UTC" if first == last else f"{first} … {last} UTC"


def day(at: datetime) -> str:
    """The day alone, in a way that every language reads."""
    return at.astimezone(UTC).strftime("%Y-%m-%d")


# -- masking ---------------------------------------------------------------------------------------------------------


def masked_address(address: str) -> str:
    """Enough to recognise it by for who has it before them: the first letter and the domain."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}{_DOTS}@{domain}" if at and name else _DOTS


def masked_subject(subject: str, names: Iterable[str] = ()) -> str:
    """A subject without numbers, addresses, links and the names that are given, on one line and not too long."""
    line = " ".join("".join(char for char in subject if char.isprintable() or char.isspace()).split())
    line = _ADDRESS.sub(_DOTS, _LINK.sub(_DOTS, line))
    for name in sorted({part for each in names for part in each.split()}, key=len, reverse=True):
        if len(name) >= _SHORTEST_NAME:
            line = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _DOTS, line, flags=re.IGNORECASE)
    line = _NUMBER.sub(_DOTS, line)
    line = re.sub(rf"{_DOTS}(?:\s*{_DOTS})+", _DOTS, line)
    return line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 1].rstrip()}…"


def lure_of(sender: str, names: Sequence[str], sent: Iterable[tuple[str, datetime | None]], now: datetime) -> Lure:
    """The mail as it may be told: subjects by how often they come, first and last time. Raises ValueError for none."""
    counts: dict[str, int] = {}
    times: list[datetime] = []
    for subject, at in sent:
        masked = masked_subject(subject, names) or _DOTS
        counts[masked] = counts.get(masked, 0) + 1
        times += [at] if at is not None else []
    if not counts:
        raise ValueError("a warning about no mail")
    most = sorted(counts, key=lambda subject: (-counts[subject], subject))[:MOST_SUBJECTS]
    return Lure(tuple(most), masked_address(sender), min(times, default=now), max(times, default=now))
