"""Setup: what is configured and from where, what an administrator adds here, and the word to all administrators."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from cards import setup_card, setup_news_card
from cards.setup_views import Removable, RemovalLine, SetField, SetLine, SetupNewsView, SetupView
from cards.views import Button, ButtonStyle, Tone
from dialogs.parts import Parts
from dialogs.turn import CardAnswer, Click, Message
from dialogs.verbs import Verb
from services.access import Permission, Role, what_it_allows
from services.channel import Actor, Card, Conversation, ConversationKind
from services.errors import BadInput, IRBotError
from services.organisation import FIELDS, PROTECTED, Entry, Kind, entries
from services.plain_words import explain
from services.setup import Action, LogLine, Removal, RemovalState, log_line, removal, waiting
from services.together import together

REMOVE = "who"
_FEW_APPROVERS = 2
_MOST_NAMED = 20  # of the people and groups in the environment: each is a look-up
_MOST_COUNTED = 100
_FROM_ENVIRONMENT = "From the environment"
_LISTS: Mapping[Kind, str] = {Kind.VIP: "VIP list", Kind.BREAK_GLASS: "break-glass list"}
_NAMES: Mapping[Kind, str] = {
    Kind.CHANNEL: "Incident channel",
    Kind.HELPDESK: "Helpdesk",
    Kind.TIME_ZONE: "Time zone",
    Kind.QUIET_HOURS: "Quiet hours",
}
_FIELDS = (
    (Kind.VIP, "VIPs to add", "megan@contoso.com, patti@contoso.com"),
    (Kind.BREAK_GLASS, "Break-glass accounts to add", "emergency@contoso.com"),
    (Kind.HELPDESK, "Whom people ask. Write none to take it away", "the helpdesk, extension 4000"),
    (Kind.TIME_ZONE, "Time zone. Write none to take it away", "Europe/Berlin"),
    (Kind.QUIET_HOURS, "Quiet hours. Write none to take them away", "22-06"),
)


async def command(parts: Parts, message: Message) -> Card:
    """The card, for administrators alone."""
    await parts.access.require(message.actor, Permission.ORGANISATION_SET, message.conversation)
    return setup_card(await _view(parts, message.actor, message.conversation))


async def show(parts: Parts, click: Click) -> CardAnswer:
    """The same card, by a button."""
    await parts.access.require(click.actor, Permission.ORGANISATION_SET, click.conversation)
    return CardAnswer(setup_card(await _view(parts, click.actor, click.conversation)))


async def save(parts: Parts, click: Click) -> CardAnswer:
    """Adds the people and sets the values that were written; all, or nothing."""
    written = {kind: click.inputs.get(kind.value, "") for kind, _, _ in _FIELDS}
    people = {kind: text for kind, text in written.items() if kind in PROTECTED and text.strip()}
    values = {kind: text for kind, text in written.items() if kind not in PROTECTED}
    done = await parts.setup.change(click.actor, click.conversation, people, values)
    return await _answer(parts, click, _done(done))


async def use_channel(parts: Parts, click: Click) -> CardAnswer:
    """Makes this channel the incident channel."""
    done = await parts.setup.use_channel(click.actor, click.conversation)
    await parts.triggers.seen(click.conversation)
    return await _answer(parts, click, _done(done))


async def remove(parts: Parts, click: Click) -> CardAnswer:
    """Asks another administrator to take somebody off a list."""
    kind, _, value = click.inputs.get(REMOVE, "").partition(":")
    if kind not in {each.value for each in PROTECTED}:
        raise BadInput(reason="unknown-choice")
    asked = await parts.setup.ask_removal(click.actor, click.conversation, Kind(kind), value)
    return await _answer(parts, click, f"Asked. {asked.shown} stays protected until another administrator agrees.")


async def approve(parts: Parts, click: Click) -> CardAnswer:
    """Takes somebody off a list, as the second person."""
    return await _decide(parts, click, approve=True)


async def refuse(parts: Parts, click: Click) -> CardAnswer:
    """Keeps somebody on a list."""
    return await _decide(parts, click, approve=False)


async def news(parts: Parts, key: str) -> Card:
    """The word about one change, as its post's key names it: `setup:{line}:{administrator}`."""
    _, line_id, reader = key.split(":", 2)
    async with parts.database.read() as connection:
        line = await log_line(connection, line_id)
        asked = await removal(connection, line.removal_id) if line.removal_id else None
    if line.action is not Action.REMOVAL_ASKED or asked is None:
        return setup_news_card(SetupNewsView("Setup changed", _sentence(line), line.by.name, line.at))
    if asked.state is not RemovalState.WAITING:
        decided = asked.decided_by.name if asked.decided_by else ""
        ended = "taken off" if asked.state is RemovalState.APPROVED else "kept on"
        text = f"{asked.shown} was {ended} the {_LISTS[asked.kind]} by {decided}."
        return setup_news_card(SetupNewsView("Decided", text, line.by.name, line.at))
    may = reader not in {asked.asked_by.object_id, asked.value}
    return setup_news_card(
        SetupNewsView(
            f"Take somebody off the {_LISTS[asked.kind]}?",
            f"{asked.shown} stays protected until another administrator agrees.",
            line.by.name,
            line.at,
            Tone.WARNING,
            _decisions(asked) if may else (),
        )
    )


