"""What a mail is to us: one message for one recipient, so that nobody sees whom else it went to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.errors import BadInput

_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\]+")
_LONGEST_ADDRESS = 320
_LONGEST_SUBJECT = 255


class MailState(StrEnum):
    """How far a mail is. `SENT` means that Exchange has taken it; a report may still turn it into `BOUNCED`.

    `UNKNOWN` was handed over and nobody said whether it was taken: only a person sends it again.
    """

    BOUNCED = "bounced"
    CANCELLED = "cancelled"
    FAILED = "failed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    WANTED = "wanted"


@dataclass(frozen=True)
class Mail:
    """A mail to one person. `key` is its own for ever: a second mail with the same key is not sent.

    `text` is plain: blank lines part paragraphs, lines that begin with "- " make a list. Nothing in it is markup.
    `subject` becomes one line without hidden letters, whatever was in it.
    """

    key: str
    recipient: str
    subject: str
    text: str
    urgent: bool = False  # goes before those that are not

    def __post_init__(self) -> None:
        """Raises BadInput for an address that is none, or for a mail without words."""
        seen = "".join(letter if letter.isprintable() else " " for letter in self.subject)
        object.__setattr__(self, "subject", " ".join(seen.split()))
        if not is_address(self.recipient):
            raise BadInput(reason="not-an-address")
        if not self.subject.strip() or not self.text.strip():
            raise BadInput(reason="empty-text")
        if len(self.subject) > _LONGEST_SUBJECT:
            raise BadInput(reason="text-too-long")


@dataclass(frozen=True)
class Sent:
    """What became of a mail. `reason` is in plain words, empty where there is nothing to say."""

    key: str
    recipient: str
    state: MailState
    reason: str
    at: datetime | None


def is_address(value: str) -> bool:
    """Whether this can be one mail address, and nothing besides."""
    return len(value) <= _LONGEST_ADDRESS and value.isprintable() and _ADDRESS.fullmatch(value) is not None
