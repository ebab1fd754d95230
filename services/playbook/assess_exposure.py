"""Assess exposure: what lies in the mailbox that hurts when a stranger has read it. Counted, never shown.

It goes by words, so it finds too much rather than too little: people look at the messages themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.listing import Listing
from services.microsoft365.messages import Message
from services.playbook.mailbox_reading import has_no_mailbox
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together

_MOST = 200  # of a kind; Outlook's search gives a thousand at most
_SAMPLES = 3


@dataclass(frozen=True)
class _Kind:
    """One kind of what hurts, with the phrases that give it away in the languages in which we warn."""

    id: str
    what: str
    advice: str
    phrases: tuple[str, ...]


_KINDS = (
    _Kind(
        "payment",
        "payment details",
        "Warn your bank and whoever pays you",
        (
            *("IBAN", "bank details", "account number", "credit card", "card number"),
            *("Bankverbindung", "Kontonummer", "Kreditkarte", "datos bancarios", "coordonnées bancaires", "реквизиты"),
        ),
    ),
    _Kind(
        "password",
        "passwords or access codes",
        "Have these passwords changed",
        (
            *("password", "passphrase", "access code", "recovery code", "API key"),
            *("Passwort", "Kennwort", "Zugangsdaten", "contraseña", "mot de passe", "пароль"),
        ),
    ),
    _Kind(
        "identity",
        "identity documents",
        "Ask your data protection officer whether people must be told",
        (
            *("passport", "identity card", "driving licence", "driver license", "residence permit"),
            *("Reisepass", "Personalausweis", "Führerschein", "pasaporte", "passeport", "паспорт"),
        ),
    ),
    _Kind(
        "personal",
        "personal data",
        "Ask your data protection officer whether people must be told",
        (
            *("social security", "date of birth", "payslip", "salary", "sick note", "medical certificate"),
            *("Geburtsdatum", "Gehaltsabrechnung", "Krankmeldung", "Sozialversicherung", "nómina", "fiche de paie"),
        ),
    ),
)


async def plan(ctx: Context) -> Plan:
    """Searches the mailbox once for each kind."""
    listed = await together(
        *(ctx.m365.messages.search_any(ctx.subject.object_id, kind.phrases, _MOST) for kind in _KINDS)
    )
    found = [(kind, listing) for kind, listing in zip(_KINDS, listed, strict=True) if len(listing)]
    findings = tuple(_finding(kind, listing) for kind, listing in found)
    evidence = {
        "exposure": {
            kind.id: {"count": len(listing), "complete": listing.complete, "message ids": [m.id for m in listing]}
            for kind, listing in zip(_KINDS, listed, strict=True)
        }
    }
    said = ", ".join(f"{_number(listing)} with {kind.what}" for kind, listing in found) or "nothing of that kind"
    reason = f"In the mailbox: {said}. Found by words in mail; files were not searched."
    return Plan(settled=Outcome(State.DONE, reason), evidence=evidence, findings=findings)


def _finding(kind: _Kind, listing: Listing[Message]) -> Finding:
    moments = sorted(message.sent_at for message in listing if message.sent_at is not None)
    reasons = [f"From {moments[0]:%b %Y} to {moments[-1]:%b %Y}"] if moments else []
    attachments = sum(message.has_attachments for message in listing)
    if attachments:
        reasons.append(f"{attachments} of them with attachments")
    data: dict[str, Any] = {
        "kind": kind.id,
        "count": len(listing),
        "complete": listing.complete,
        "message_ids": [message.id for message in listing],
        "samples": _samples(listing.values),
    }
    one = len(listing) == 1
    return Finding(
        key=kind.id,
        severity=Severity.NOTE,
        title=f"{_number(listing)} {'message speaks' if one else 'messages speak'} of {kind.what}",
        reasons=(*reasons, "Found by its words, so look before you act", kind.advice),
        at=moments[-1] if moments else None,
        data=data,
    )


def _number(listing: Listing[Message]) -> str:
    return str(len(listing)) if listing.complete else f"More than {len(listing)}"


def _samples(messages: Sequence[Message]) -> list[Mapping[str, str]]:
    """Some of them, so that a person recognises them, and a stranger learns nothing."""
    return [
        {"subject": masked(message.subject), "sent": f"{message.sent_at:%Y-%m-%d}" if message.sent_at else ""}
        for message in messages[:_SAMPLES]
    ]


def masked(text: str) -> str:
    """The first letter of each word; a word with a digit in it keeps none."""
    return " ".join("•••" if any(char.isdigit() for char in word) else f"{word[0]}•••" for word in text.split()[:8])


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox holds no mail; its files are another matter."""
    if has_no_mailbox(error):
        return Outcome(State.NOT_EVALUATED, "The account has no mailbox here, and files were not searched.")
    return None


STEP = Step(
    id="assess-exposure",
    seed=(16,),
    phase=Phase.SCOPE,
    title="Assess exposure",
    why="Shows whom to warn about what the intruder could read.",
    reads=("mailbox search by words",),
    changes=(),
    needs=("Mail.Read",),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
