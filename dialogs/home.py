"""A person's home: what waits for them and what they may do, in their own chat; and the word to a team that is joined.

Everything on it was filtered by what this person may see a moment ago. The buttons only show more; a decision is made
on the card that says exactly what would change.
"""

from __future__ import annotations

from collections.abc import Collection

from cards import approval_card, blast_card, home_card, incident_card, task_card, welcome_card
from cards.home_views import HomeLine, HomeView, WelcomeView
from cards.views import Button, ButtonStyle, CommandLine, Tone
from dialogs import setup
from dialogs.blast_view import blast_view, said_reach, target_of
from dialogs.commands import COMMANDS, CommandRow
from dialogs.facts import Viewer
from dialogs.parts import Parts
from dialogs.render import approval_view, incident_line, incident_view
from dialogs.tasks import view_of as task_view
from dialogs.turn import CardAnswer, Click, Message
from dialogs.verbs import Verb
from services import approvals, brake, tasks
from services.access import ONLY_IN_CHANNELS, Permission, Standing, what_it_allows
from services.approvals import ApprovalState
from services.blasts import rows
from services.blasts.model import BlastState
from services.blasts.reach import reach_of
from services.channel import Actor, Card, Conversation, ConversationKind
from services.errors import BadInput, NotAllowed
from services.incidents import store
from services.plain_words import explain
from services.playbook.step import Rule

_MOST = 8
_MOST_INCIDENTS = 5
_LOOK = "Look and decide…"
_APPROVAL, _BLAST, _INCIDENT, _TASK = "approval", "blast", "incident", "task"


async def command(parts: Parts, message: Message) -> Card:
    """The home of whoever wrote. It is theirs alone, so others never see it."""
    if message.conversation.kind is not ConversationKind.PERSONAL:
        raise NotAllowed(reason="only-in-personal-chat")
    return await home(parts, message.actor, message.conversation)


async def show(parts: Parts, click: Click) -> CardAnswer:
    """The same by a button, as it is now."""
    if click.conversation.kind is not ConversationKind.PERSONAL:
        raise NotAllowed(reason="only-in-personal-chat")
    return CardAnswer(await home(parts, click.actor, click.conversation))


async def home(
    parts: Parts, actor: Actor, where: Conversation, *, hello: bool = False, unknown: str | None = None
) -> Card:
    """What waits for this person. Who may do nothing reads why, and nothing else."""
    name = parts.settings.bot_name
    again = Button("Look again", Verb.HOME_SHOW, "home", store.new_nonce())
    try:
        standing = await parts.access.require(actor, Permission.SELF_READ, where)
    except NotAllowed:
        note = "I could not look up what you may do. Press Look again in a minute."
        return home_card(HomeView(name, hello=hello, unknown=unknown, note=note, buttons=(again,)))
    async with parts.database.read() as connection:
        is_subject = actor.object_id in await store.open_subjects(connection)
        stop = await brake.current(connection)
    if is_subject or not standing.roles:
        note = _why_nothing(parts, standing, is_subject=is_subject)
        return home_card(HomeView(name, hello=hello, unknown=unknown, note=note, commands=_commands(frozenset())))
    may = standing.permissions
    mine, untaken = await _tasks(parts, actor, may)
    incidents, more = await _incidents(parts, may)
    administers = Permission.ORGANISATION_SET in may
    set_up = Button("Set up…", Verb.SETUP_SHOW, "setup", store.new_nonce())
    return home_card(
        HomeView(
            bot_name=name,
            hello=hello,
            unknown=unknown,
            stopped=explain(stop.error()).what if stop else None,
            decisions=await _decisions(parts, actor, may),
            tasks=mine,
            untaken=untaken,
            incidents=incidents,
            more_incidents=more,
            missing=setup.not_set_up(parts) if administers else (),
            roles=tuple(f"{role.value}: {what_it_allows(role)}" for role in standing.roles),
            commands=_commands(may),
            buttons=(again, set_up) if administers else (again,),
        )
    )


async def open_one(parts: Parts, click: Click) -> CardAnswer:
    """One thing of the home, in its place. What it is about is checked as if it had been asked for by itself."""
    kind, _, target = click.id.partition("/")
    if kind == _APPROVAL:
        await _insist(parts, click, Permission.APPROVAL_DECIDE)
        return CardAnswer(approval_card(await approval_view(parts, target)))
    if kind == _BLAST:
        await _insist(parts, click, Permission.APPROVAL_DECIDE)
        return CardAnswer(blast_card(await blast_view(parts, target.partition("/")[0], personal=True)))
    if kind == _TASK:
        standing = await _insist(parts, click, Permission.INCIDENT_READ)
        viewer = Viewer(click.actor, standing.permissions - ONLY_IN_CHANNELS)
        notice = "It is ticked off where others see it: on its card in the incident's thread."
        return CardAnswer(task_card(await task_view(parts, target, viewer=viewer, notice=notice)))
    if kind == _INCIDENT:
        await _insist(parts, click, Permission.INCIDENT_READ)
        return CardAnswer(incident_card(await incident_view(parts, target, live=False)))
    raise BadInput(reason="unknown-button")


def welcome(parts: Parts) -> Card:
    """The word to a team. Everybody there reads it, so what is missing is left to administrators."""
    ready = not setup.not_set_up(parts)
    set_up = Button("Set up…", Verb.SETUP_SHOW, "setup", store.new_nonce())
    return welcome_card(WelcomeView(parts.settings.bot_name, ready=ready, buttons=() if ready else (set_up,)))


