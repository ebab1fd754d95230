"""Reading what mail servers report: which of our mails did not arrive, and why, in plain words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.microsoft365.messages import MARK_HEADER, Report

_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d)")
_MARK = re.compile(re.escape(MARK_HEADER) + r":\s*([0-9a-f-]{36})", re.IGNORECASE)
_EXPIRED = frozenset({"4.4.7"})

_CODES: Mapping[str, str] = {
    "5.1.0": "The address was not accepted",
    "5.1.1": "There is no such address",
    "5.1.10": "There is no such address",
    "5.1.8": "Exchange does not let the sender's mailbox send to the outside",
    "5.2.1": "The mailbox is switched off",
    "5.2.2": "The mailbox is full",
    "5.2.3": "The message is too large for the recipient",
    "5.4.1": "The other side does not take mail for this address",
    "5.4.310": "There is no such mail domain",
    "5.7.1": "The other side does not accept mail from us",
}
_CLASSES: Mapping[str, str] = {
    "1": "The address was not accepted",
    "2": "The mailbox does not take mail",
    "4": "The other mail server could not be reached",
    "7": "The other side does not accept mail from us",
}


def marks_in(report: Report) -> tuple[str, ...]:
    """The marks of our mails that the report quotes: Exchange puts the whole header of the mail into it."""
    return tuple(dict.fromkeys(mark.lower() for mark in _MARK.findall(report.text)))


def reason_of(report: Report) -> str | None:
    """Why the mail did not arrive; None where it is late and no more."""
    codes = [(f"{kind}.{group}.{detail}", kind, group) for kind, group, detail in _STATUS.findall(report.text)]
    final = [each for each in codes if each[1] == "5" or each[0] in _EXPIRED]
    if codes and not final:
        return None
    if not final:
        return "A mail server reported that it was not delivered."
    code, _, group = final[0]
    words = _CODES.get(code) or _CLASSES.get(group) or "A mail server refused it"
    return f"{words} ({code})."
