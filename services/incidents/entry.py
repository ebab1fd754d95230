"""How the intruder most likely came in: rules over the findings of the sign-in review, each with its reasons.

A rule asks for what the log shows (`Sign`) and for Microsoft's own names of risks, never for words of a title. Where
no rule fits, it is not known, and that is what is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.playbook.ledger import Found
from services.playbook.sign_in_score import Sign
from services.playbook.step import Severity

SIGN_INS = "review-sign-ins"
_PLACE = "address:"  # the beginning of the key of a finding about one address
_FALSE_PAGE = frozenset({"attackerinTheMiddle"})
_STOLEN_TOKEN = frozenset({"anomalousToken", "tokenIssuerAnomaly"})
_SPRAYED = frozenset({"passwordSpray"})


class Way(StrEnum):
    """The ways in that the rules know; alphabetised."""

    APPROVAL_WORN_DOWN = "approval-worn-down"
    CONSENT = "consent"
    FALSE_SIGN_IN_PAGE = "false-sign-in-page"
    GUESSED = "guessed"
    OLD_PROTOCOL = "old-protocol"
    RIGHT_PASSWORD = "right-password"  # noqa: S105  # the name of a way, no password
    TOKEN = "token"  # noqa: S105  # the same
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Entry:
    """The likely way in. Not `sure` where it rests on a weak sign alone."""

    way: Way
    text: str
    why: tuple[str, ...] = ()
    at: datetime | None = None
    sure: bool = False


@dataclass(frozen=True)
class Suspect:
    """A suspicious address, as the sign-in review put it into its finding. What is missing there is empty here."""

    found: Found
    got_in: bool
    by_hand: bool
    signs: frozenset[str]
    risks: frozenset[str]
    apps: tuple[str, ...]
    place: str

    @property
    def severity(self) -> Severity:
        return self.found.finding.severity

    @property
    def at(self) -> datetime | None:
        return self.found.finding.at


def suspects(findings: Sequence[Found]) -> tuple[Suspect, ...]:
    """The suspicious addresses: alarms before warnings, and the oldest first among each."""
    found = [
        _suspect(each)
        for each in findings
        if each.step_id == SIGN_INS
        and each.finding.key.startswith(_PLACE)
        and each.finding.severity is not Severity.NOTE
    ]
    return tuple(
        sorted(found, key=lambda each: (-each.severity.weight, each.at.timestamp() if each.at else float("inf")))
    )


def _suspect(found: Found) -> Suspect:
    data = found.finding.data
    return Suspect(
        found=found,
        got_in=data.get("got_in") is True,
        by_hand=data.get("by_hand") is True,
        signs=frozenset(texts(data.get("signs"))),
        risks=frozenset(texts(data.get("risks"))),
        apps=texts(data.get("apps")),
        place=str(data.get("place") or ""),
    )


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list in a finding's data; none where there is no list."""
    return tuple(str(each) for each in value) if isinstance(value, list | tuple) else ()


def entry_of(suspicious: Sequence[Suspect], consents: Sequence[str], *, certain: bool) -> Entry:
    """The way in by the first address from which somebody got in; `consents` are suspicious consents, in words.

    `certain` says that other checks leave no doubt of an intruder, so that a weak sign is most likely theirs.
    """
    first = next((each for each in suspicious if each.got_in), None)
    if first is not None:
        sure = certain or first.severity is Severity.ALARM
        way, text = _way(first, consents, "Most likely" if sure else "Perhaps")
        return Entry(way, text, first.found.finding.reasons, first.at, sure)
    if consents:
        text = "Perhaps through an app that was agreed to. No suspicious sign-in was seen."
        return Entry(Way.CONSENT, text, tuple(consents[:2]))
    return Entry(Way.UNKNOWN, "It is not known how they got in.")


def _way(suspect: Suspect, consents: Sequence[str], likely: str) -> tuple[Way, str]:
    """The first rule that fits, the most telling ones first."""
    where = f" from {suspect.place}" if suspect.place else ""
    if Sign.APP_ON_A_SERVER in suspect.signs:
        app = f"“{suspect.apps[0]}”" if suspect.apps else "an app"
        if consents:
            return Way.CONSENT, f"{likely} by consent to the app {app}, which works{where} and needs no password."
        return Way.CONSENT, f"{likely} through the app {app}, which worked{where} without anybody signing in."
    if suspect.risks & _FALSE_PAGE:
        return Way.FALSE_SIGN_IN_PAGE, f"{likely} by a false sign-in page: Microsoft saw somebody in between."
    if Sign.APPROVAL_WORN_DOWN in suspect.signs:
        return Way.APPROVAL_WORN_DOWN, (
            f"{likely} with the right password{where} and by asking for approval until a request was approved."
        )
    if Sign.GUESSED in suspect.signs or (suspect.by_hand and suspect.risks & _SPRAYED):
        return Way.GUESSED, f"{likely} by guessing the password{where}."
    if Sign.OLD_PROTOCOL in suspect.signs:
        return Way.OLD_PROTOCOL, f"{likely} with the password and an old protocol that asks for no second factor."
    if Sign.TOKENS_ONLY in suspect.signs or (suspect.risks & _STOLEN_TOKEN and not suspect.by_hand):
        return Way.TOKEN, f"{likely} with a stolen sign-in token{where}: nobody signed in by hand there."
    if suspect.by_hand:
        return Way.RIGHT_PASSWORD, (f"{likely} with the right password{where}. How they got the password is not known.")
    return Way.UNKNOWN, f"Somebody got in{where}. It is not known how."