async def home(parts: Parts, key: str) -> Conversation:
    """Where a new personal chat with an administrator is opened: where the one who made the change is met."""
    async with parts.database.read() as connection:
        line = await log_line(connection, key.split(":", 2)[1])
    person = await parts.people.get(line.by.object_id)
    if person is None:
        raise LookupError(key)
    return Conversation("", ConversationKind.PERSONAL, person.service_url, parts.settings.tenant_id)


async def undecided(parts: Parts, actor: Actor) -> tuple[RemovalLine, ...]:
    """The removals that wait for this administrator."""
    async with parts.database.read() as connection:
        asked = await waiting(connection, parts.now())
    return tuple(line for line in (_removal(each, actor) for each in asked) if line.buttons)


async def _decide(parts: Parts, click: Click, *, approve: bool) -> CardAnswer:
    decided = await parts.setup.decide(click.actor, click.conversation, click.id, click.nonce, approve=approve)
    ended = "taken off" if approve else "kept on"
    return await _answer(parts, click, f"{decided.shown} was {ended} the {_LISTS[decided.kind]}.")


async def _answer(parts: Parts, click: Click, notice: str) -> CardAnswer:
    return CardAnswer(setup_card(await _view(parts, click.actor, click.conversation, notice)))


def _done(lines: tuple[LogLine, ...]) -> str:
    return " ".join(map(_sentence, lines)) or "Nothing changed: it was so already."


def _sentence(line: LogLine) -> str:
    if line.kind in PROTECTED:
        words = {
            Action.ADDED: f"Added to the {_LISTS[line.kind]}: {line.shown}.",
            Action.REMOVED: f"Taken off the {_LISTS[line.kind]}: {line.shown}.",
            Action.REMOVAL_REFUSED: f"Kept on the {_LISTS[line.kind]}: {line.shown}.",
        }
        return words[line.action]
    name = _NAMES[line.kind]
    return f"{name} is now: {line.shown}." if line.action is Action.SET else f"{name} is no longer set here."


# -- the card --------------------------------------------------------------------------------------------------------


async def _view(parts: Parts, actor: Actor, where: Conversation, notice: str | None = None) -> SetupView:
    async with parts.database.read() as connection:
        found = await entries(connection)
        asked = await waiting(connection, parts.now())
    organisation = parts.setup.organisation
    roles, missing = await _roles(parts)
    people = [entry for entry in found if entry.kind in PROTECTED]
    nonce = uuid.uuid4().hex  # of this card: what is pressed on the next one is another request
    here = where.kind is ConversationKind.CHANNEL and not organisation.fixed(Kind.CHANNEL)
    return SetupView(
        missing=(*not_set_up(parts), *missing),
        lines=tuple(_line(parts, kind, found) for kind in _NAMES),
        protected=await _protected(parts, people),
        removals=tuple(_removal(each, actor) for each in asked),
        roles=roles,
        partners=tuple(f"{contact.name} ({contact.kind.value})" for contact in parts.contacts),
        fields=tuple(
            SetField(kind.value, label, hint, several=kind in PROTECTED)
            for kind, label, hint in _FIELDS
            if not organisation.fixed(kind)
        ),
        save=Button("Save", Verb.SETUP_SAVE.value, "setup", nonce, ButtonStyle.POSITIVE),
        channel=Button("Use this channel", Verb.SETUP_CHANNEL.value, "setup", nonce) if here else None,
        removable=tuple(
            Removable(f"{entry.kind.value}:{entry.value}", f"{entry.shown}, {_LISTS[entry.kind]}") for entry in people
        ),
        remove=Button("Ask to take off", Verb.SETUP_REMOVE.value, "setup", nonce, ButtonStyle.DESTRUCTIVE),
        remove_input=REMOVE,
        notice=notice,
    )


