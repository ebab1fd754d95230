"""The watch for a return: its card, another look, and the alarm in the incident's thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cards import watch_card
from cards.views import AlarmView, Button, ButtonStyle, FindingLine, LookLine, Tone, WatchView
from dialogs import phases
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import person_of_subject
from dialogs.turn import Answer, CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.approvals import PlanKind, plans_from_json
from services.errors import BadInput, Conflict
from services.incidents import closing, store
from services.incidents.model import Incident, IncidentState
from services.playbook.step import Severity
from services.playbook.watch_for_return import Remedy
from services.posts import PostKind
from services.recovery import looks
from services.recovery.looks import Look, LookState

_TONES: Mapping[Severity, Tone] = {
    Severity.ALARM: Tone.ATTENTION,
    Severity.NOTE: Tone.NEUTRAL,
    Severity.WARNING: Tone.WARNING,
}
_AREA_WORDS: Mapping[str, str] = {
    "account": "The account",
    "activity": "What was done with the account",
    "consents": "App consents",
    "delegates": "Delegates",
    "forwarding": "Forwarding",
    "methods": "Sign-in methods",
    "rules": "Inbox rules",
    "sign-ins": "Sign-ins",
}
_SHOWN = frozenset({LookState.FAILED, LookState.LOOKED, LookState.LOOKING, LookState.MISSED})


async def show(parts: Parts, click: Click) -> Answer:
    """Puts the watch's card into the thread."""
    incident_id = click.id.partition("/")[0]
    standing = await parts.access.require(click.actor, Permission.INCIDENT_READ, click.conversation)
    async with parts.database.write() as connection:
        incident = await store.get(connection, incident_id)
        if not store.same_nonce(incident.nonce, click.nonce):
            raise BadInput(reason="stale-card")
        mine = await looks.of(connection, incident_id)
        if not mine:
            raise Conflict(reason="nothing-to-watch")
        await parts.posts.want_in_thread(
            connection, incident, f"watch:{incident_id}:{mine[-1].cause}", PostKind.WATCH, parts.now(), "the watch"
        )
    viewer = Viewer(click.actor, standing.permissions)
    shown = await phases.shown(parts, click.id, viewer=viewer, notice="The card of the watch stands in this thread.")
    return shown or CardAnswer(watch_card(await view_of(parts, incident_id, viewer=viewer)))


async def look(parts: Parts, click: Click) -> Answer:
    """Looks once more, at once."""
    await parts.watch.look_now(click.id, click.nonce, click.actor, click.conversation)
    return CardAnswer(watch_card(await view_of(parts, click.id, notice="IRBot is looking.")))


async def reopen(parts: Parts, click: Click) -> Answer:
    """Opens the closed incident again, because something came back; IRBot looks at the account anew."""
    await parts.access.require(click.actor, Permission.INCIDENT_OPEN, click.conversation)
    async with parts.database.read() as connection:
        found = await looks.get(connection, click.id)
    if not store.same_nonce(found.nonce, click.nonce):
        raise BadInput(reason="forged-card")
    incident = await closing.reopen(parts.database, found.incident_id, click.actor, parts.now())
    await parts.preparation.start(incident)
    parts.posts.changed.set()
    return CardAnswer(watch_card(await view_of(parts, incident.id, notice="Open again. Go on in its thread.")))


# -- the card --------------------------------------------------------------------------------------------------------


async def view_of(
    parts: Parts, incident_id: str, *, viewer: Viewer | None = None, notice: str | None = None
) -> WatchView:
    """The watch as it stands. `viewer` None draws it for everybody."""
    async with parts.database.read() as connection:
        incident = await store.get(connection, incident_id)
        every = [each for each in await looks.of(connection, incident_id) if each.state is not LookState.CANCELLED]
    waiting = [each for each in every if each.state is LookState.WAITING and each.number > 0]
    past = [each for each in reversed(every) if each.state in _SHOWN]
    last = next((each for each in past if each.state in {LookState.LOOKED, LookState.FAILED}), None)
    may = viewer.permissions if viewer else frozenset(Permission)
    idle = bool(every) and not any(each.state is LookState.LOOKING for each in every)
    buttons: tuple[Button, ...] = ()
    if Permission.ACCOUNT_CONTAIN in may and idle and incident.state is IncidentState.OPEN:
        buttons = (Button("Look now", Verb.WATCH_LOOK.value, incident.id, (past or every)[0].nonce),)
    return WatchView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        until=max((each.due_at for each in waiting), default=None),
        next_at=min((each.due_at for each in waiting), default=None),
        looks=tuple(_look(each) for each in past),
        unread=_unread(last.result) if last else (),
        tone=Tone.ATTENTION if last is not None and last.result.get("news") else Tone.NEUTRAL,
        buttons=buttons,
        notice=notice,
    )


