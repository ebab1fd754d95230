"""Warning those who got the intruder's mail: what it was, who got it, and what they are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cards import composer_card
from cards.blast_views import Choice, ComposerView, Field
from cards.views import Button, ButtonStyle
from dialogs.blasts import canary_of, draw_up, starts_at
from dialogs.letters import warning_content
from dialogs.parts import Parts
from dialogs.turn import Answer, Click, TextAnswer
from dialogs.verbs import Verb
from services.access import Permission
from services.blasts.audience import Warned, listed, warned
from services.blasts.languages import NAMES, Language
from services.blasts.model import BlastKind, Draft, SendingPlan
from services.blasts.traced import SentMessage, Traced, traced
from services.blasts.warnings import Lure, lure_of
from services.errors import BadInput, Conflict, IRBotError
from services.incidents import store
from services.incidents.model import Incident, IncidentState
from services.microsoft365.accounts import Account
from services.plain_words import explain
from services.posts import PostKind

_MOST_LISTED = 20
_EVERYTHING, _TICKED = "window", "ticked"


async def open_composer(parts: Parts, click: Click) -> Answer:
    """Puts the composer into the thread, with the suspicious messages ticked."""
    await parts.access.require(click.actor, Permission.BLAST_SEND, click.conversation)
    incident = await _incident(parts, click)
    found = await _traced(parts, incident)
    if not found.messages and not found.gaps:
        raise Conflict(reason="nobody-to-warn")
    # A look at other mail makes another card; the same look makes the same.
    key = f"warn:{incident.id}:{incident.nonce}:{len(found.messages)}:{sum(len(each.sent) for each in found.messages)}"
    async with parts.database.write() as connection:
        await parts.posts.want(
            connection,
            key,
            PostKind.REPLY,
            parts.now(),
            conversation=incident.conversation,
            card=composer_card(_composer(parts, incident, found)),
            summary=f"{incident.label}: warning",
        )
    return TextAnswer("The card for the warning stands in this thread.")


async def preview(parts: Parts, click: Click) -> Answer:
    """Freezes who is warned and how it reads; nothing is sent before a second person has approved exactly that."""
    await parts.access.require(click.actor, Permission.BLAST_SEND, click.conversation)
    incident = await _incident(parts, click)
    inputs = click.inputs
    plan, at = SendingPlan(canary=canary_of(inputs)), starts_at(parts, inputs)
    only = _only(inputs.get("language", ""))
    leave_out, add = listed(inputs.get("leave_out", "")), listed(inputs.get("add", ""))
    found = await _traced(parts, incident)
    chosen = _chosen(found, inputs.get("which", _TICKED), inputs.get("messages", ""))
    account = await parts.m365.directory.account(incident.subject.object_id)
    lure = _lure(parts, account, incident, chosen)
    audience = await _audience(parts, incident, chosen, add, leave_out)

    def make(blast_id: str, nonce: str) -> Draft:
        return Draft(
            kind=BlastKind.WARN,
            title=f"Mail from the account of {incident.subject.name}",
            requester=click.actor,
            content=warning_content(lure, parts.settings, only, blast_id, nonce),
            plan=plan,
            incident_id=incident.id,
            scheduled_at=at,
            id=blast_id,
            nonce=nonce,
        )

    notes = [*found.gaps, *audience.gaps, *_left_out(audience), *(await _no_mail(parts, audience))]
    return await draw_up(parts, click, incident.conversation, make, lambda: audience.everybody, lambda: notes)


async def _incident(parts: Parts, click: Click) -> Incident:
    async with parts.database.read() as connection:
        incident = await store.get(connection, click.id.partition("/")[0])
    if not store.same_nonce(incident.nonce, click.nonce):
        raise BadInput(reason="stale-card")
    if incident.state is not IncidentState.OPEN:
        raise Conflict(reason="incident-closed")
    return incident


async def _traced(parts: Parts, incident: Incident) -> Traced:
    since = incident.opened_at - timedelta(days=parts.settings.look_back_days)
    return await traced(parts.database, parts.vault, parts.m365, incident, since)


def _chosen(found: Traced, which: str, keys: str) -> tuple[SentMessage, ...]:
    if which == _EVERYTHING:
        chosen = found.in_window()
    elif which == _TICKED:
        chosen = found.chosen(part.strip() for part in keys.split(","))
    else:
        raise BadInput(reason="unknown-choice")
    if not chosen:
        raise BadInput(reason="nothing-ticked")
    return chosen


def _lure(parts: Parts, account: Account, incident: Incident, chosen: Sequence[SentMessage]) -> Lure:
    sent = ((one.subject, one.at) for each in chosen for one in each.sent)
    return lure_of(account.mail or account.upn, (incident.subject.name,), sent, parts.now())


async def _audience(
    parts: Parts, incident: Incident, chosen: Sequence[SentMessage], add: Sequence[str], leave_out: Sequence[str]
) -> Warned:
    organisation = await parts.m365.directory.organization()
    async with parts.database.read() as connection:
        suspects = await store.open_subjects(connection)
    addresses = [address for each in chosen for address in each.recipients]
    return await warned(
        parts.m365,
        (*add, *addresses),
        own_domains=frozenset(domain.lower() for domain in organisation.domains),
        subject_id=incident.subject.object_id,
        suspects=suspects,
        leave_out=leave_out,
    )


def _left_out(audience: Warned) -> Iterable[str]:
    for why, number in sorted(audience.left_out.items()):
        yield f"{number:,} not warned: {why.value}"


async def _no_mail(parts: Parts, audience: Warned) -> tuple[str, ...]:
    """Said before it is asked for: without a mailbox to send from, nobody is reached by mail."""
    if not audience.outside:
        return ()
    try:
        await parts.mailing.sender()
    except IRBotError as error:
        return (f"Mail cannot be sent: {explain(error).what}",)
    return ()


def _only(given: str) -> Language | None:
    if given in {"", "own"}:
        return None
    if given not in set(Language):
        raise BadInput(reason="unknown-choice")
    return Language(given)


# -- the composer ----------------------------------------------------------------------------------------------------


def _composer(parts: Parts, incident: Incident, found: Traced) -> ComposerView:
    shown = found.messages[:_MOST_LISTED]
    window = found.in_window()
    everybody = len({address for each in window for address in each.recipients})
    since = "since somebody else got in" if found.since is not None else "in these days"
    button = Button("Draw it up…", Verb.WARN_PREVIEW, incident.id, incident.nonce, ButtonStyle.POSITIVE)
    return ComposerView(
        about=incident.label,
        title="Warn those who got the mail",
        intro="Choose the messages. You see who gets which words before anything is sent.",
        gaps=found.gaps,
        fields=(
            Field(
                "which",
                "choice",
                "Whom to warn",
                (
                    Choice(_TICKED, "Those who got the messages that are ticked"),
                    Choice(_EVERYTHING, f"Everybody who got mail {since}: {everybody:,} addresses"),
                ),
                _EVERYTHING if everybody and not any(each.suspicious for each in shown) else _TICKED,
                required="Choose whom to warn.",
            ),
            Field(
                "messages",
                "choices",
                "Messages",
                tuple(Choice(each.key, _line(each)) for each in shown),
                ",".join(each.key for each in shown if each.suspicious),
            ),
            Field(
                "leave_out", "text", "Leave out these addresses", folded=True, hint="one@contoso.com, two@contoso.com"
            ),
            Field("add", "text", "Warn these addresses as well", folded=True, hint="somebody@fabrikam.com"),
            *timing_fields(parts),
        ),
        buttons=(button,),
    )


def timing_fields(parts: Parts) -> tuple[Field, ...]:
    """Language, time and the first few: the same for warnings and lessons."""
    zone = parts.settings.time_zone
    languages = (Choice("own", "Everybody's own"), *(Choice(each.value, name) for each, name in NAMES.items()))
    first = (
        Choice("0", "To nobody: all at once"),
        Choice("5", "To 5 people"),
        Choice("10", "To 10 people"),
        Choice("50", "To 50 people"),
    )
    return (
        Field("language", "choice", "Language", languages, "own", folded=True),
        Field("date", "date", "Not before this day", folded=True),
        Field("time", "time", f"Not before this time ({zone})", folded=True),
        Field("canary", "choice", "First to a few, and to the others when you say so", first, "0", folded=True),
    )


def _line(each: SentMessage) -> str:
    number = len(each.recipients)
    when = f", {_stamp(each.first)}" if each.first is not None else ""
    return f"“{each.subject or '(no subject)'}” to {number:,} {'address' if number == 1 else 'addresses'}{when}"


def _stamp(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"
