"""The gate's and the watch's cards: what each person sees of them, and what the buttons do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dialogs import recover, watch
from dialogs.facts import Viewer
from dialogs.turn import CardAnswer, Click
from dialogs.verbs import Verb
from services.access import Permission
from services.database import Database, tables
from services.database.task_tables import gates
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store
from services.incidents.model import IncidentState
from services.playbook.gate import Seen, looked_at
from services.playbook.step import Severity, State
from services.playbook.watch_for_return import Picture, Remedy
from services.recovery import looks
from services.recovery.looks import Look, LookKind, LookState
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, actor

ALEX, ADELE = actor("alex"), actor("adele")
_PICTURE = Picture({}, {}, enabled=False, given_back=False).to_json()
_RULE = ["New inbox rule: “..”", Severity.ALARM.value, Remedy.EVICT.value]


async def click(desk: DialogDesk, verb: Verb, about: str, nonce: str, **inputs: str) -> Click:
    return Click(ALEX, CHANNEL, "activity", verb.value, 1, about, nonce, inputs)


async def kinds(desk: DialogDesk) -> list[str]:
    async with desk.parts.database.read() as connection:
        return list((await connection.execute(sa.select(tables.posts.c.kind))).scalars())


async def checked(desk: DialogDesk, **left: Seen) -> str:
    """The end of a check: nothing left but what is given; the nonce of the check."""
    incident = await desk.bench.incident()
    entry = await click(desk, Verb.GATE_SHOW, f"{incident.id}/re-enable", incident.nonce)
    await recover.show(desk.parts, entry)
    clean = Seen(State.ALREADY_SO.value, "")
    seen = dict.fromkeys(looked_at(mail_only=False), clean)
    seen |= {step_id.replace("_", "-"): each for step_id, each in left.items()}
    async with desk.parts.database.write() as connection:
        values = {"state": "looked", "looked": {key: each.to_json() for key, each in seen.items()}}
        await connection.execute(sa.update(gates).values(**values, looked_at=desk.bench.clock()))
        return str(await connection.scalar(sa.select(gates.c.nonce)))


async def test_the_first_press_looks_and_puts_one_card_into_the_thread(database: Database) -> None:
    desk = await DialogDesk.start(database)
    incident = await desk.bench.incident()
    entry = await click(desk, Verb.GATE_SHOW, f"{incident.id}/re-enable", incident.nonce)
    for _ in range(2):
        await recover.show(desk.parts, entry)
    assert (await kinds(desk)).count("gate") == 1
    assert [name for name, _ in desk.bench.durable.started].count("check-gate") == 1
    view = await recover.view_of(desk.parts, incident.id)
    assert view.looking
    assert view.buttons == ()
    with pytest.raises(BadInput):
        await recover.show(desk.parts, await click(desk, Verb.GATE_SHOW, f"{incident.id}/re-enable", "old"))


async def test_an_open_gate_offers_the_account_and_a_shut_one_a_waiver_to_approvers(database: Database) -> None:
    desk = await DialogDesk.start(database)
    await checked(desk)
    view = await recover.view_of(desk.parts, desk.bench.incident_id)
    assert view.buttons[0].title == "Give the account back…"
    assert view.line_input is None
    await database_left(desk)
    shut = await recover.view_of(desk.parts, desk.bench.incident_id)
    assert "Waive this line" in [button.title for button in shut.buttons]
    assert "Give the account back…" not in [button.title for button in shut.buttons]
    responder = Viewer(ALEX, frozenset({Permission.ACCOUNT_CONTAIN}))
    seen = await recover.view_of(desk.parts, desk.bench.incident_id, viewer=responder)
    assert seen.line_input is None
    assert [button.title for button in seen.buttons] == ["Check the gate"]


async def database_left(desk: DialogDesk) -> None:
    """Something is left."""
    async with desk.parts.database.write() as connection:
        looked: Mapping[str, Any] = (await connection.execute(sa.select(gates.c.looked))).scalar_one()
        left = {**looked, "remove-inbox-rules": Seen("left", "", ("Inbox rule “.”",)).to_json()}
        await connection.execute(sa.update(gates).values(looked=left))


async def test_nothing_is_asked_for_while_the_gate_is_shut_or_nothing_was_planned(database: Database) -> None:
    desk = await DialogDesk.start(database)
    nonce = await checked(desk)
    ask = await click(desk, Verb.GATE_ASK, desk.bench.incident_id, nonce)
    with pytest.raises(Conflict, match="nothing-to-give-back"):
        await recover.ask(desk.parts, ask)
    await database_left(desk)
    for verb, handler in ((Verb.GATE_ASK, recover.ask), (Verb.GATE_GIVE_BACK, recover.give_back)):
        with pytest.raises(Conflict, match="gate-not-open"):
            await handler(desk.parts, await click(desk, verb, desk.bench.incident_id, nonce))


# -- the watch ---------------------------------------------------------------------------------------------------------


async def looked(desk: DialogDesk, *news: list[str], unread: Mapping[str, str] | None = None) -> Look:
    """A watch that has looked once."""
    now = desk.bench.clock()
    due = [now, now + timedelta(hours=1), now + timedelta(hours=24)]
    async with desk.parts.database.write() as connection:
        await looks.begin(connection, desk.bench.incident_id, LookKind.RETURN, "cause", due)
        start, first, _ = await looks.of(connection, desk.bench.incident_id)
        await looks.end(connection, start, LookState.LOOKED, {"known": _PICTURE, "news": [], "unread": {}}, now)
        result = {"known": _PICTURE, "news": list(news), "unread": dict(unread or {})}
        await looks.end(connection, first, LookState.LOOKED, result, now + timedelta(hours=1))
        return await looks.get(connection, first.id)


async def test_the_card_of_the_watch_says_what_was_found_and_what_could_not_be_read(database: Database) -> None:
    desk = await DialogDesk.start(database)
    await looked(desk, unread={"sign-ins": "No licence."})
    view = await watch.view_of(desk.parts, desk.bench.incident_id)
    assert [line.text for line in view.looks] == [
        "Nothing new in what could be read",
        "The start: what was known then",
    ]
    assert view.unread == ("Sign-ins: No licence.",)
    assert view.next_at == desk.bench.clock() + timedelta(hours=24)
    assert [button.title for button in view.buttons] == ["Look now"]


async def test_before_anything_is_watched_there_is_no_card(database: Database) -> None:
    desk = await DialogDesk.start(database)
    incident = await desk.bench.incident()
    with pytest.raises(Conflict, match="nothing-to-watch"):
        await watch.show(desk.parts, await click(desk, Verb.WATCH_SHOW, incident.id, incident.nonce))
    assert "watch" not in await kinds(desk)


async def test_an_alarm_says_what_is_new_and_offers_what_helps_now(database: Database) -> None:
    desk = await DialogDesk.start(database)
    look = await looked(desk, _RULE)
    alarm = await watch.alarm_of(desk.parts, look.id)
    assert alarm.news[0].title == "New inbox rule: “..”"
    assert "looking at the account again" in alarm.next_step
    async with database.write() as connection:
        done = {"nonce": "round", "done": True}
        await store.update(connection, desk.bench.incident_id, investigation=done)
    assert [button.title for button in (await watch.alarm_of(desk.parts, look.id)).buttons] == ["Look again"]
    nobody = Viewer(actor("zoe"), frozenset())
    assert (await watch.alarm_of(desk.parts, look.id, viewer=nobody)).buttons == ()


async def test_sign_in_that_came_back_offers_the_lock_first(database: Database) -> None:
    desk = await DialogDesk.start(database)
    look = await looked(desk, ["Sign-in is allowed again", Severity.ALARM.value, Remedy.LOCK.value])
    await desk.bench.propose()
    alarm = await watch.alarm_of(desk.parts, look.id)
    assert alarm.buttons[0].title == "Lock account…"
    assert alarm.next_step.startswith("Lock the account again")


async def test_a_closed_incident_is_opened_again_from_the_alarm_by_who_may(database: Database) -> None:
    desk = await DialogDesk.start(database)
    look = await looked(desk, _RULE)
    async with database.write() as connection:
        await store.update(connection, desk.bench.incident_id, state=IncidentState.CLOSED.value)
    [button] = (await watch.alarm_of(desk.parts, look.id)).buttons
    assert button.title == "Open it again"
    wrong = Click(ADELE, CHANNEL, "activity", button.verb, 1, button.id, button.nonce, {})
    with pytest.raises(NotAllowed):
        await watch.reopen(desk.parts, wrong)
    with pytest.raises(BadInput):
        await watch.reopen(desk.parts, await click(desk, Verb.WATCH_REOPEN, button.id, "guessed"))
    answer = await watch.reopen(desk.parts, await click(desk, Verb.WATCH_REOPEN, button.id, button.nonce))
    assert isinstance(answer, CardAnswer)
    incident = await desk.bench.incident()
    assert incident.state is IncidentState.OPEN