def _look(look: Look) -> LookLine:
    at = look.looked_at or look.due_at
    if look.state is LookState.LOOKING:
        return LookLine(at, "Looking now", Tone.NEUTRAL)
    if look.state is LookState.MISSED:
        return LookLine(at, "Left out: IRBot was not running, and a later look took its place", Tone.WARNING)
    if look.state is LookState.FAILED:
        return LookLine(at, "Could not look", Tone.WARNING)
    news = look.result.get("news") or ()
    if news:
        return LookLine(at, "1 thing is new" if len(news) == 1 else f"{len(news)} things are new", Tone.ATTENTION)
    if look.number == 0:
        return LookLine(at, "The start: what was known then", Tone.NEUTRAL)
    if look.result.get("unread"):
        return LookLine(at, "Nothing new in what could be read", Tone.WARNING)
    return LookLine(at, "Nothing new", Tone.GOOD)


def _unread(result: Mapping[str, Any]) -> tuple[str, ...]:
    unread: Mapping[str, str] = result.get("unread") or {}
    return tuple(f"{_AREA_WORDS.get(area, area)}: {reason}" for area, reason in unread.items())


# -- the alarm -------------------------------------------------------------------------------------------------------


async def alarm_of(parts: Parts, look_id: str, *, viewer: Viewer | None = None, notice: str | None = None) -> AlarmView:
    """The alarm of one look, with the buttons that help as things are now."""
    async with parts.database.read() as connection:
        look = await looks.get(connection, look_id)
        incident = await store.get(connection, look.incident_id)
    news = [(str(title), Severity(severity), Remedy(remedy)) for title, severity, remedy in look.result["news"]]
    lines = tuple(FindingLine(severity.value, _TONES[severity], title) for title, severity, _ in news)
    remedies = {remedy for _, _, remedy in news}
    may = viewer.permissions if viewer else frozenset(Permission)
    buttons, next_step = _answer(incident, look, remedies, may)
    return AlarmView(
        incident_number=incident.label,
        subject=person_of_subject(incident.subject),
        at=look.looked_at or look.due_at,
        news=lines,
        next_step=next_step,
        tone=max((line.tone for line in lines), key=_loudness, default=Tone.WARNING),
        unread=_unread(look.result),
        buttons=tuple(buttons),
        notice=notice,
    )


def _loudness(tone: Tone) -> int:
    return [Tone.NEUTRAL, Tone.GOOD, Tone.WARNING, Tone.ATTENTION].index(tone)


def _answer(
    incident: Incident, look: Look, remedies: set[Remedy], may: frozenset[Permission]
) -> tuple[Sequence[Button], str]:
    """What can be done now, and in words what should be."""
    if incident.state is not IncidentState.OPEN:
        buttons = [Button("Open it again", Verb.WATCH_REOPEN.value, look.id, look.nonce, ButtonStyle.POSITIVE)]
        allowed = Permission.INCIDENT_OPEN in may
        return buttons if allowed else (), "Open the incident again: IRBot looks at the account anew."
    contain = Permission.ACCOUNT_CONTAIN in may
    lockable = incident.plan.get("kind") == PlanKind.LOCK
    done = bool(incident.investigation.get("done"))
    removable = done and any(plan.changes for plan in plans_from_json(incident.eviction.get("steps", {})).values())
    given: list[Button] = []
    if Remedy.LOCK in remedies and lockable:
        given.append(Button("Lock account…", Verb.LOCK_ASK.value, incident.id, incident.nonce, ButtonStyle.POSITIVE))
    if removable:
        style = ButtonStyle.DEFAULT if given else ButtonStyle.POSITIVE
        given.append(Button("Remove what they left…", Verb.EVICT_REVIEW.value, incident.id, incident.nonce, style))
    if done:
        nonce = str(incident.investigation["nonce"])
        given.append(Button("Look again", Verb.LOOK_AGAIN.value, incident.id, nonce))
    return given if contain else (), _words(remedies, done=done, lockable=lockable)


def _words(remedies: Iterable[Remedy], *, done: bool, lockable: bool) -> str:
    if Remedy.LOCK in remedies and lockable:
        return "Lock the account again, then look at what else is new."
    if not done:
        return "IRBot is looking at the account again. What can be removed comes next."
    if Remedy.EVICT in remedies:
        return "Ask the owner whether it is theirs. If not, remove it."
    return "Read what is new. If it was the intruder, lock the account and remove what they left."
