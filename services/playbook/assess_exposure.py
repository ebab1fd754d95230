"""Assess exposure: what lies in the mailbox and the files that hurts when a stranger has read it. Counted, never shown.

It goes by words, so it finds too much rather than too little: people look at the messages and files themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from services.access import Permission
from services.errors import Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.files import File
from services.microsoft365.listing import Listing
from services.microsoft365.messages import Message
from services.plain_words import explain as in_words
from services.playbook.gaps import Gap, state_with, words_of
from services.playbook.mailbox_reading import has_no_mailbox
from services.playbook.step import Context, Finding, NoUndo, Outcome, Plan, Risk, Rule, Severity, State, Step
from services.together import together

_MOST = 200  # of a kind; Outlook's search gives a thousand at most
_SAMPLES = 3

T = TypeVar("T")


@dataclass(frozen=True)
class _Kind:
    """One kind of what hurts, with the phrases that give it away in the languages in which we warn.

    A search of files takes one phrase at a time, so files have a few of their own.
    """

    id: str
    what: str
    advice: str
    phrases: tuple[str, ...]
    in_files: tuple[str, ...]


_KINDS = (
    _Kind(
        "payment",
        "payment details",
        "Warn your bank and whoever pays you",
        (
            *("IBAN", "bank details", "account number", "credit card", "card number"),
            *("Bankverbindung", "Kontonummer", "Kreditkarte", "datos bancarios", "coordonnées bancaires", "реквизиты"),
        ),
        ("IBAN", "bank details", "Bankverbindung", "coordonnées bancaires"),
    ),
    _Kind(
        "password",
        "passwords or access codes",
        "Have these passwords changed",
        (
            *("password", "passphrase", "access code", "recovery code", "API key"),
            *("Passwort", "Kennwort", "Zugangsdaten", "contraseña", "mot de passe", "пароль"),
        ),
        ("password", "Passwort", "contraseña", "mot de passe"),
    ),
    _Kind(
        "identity",
        "identity documents",
        "Ask your data protection officer whether people must be told",
        (
            *("passport", "identity card", "driving licence", "driver license", "residence permit"),
            *("Reisepass", "Personalausweis", "Führerschein", "pasaporte", "passeport", "паспорт"),
        ),
        ("passport", "Reisepass", "pasaporte", "passeport"),
    ),
    _Kind(
        "personal",
        "personal data",
        "Ask your data protection officer whether people must be told",
        (
            *("social security", "date of birth", "payslip", "salary", "sick note", "medical certificate"),
            *("Geburtsdatum", "Gehaltsabrechnung", "Krankmeldung", "Sozialversicherung", "nómina", "fiche de paie"),
        ),
        ("payslip", "Gehaltsabrechnung", "nómina", "fiche de paie"),
    ),
)


async def plan(ctx: Context) -> Plan:
    """Searches mailbox and files for each kind; one of them that cannot be searched makes it "not evaluated"."""
    mail, files = await together(_or_error(_mail(ctx)), _or_error(_files(ctx)))
    if isinstance(mail, IRBotError) and isinstance(files, IRBotError) and not _has_none(files):
        raise mail
    findings: list[Finding] = []
    evidence: dict[str, Any] = {}
    said, gaps = [], []
    if isinstance(mail, IRBotError):
        gaps.append(Gap(f"The mailbox was not searched. {in_words(mail).what}"))
    else:
        findings += [_in_mail(kind, listing) for kind, listing in zip(_KINDS, mail, strict=True) if len(listing)]
        evidence["exposure"] = _counted(mail)
        said.append(f"In the mailbox: {_summed(mail)}.")
    if isinstance(files, IRBotError):
        if _has_none(files):
            said.append("The account has no files of its own.")
        else:
            gaps.append(Gap(f"Files were not searched. {in_words(files).what}"))
    else:
        findings += [_in_files(kind, listing) for kind, listing in zip(_KINDS, files, strict=True) if len(listing)]
        evidence["exposure of files"] = _counted(files)
        said.append(f"In the files: {_summed(files)}.")
    reason = " ".join((*said, "Found by words.", words_of(gaps))).strip()
    return Plan(settled=Outcome(state_with(gaps), reason), evidence=evidence, findings=tuple(findings))


async def _or_error(read: Awaitable[T]) -> T | IRBotError:
    try:
        return await read
    except IRBotError as error:
        return error


def _has_none(error: IRBotError) -> bool:
    return isinstance(error, Gone) and error.data.get("reason") == "no-drive"


async def _mail(ctx: Context) -> Sequence[Listing[Message]]:
    """What Outlook's search finds of each kind."""
    search = ctx.m365.messages.search_any
    return await together(*(search(ctx.subject.object_id, kind.phrases, _MOST) for kind in _KINDS))


