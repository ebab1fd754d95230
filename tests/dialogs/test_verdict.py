from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from cards.views import Button, ButtonStyle
from dialogs.facts import Viewer
from dialogs.render import incident_view
from dialogs.turn import CardAnswer, Click
from dialogs.turns import CARD_VERSION
from dialogs.verbs import Verb
from dialogs.verdict import show
from services.access import Permission
from services.approvals import PlanKind, plans_to_json
from services.channel import Actor
from services.database import Database, tables
from services.errors import BadInput, Conflict, NotAllowed
from services.incidents import store
from services.playbook.step import Change, Plan
from tests.dialogs.desk import DialogDesk
from tests.services.fakes import CHANNEL, actor

ALEX, ADELE, ZOE = (actor(name) for name in ("alex", "adele", "zoe"))
READ = Permission.INCIDENT_READ


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[DialogDesk]:
    """On one kind of database: what a verdict says does not depend on it."""
    database = await Database.open(f"sqlite:///{tmp_path / 'irbot.sqlite'}")
    yield await DialogDesk.start(database)
    await database.close()


async def _round(desk: DialogDesk, nonce: str, *, done: bool = True, plans: Mapping[str, Plan] | None = None) -> None:
    eviction = {"kind": PlanKind.EVICT.value, "steps": plans_to_json(dict(plans or {}))}
    async with desk.parts.database.write() as connection:
        await store.update(
            connection, desk.bench.incident_id, investigation={"nonce": nonce, "done": done}, eviction=eviction
        )


async def _press(desk: DialogDesk, nonce: str, by: Actor = ALEX) -> str:
    click = Click(by, CHANNEL, "a", Verb.VERDICT_SHOW, CARD_VERSION, desk.bench.incident_id, nonce)
    answer = await show(desk.parts, click)
    assert isinstance(answer, CardAnswer)
    return str(answer.card)


async def _posted(desk: DialogDesk) -> list[str]:
    async with desk.parts.database.read() as connection:
        rows = await connection.execute(sa.select(tables.posts.c.card).where(tables.posts.c.kind == "reply"))
        return [str(card) for card in rows.scalars()]


async def _buttons(desk: DialogDesk, *may: Permission) -> list[Button]:
    view = await incident_view(desk.parts, desk.bench.incident_id, viewer=Viewer(ALEX, frozenset(may)))
    return list(view.buttons)


async def test_the_verdict_goes_into_the_thread_and_the_headline_stays(desk: DialogDesk) -> None:
    await _round(desk, "one")
    assert "What happened?" in await _press(desk, "one")
    (card,) = await _posted(desk)
    assert "Nothing alarming was found where IRBot could look" in card
    assert "The account is not locked." in card


async def test_each_round_has_one_verdict_however_often_it_is_asked_for(desk: DialogDesk) -> None:
    await _round(desk, "one")
    for by in (ALEX, ALEX, ADELE):
        await _press(desk, "one", by)
    assert len(await _posted(desk)) == 1
    await _round(desk, "two")
    await _press(desk, "two")
    assert len(await _posted(desk)) == 2


async def test_a_button_of_an_older_round_is_refused(desk: DialogDesk) -> None:
    await _round(desk, "two")
    for nonce in ("one", "", "ünï", (await desk.bench.incident()).nonce):
        with pytest.raises(BadInput) as refused:
            await _press(desk, nonce)
        assert refused.value.data["reason"] == "stale-card"
    assert await _posted(desk) == []


async def test_there_is_no_verdict_before_the_round_is_done(desk: DialogDesk) -> None:
    await _round(desk, "one", done=False)
    with pytest.raises(Conflict):
        await _press(desk, "one")
    assert await _posted(desk) == []
    assert "What happened?" not in [button.title for button in await _buttons(desk, *Permission)]


async def test_only_who_may_read_incidents_gets_it(desk: DialogDesk) -> None:
    await _round(desk, "one")
    with pytest.raises(NotAllowed):
        await _press(desk, "one", ZOE)
    assert await _posted(desk) == []
    assert [button.title for button in await _buttons(desk)] == []
    assert [button.title for button in await _buttons(desk, READ)] == ["What happened?"]


async def test_it_stands_out_only_where_nothing_else_is_to_be_done(desk: DialogDesk) -> None:
    await _round(desk, "one")
    (styled,) = [b.title for b in await _buttons(desk, *Permission) if b.style is ButtonStyle.POSITIVE]
    assert styled == "What happened?"
    await desk.bench.locked()
    await _round(desk, "one")
    (styled,) = [b.title for b in await _buttons(desk, *Permission) if b.style is ButtonStyle.POSITIVE]
    assert styled == "Inform people"
    await _round(desk, "one", plans={"remove-inbox-rules": Plan((Change("a", "Rule “.”", "On", "Removed"),))})
    (styled,) = [b.title for b in await _buttons(desk, *Permission) if b.style is ButtonStyle.POSITIVE]
    assert styled == "Remove what they left…"
