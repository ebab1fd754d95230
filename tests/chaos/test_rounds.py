"""A short round inside this process; and what must hold after a round is noticed where it does not."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from services.database import tables
from services.database.schema import metadata
from simulator.stories import STORIES
from tests.chaos.books import Books, engine_of
from tests.chaos.harms import ERRORS, Engine, Harm, HarmKind, Round, Scene, drawn
from tests.chaos.inside import InsideBot
from tests.chaos.invariants import INVARIANTS, After
from tests.chaos.rounds import play

_ROUND = Round(
    0,
    "token-replay",
    Engine.SQLITE,
    (Scene.OPENING, Scene.LOCKING),
    (
        Harm(HarmKind.CLOCK_MOVES, Scene.OPENING, 0.5, 2, {"hours": 5}),
        Harm(HarmKind.CALL_FAILS, Scene.OPENING, 0, 0, {"service": "graph", "skip": 3, "times": 2, "error": "503"}),
        Harm(HarmKind.DATABASE_AWAY, Scene.LOCKING, 0, 1, {"file": "irbot"}),
        Harm(HarmKind.CALL_FAILS, Scene.LOCKING, 0, 0, {"service": "graph", "method": "PATCH", "error": "reset, done"}),
        Harm(HarmKind.CALL_FAILS, Scene.LOCKING, 0, 0, {"service": "connector", "method": "PUT", "error": "502"}),
    ),
)


async def test_a_story_survives_what_is_done_to_it_and_what_is_broken_afterwards_is_noticed() -> None:
    missed: list[str] = []

    def look(after: After) -> None:
        missed.extend(name for name, harm in _SABOTAGE.items() if not _is_noticed(after, name, harm))

    result = await play(_ROUND, InsideBot, look=look)
    assert result.broken == []
    assert missed == []


def test_a_seed_always_draws_the_same_round_and_ten_in_a_row_play_every_story() -> None:
    rounds = [drawn(seed) for seed in range(1, 101)]
    assert rounds == [drawn(seed) for seed in range(1, 101)]
    for first in range(0, 100, 10):
        assert {each.story for each in rounds[first : first + 10]} == set(STORIES)
    harms = [harm for each in rounds for harm in each.harms]
    assert {harm.kind for harm in harms} == set(HarmKind)
    assert {harm.how["error"] for harm in harms if harm.kind is HarmKind.CALL_FAILS} >= set(ERRORS) - {"400", "504"}
    assert any(each.at_once for each in rounds)
    assert {each.engine for each in rounds} == set(Engine)


def _is_noticed(after: After, name: str, sabotage: Callable[[After, sa.Connection], None]) -> bool:
    """Whether the function of that name notices what is broken now; it is put right again afterwards."""
    engine = engine_of(after.stage.database_url, after.stage.data_key)
    saved = after.books
    with engine.begin() as connection:
        for kind in ("update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER IF EXISTS timeline_no_{kind}"))
    try:
        with engine.connect() as connection:
            sabotage(after, connection)
            after.books = Books(
                {
                    table: list(connection.execute(sa.select(metadata.tables[table])).mappings())
                    for table in saved.tables
                }
            )
            return bool(list(INVARIANTS[name](after)))
    finally:
        after.books = saved


def _allow_sign_in(after: After, _connection: sa.Connection) -> None:
    after.story.account.properties["accountEnabled"] = True


def _touch_somebody_else(after: After, _connection: sa.Connection) -> None:
    after.stage.bench().user("adele").properties["accountEnabled"] = False


def _say_a_secret(after: After, _connection: sa.Connection) -> None:
    after.stage.bot.log.write_text(after.stage.sim.world.app_secret)


def _set(table: sa.Table, **values: object) -> Callable[[After, sa.Connection], None]:
    def change(_after: After, connection: sa.Connection) -> None:
        connection.execute(sa.update(table).values(**values))

    return change


# In this order: what is done to the tenant stays.
_SABOTAGE: dict[str, Callable[[After, sa.Connection], None]] = {
    "every_write_was_approved": _set(tables.step_runs, cause="nobody"),
    "approvals_are_used_once": _set(tables.approvals, state="waiting"),
    "every_step_ended_once": _set(tables.step_runs, state="running"),
    "nothing_hangs": _set(tables.requests, state="received"),
    "the_chain_is_whole": _set(tables.timeline, actor_id="somebody"),
    "evidence_can_be_read": _set(tables.evidence, sha256="0" * 64),
    "done_is_done": _allow_sign_in,
    "the_headline_is_true": _allow_sign_in,
    "nothing_else_was_changed": _touch_somebody_else,
    "no_secret_is_in_the_log": _say_a_secret,
}