async def _insist(parts: Parts, click: Click, permission: Permission) -> Standing:
    """To look is harmless; whoever decides afterwards is asked again."""
    return await parts.access.require(click.actor, permission, click.conversation, harmless=True)


def _why_nothing(parts: Parts, standing: Standing, *, is_subject: bool) -> str:
    if is_subject:
        return "You are the subject of an open incident. Until it is closed you can do nothing here."
    if standing.account.is_guest:
        return "Guests have no role here, so there is nothing to do."
    helpdesk = parts.settings.helpdesk
    ask = f" Is something strange with your account or a mail? Ask {helpdesk}." if helpdesk else ""
    return f"You have no role here, so there is nothing to do. Warnings and lessons from IT come to this chat.{ask}"


def _commands(may: Collection[str]) -> tuple[CommandLine, ...]:
    """What this person may write, and where it works."""
    known = {*may, Permission.SELF_READ}
    return tuple(CommandLine(row.usage, _summary(row)) for row in COMMANDS if row.permission in known)


def _summary(row: CommandRow) -> str:
    return row.summary if ConversationKind.PERSONAL in row.where else f"{row.summary} In a team channel."


def _open(title: str, kind: str, target: str, style: ButtonStyle = ButtonStyle.DEFAULT) -> Button:
    return Button(title, Verb.HOME_OPEN, f"{kind}/{target}", store.new_nonce(), style)


async def _decisions(parts: Parts, actor: Actor, may: Collection[Permission]) -> tuple[HomeLine, ...]:
    """What waits for a second person and may be decided by this one."""
    lines: list[HomeLine] = []
    if Permission.APPROVAL_DECIDE in may:
        async with parts.database.read() as connection:
            waiting = [
                await approvals.get(connection, each)
                for each in await approvals.ids_in_state(connection, ApprovalState.WAITING)
            ]
            blasts = await rows.in_states(connection, {BlastState.WAITING})
            reach = {blast.id: await reach_of(connection, blast.id) for blast in blasts[:_MOST]}
        for approval in waiting:
            second = approval.rule is Rule.SECOND_PERSON and approval.requester.object_id != actor.object_id
            if not second or approval.expires_at <= parts.now():
                continue
            view = await approval_view(parts, approval.id)
            about = f"{view.incident_number} · asked for by {approval.requester.name}"
            button = _open(_LOOK, _APPROVAL, approval.id, ButtonStyle.POSITIVE)
            lines.append(
                HomeLine(view.approval.title, about, "valid until", approval.expires_at, Tone.ATTENTION, (button,))
            )
        for blast in blasts[:_MOST]:
            if blast.requester.object_id == actor.object_id:
                continue
            about = f"{said_reach(blast.kind, reach[blast.id])} · asked for by {blast.requester.name}"
            button = _open(_LOOK, _BLAST, target_of(blast), ButtonStyle.POSITIVE)
            lines.append(HomeLine(blast.title, about, "valid until", blast.expires_at, Tone.ATTENTION, (button,)))
    if Permission.ORGANISATION_SET in may:
        lines += [
            HomeLine(
                each.what, f"asked for by {each.asked_by}", "valid until", each.until, Tone.ATTENTION, each.buttons
            )
            for each in await setup.undecided(parts, actor)
        ]
    return tuple(lines[:_MOST])


async def _tasks(parts: Parts, actor: Actor, may: Collection[Permission]) -> tuple[tuple[HomeLine, ...], int]:
    """The open tasks that this person has taken, and how many more they could take."""
    if Permission.INCIDENT_READ not in may:
        return (), 0
    now = parts.now()
    async with parts.database.read() as connection:
        found = await tasks.open_tasks(connection)
        mine = [each for each in found if each.assignee and each.assignee.object_id == actor.object_id]
        labels = {
            each.incident_id: await store.get(connection, each.incident_id) for each in mine[:_MOST] if each.incident_id
        }
    lines = [
        HomeLine(
            title=task.title,
            about=f"{labels[task.incident_id].label} · {labels[task.incident_id].subject.name}"
            if task.incident_id
            else "For the whole organisation",
            time_word="overdue since" if task.due_at and task.due_at <= now else "due",
            at=task.due_at,
            tone=Tone.ATTENTION if task.due_at and task.due_at <= now else Tone.NEUTRAL,
            buttons=(_open("Show the task", _TASK, task.id),),
        )
        for task in mine[:_MOST]
    ]
    untaken = sum(each.assignee is None for each in found) if Permission.ACCOUNT_CONTAIN in may else 0
    return tuple(lines), untaken


async def _incidents(parts: Parts, may: Collection[Permission]) -> tuple[tuple[HomeLine, ...], int]:
    if Permission.INCIDENT_READ not in may:
        return (), 0
    async with parts.database.read() as connection:
        found, total = await store.all_open(connection, _MOST_INCIDENTS)
    lines = []
    for incident in found:
        line = await incident_line(parts, incident)
        button = _open("Show", _INCIDENT, incident.id)
        title = f"{line.number} · {line.subject}"
        lines.append(HomeLine(title, line.next_step, "opened", line.opened_at, line.tone, (button,)))
    return tuple(lines), total - len(found)