def _line(parts: Parts, kind: Kind, found: tuple[Entry, ...]) -> SetLine:
    value = str(getattr(parts.settings, FIELDS[kind])) or "none"
    if parts.setup.organisation.fixed(kind):
        return SetLine(_NAMES[kind], value, _FROM_ENVIRONMENT)
    entry = next((each for each in found if each.kind is kind), None)
    return SetLine(_NAMES[kind], value, f"Set here by {entry.by.name}" if entry else "Not set")


async def _protected(parts: Parts, people: list[Entry]) -> tuple[SetLine, ...]:
    environment = parts.setup.organisation.environment
    fixed = (
        ("VIP", environment.vip_users, _named),
        ("VIP group", environment.vip_groups, _counted),
        ("Break-glass", environment.break_glass_users, _named),
        ("Break-glass group", environment.break_glass_groups, _counted),
    )
    wanted = [(title, value, words) for title, values, words in fixed for value in values]
    shown = await together(*(words(parts, value) for _, value, words in wanted[:_MOST_NAMED]))
    rest = [value for _, value, _ in wanted[_MOST_NAMED:]]
    lines = [
        SetLine(title, value, _FROM_ENVIRONMENT) for (title, _, _), value in zip(wanted, [*shown, *rest], strict=True)
    ]
    titles = {Kind.VIP: "VIP", Kind.BREAK_GLASS: "Break-glass"}
    return (*lines, *(SetLine(titles[each.kind], each.shown, f"Added here by {each.by.name}") for each in people))


async def _named(parts: Parts, value: str) -> str:
    """Whom an id in the environment means; the id where nobody can be found."""
    try:
        account = await parts.m365.directory.account(value)
    except IRBotError as error:
        return f"{value}: {explain(error).what}"
    return f"{account.display_name} ({account.upn})"


async def _counted(parts: Parts, value: str) -> str:
    """A group by its id, with how many people are in it."""
    try:
        people = await parts.m365.directory.people_in(value, limit=_MOST_COUNTED)
    except IRBotError as error:
        return f"{value}: {explain(error).what}"
    count = "1 person" if len(people.accounts) == 1 else f"{len(people.accounts)} people"
    return f"{count if people.complete else f'more than {count}'}, in the group {value}"


def _removal(asked: Removal, actor: Actor) -> RemovalLine:
    may = actor.object_id not in {asked.asked_by.object_id, asked.value}
    what = f"Take {asked.shown} off the {_LISTS[asked.kind]}"
    return RemovalLine(what, asked.asked_by.name, asked.expires_at, _decisions(asked) if may else ())


def _decisions(asked: Removal) -> tuple[Button, ...]:
    return (
        Button("Take off the list", Verb.SETUP_APPROVE.value, asked.id, asked.nonce, ButtonStyle.DESTRUCTIVE),
        Button("Keep on the list", Verb.SETUP_REFUSE.value, asked.id, asked.nonce),
    )


def not_set_up(parts: Parts) -> tuple[str, ...]:
    """What an administrator has not set up, as far as that is known without asking Entra."""
    settings = parts.settings
    wanted = (
        (settings.incident_channel, "No incident channel: risks, alerts and reports reach nobody."),
        (settings.break_glass_users or settings.break_glass_groups, "No break-glass account is named."),
        (settings.helpdesk, "Warnings do not say whom people ask."),
        (settings.mail_from, "IRBot sends no mail: IRBOT_MAIL_FROM is not set."),
        (parts.contacts, "No partner contacts."),
    )
    return tuple(words for there, words in wanted if not there)


async def _roles(parts: Parts) -> tuple[tuple[SetLine, ...], tuple[str, ...]]:
    """How many people can act in each role; what could not be read is said, and is never taken for nobody."""
    lines, missing = [], []
    for role in (Role.RESPONDER, Role.APPROVER, Role.COMMUNICATOR, Role.ADMINISTRATOR):
        try:
            able, complete = await parts.access.able(role)
        except IRBotError as error:
            lines.append(SetLine(f"{role.value}s", "could not be counted", explain(error).what))
            continue
        count = f"{len(able)} can act" if complete or not able else f"at least {len(able)} can act"
        by_app_role = " Who holds the app role is not counted." if parts.settings.use_app_roles else ""
        lines.append(SetLine(f"{role.value}s", count, what_it_allows(role) + by_app_role))
        if parts.settings.use_app_roles:
            continue
        if not able:
            missing.append(f"Nobody can act as {role.value}.")
        elif role is Role.APPROVER and len(able) < _FEW_APPROVERS:
            missing.append("Only one person can approve: name a second one.")
        elif role is Role.ADMINISTRATOR and len(able) < _FEW_APPROVERS:
            missing.append("Only one administrator: nobody could agree to take somebody off a list.")
    return tuple(lines), tuple(missing)