async def _files(ctx: Context) -> Sequence[Listing[File]]:
    """What OneDrive's search finds of each kind, each file once."""
    drive = await ctx.m365.files.drive_of(ctx.subject.object_id)
    words = [(kind, phrase) for kind in _KINDS for phrase in kind.in_files]
    listed = await together(*(ctx.m365.files.search(drive, phrase, _MOST) for _, phrase in words))
    found: list[Listing[File]] = []
    for kind in _KINDS:
        own = [listing for (each, _), listing in zip(words, listed, strict=True) if each is kind]
        each_once = {file.id: file for listing in own for file in listing}
        found.append(Listing(tuple(each_once.values()), all(listing.complete for listing in own)))
    return found


def _summed(listed: Sequence[Listing[Any]]) -> str:
    found = [(kind, listing) for kind, listing in zip(_KINDS, listed, strict=True) if len(listing)]
    return ", ".join(f"{_number(listing)} with {kind.what}" for kind, listing in found) or "nothing of that kind"


def _counted(listed: Sequence[Listing[Any]]) -> dict[str, Any]:
    return {
        kind.id: {"count": len(listing), "complete": listing.complete, "ids": [each.id for each in listing]}
        for kind, listing in zip(_KINDS, listed, strict=True)
    }


def _in_mail(kind: _Kind, listing: Listing[Message]) -> Finding:
    attachments = sum(message.has_attachments for message in listing)
    more = (f"{attachments} of them with attachments",) if attachments else ()
    verb = "message speaks" if len(listing) == 1 else "messages speak"
    samples = [_sample(message.subject, message.sent_at, "sent") for message in listing.values[:_SAMPLES]]
    moments = [message.sent_at for message in listing]
    return _finding(kind.id, f"{_number(listing)} {verb} of {kind.what}", kind, listing, moments, samples, more)


def _in_files(kind: _Kind, listing: Listing[File]) -> Finding:
    verb = "file speaks" if len(listing) == 1 else "files speak"
    samples = [_sample(file.name, file.modified_at, "changed") for file in listing.values[:_SAMPLES]]
    moments = [file.modified_at for file in listing]
    return _finding(f"files:{kind.id}", f"{_number(listing)} {verb} of {kind.what}", kind, listing, moments, samples)


def _finding(
    key: str,
    title: str,
    kind: _Kind,
    listing: Listing[Any],
    moments: Sequence[datetime | None],
    samples: Sequence[Mapping[str, str]],
    more: tuple[str, ...] = (),
) -> Finding:
    known = sorted(at for at in moments if at is not None)
    when = (f"From {known[0]:%b %Y} to {known[-1]:%b %Y}",) if known else ()
    return Finding(
        key=key,
        severity=Severity.NOTE,
        title=title,
        reasons=(*when, *more, "Found by its words, so look before you act", kind.advice),
        at=known[-1] if known else None,
        data={
            "kind": kind.id,
            "count": len(listing),
            "complete": listing.complete,
            "ids": [each.id for each in listing],
            "samples": list(samples),
        },
    )


def _number(listing: Listing[Any]) -> str:
    return str(len(listing)) if listing.complete else f"More than {len(listing)}"


def _sample(name: str, at: datetime | None, word: str) -> Mapping[str, str]:
    """So that a person recognises it, and a stranger learns nothing."""
    return {"subject": masked(name), word: f"{at:%Y-%m-%d}" if at else ""}


def masked(text: str) -> str:
    """The first letter of each word; a word with a digit in it keeps none."""
    return " ".join("•••" if any(char.isdigit() for char in word) else f"{word[0]}•••" for word in text.split()[:8])


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox holds no mail; its files are another matter."""
    if has_no_mailbox(error):
        return Outcome(State.NOT_EVALUATED, "The account has no mailbox here, and its files could not be searched.")
    return None


STEP = Step(
    id="assess-exposure",
    seed=(16,),
    phase=Phase.SCOPE,
    title="Assess exposure",
    why="Shows whom to warn about what the intruder could read.",
    reads=("mailbox search by words", "OneDrive search by words"),
    changes=(),
    needs=("Mail.Read", "Files.Read.All"),
    may_run=Permission.INCIDENT_OPEN,
    risk=Risk.READ,
    approval=Rule.NONE,
    undo=NoUndo("It changes nothing."),
    plan=plan,
    apply=None,
    verify=None,
    explain=explain,
)
