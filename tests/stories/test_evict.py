"""What the intruder left in mail goes, what is the owner's stays, and all of it can come back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest

from app import APPLICATION
from services.incidents import store
from services.incidents.model import Phase
from services.playbook import STEPS
from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.state import Mailbox
from simulator.stories import STORIES, evicted, harmed
from simulator.stories.story import Story
from tests.stories.steps import decide, open_incident
from tests.thorough import a_few

_PATIENCE_SECONDS = 60.0
_OURS = {
    "preserve-mail",
    "disable-mail-flow",
    "remove-delegates",
    "remove-forwarding",
    "remove-inbox-rules",
    "remove-mobile-partnerships",
    "switch-off-mail-protocols",
}
_EVICTIONS = [step.id for step in STEPS if step.phase is Phase.EVICT]
_TOLD = [story.id for story in STORIES.values() if any(each.evicted_by in _OURS for each in story.truth)]
_ALWAYS = {"invoice-fraud"}  # the most in one mailbox
# What every change moves, or what Exchange makes anew.
_MOVING = {"WhenChanged", "WhenChangedUTC", "LastModifiedBy", "id"}


@pytest.mark.parametrize("story_id", a_few(_TOLD, _ALWAYS.__contains__))
async def test_what_the_intruder_left_goes_early_and_the_undo_puts_it_back(story_id: str) -> None:
    story = STORIES[story_id]
    async with Bench.start(_config(story_id)) as bench:
        before = _picture(bench, story)
        ours = {each.item for each in story.truth if each.evicted_by in _OURS}
        assert ours <= set(evicted(story, bench.sim.world))

        await _lock(bench, bench.user(story.account).upn)
        # The sign-in log and the audit log are read for long; what is in the mailbox is known much sooner.
        await bench.until(partial(_proposed, bench, _OURS), _PATIENCE_SECONDS, "what of the mailbox can be removed")
        await _press(bench, "Remove what they left…")
        await _press(bench, "Remove what is ticked…", all_of_it=True)
        await decide(bench, "Remove now")
        await bench.until(
            lambda: not ours & set(evicted(story, bench.sim.world)), _PATIENCE_SECONDS, "the end of the eviction"
        )
        assert harmed(story, bench.sim.world) == []

        await _press(bench, "Undo…")
        await _press(bench, "Undo what is ticked…")
        await decide(bench, "Undo now")
        await bench.until(
            lambda: _picture(bench, story) == before or None, _PATIENCE_SECONDS, "the mailbox as it was before"
        )


async def test_a_clean_account_loses_nothing_unless_somebody_ticks_it() -> None:
    story = STORIES["clean"]
    async with Bench.start(_config(story.id)) as bench:
        await _lock(bench, bench.user(story.account).upn)
        await bench.until(partial(_proposed, bench, _EVICTIONS), _PATIENCE_SECONDS, "all that can be removed")
        await _press(bench, "Remove what they left…")
        card = await bench.until_button("Remove what is ticked…", by="alex", where="thread")
        for step_id in ("remove-inbox-rules", "remove-forwarding", "remove-delegates", "disable-mail-flow"):
            assert step_id not in card.inputs
        assert "remove-sign-in-methods" in card.inputs
        assert {str(each["value"]) for each in card.inputs.values()} == {""}
        assert "Remove all of it…" not in card.buttons
        refused = await bench.click("Remove what is ticked…", by="alex", where="thread")
        assert refused.has("You left everything unticked")


def _config(story_id: str) -> SimulatorConfig:
    return SimulatorConfig(audit_query_seconds=0, stories=(story_id,))


async def _proposed(bench: Bench, step_ids: Iterable[str]) -> bool:
    """Whether all of these steps have said what they would remove."""
    app = getattr(bench.bot, "app", None)
    assert app is not None, "the bot runs in this process"
    async with app[APPLICATION].parts.database.read() as connection:
        (incident,), _ = await store.all_open(connection, limit=1)
    return set(step_ids) <= set(incident.eviction.get("steps", {}))


async def _press(bench: Bench, title: str, *, all_of_it: bool = False) -> None:
    card = await bench.until_button(title, by="alex", where="thread", timeout=_PATIENCE_SECONDS)
    every = {name: ",".join(choice["value"] for choice in each["choices"]) for name, each in card.inputs.items()}
    await bench.click(title, by="alex", where="thread", inputs=every if all_of_it else {})


async def _lock(bench: Bench, account: str) -> None:
    await open_incident(bench, account)
    await bench.click("Lock account…", by="alex", where="thread")
    await decide(bench, "Lock now")


def _picture(bench: Bench, story: Story) -> str:
    """The mailbox and the mail flow, without what a thing that is made anew has of its own."""
    user = bench.user(story.account)
    exchange = exchange_of(bench.sim.world)
    held: Mailbox = exchange.mailbox(user.id)
    flow = exchange.organisation
    picture: dict[str, Any] = {
        "rules": sorted(_plain(_without_moving(_visible_and_hidden(user.rules, held))), key=str),
        "settings": _sorted(held.settings),
        "replies": user.mailbox_settings,
        "sweeps": held.sweep_rules,
        "access": sorted((each.user_id, each.rights) for each in held.full_access),
        "send-as": sorted((each.user_id, each.rights) for each in held.send_as),
        "folders": [sorted((each.user_id, each.rights) for each in folder.permissions) for folder in held.folders],
        "protocols": _sorted(held.cas),
        "flow": [_without_moving(rows) for rows in (flow.transport_rules, flow.inbound_connectors)],
    }
    # A moment may be written with fractions of a second or without.
    return json.dumps(picture, default=str, sort_keys=True).replace(".0000000", "")


def _visible_and_hidden(rules: list[dict[str, Any]], held: Mailbox) -> list[dict[str, Any]]:
    """What rules do: a hidden one comes back visible, and one without a name with one."""
    shown = [_deed(rule["displayName"], rule["actions"]) for rule in rules]
    return shown + [_deed(rule.name, rule.properties) for rule in held.rules]


def _deed(name: str, actions: dict[str, Any]) -> dict[str, Any]:
    named = name if name.strip() else "Restored rule"
    return {"name": named, "reads": bool(actions.get("markAsRead") or actions.get("MarkAsRead"))}


def _without_moving(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in _MOVING} for row in rows]


def _plain(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(row, default=str, sort_keys=True) for row in rows]


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    """Lists have no order, and an empty text is as good as none."""
    shown = {key: None if value == "" else value for key, value in values.items()}
    return {key: sorted(value) if isinstance(value, list) else value for key, value in shown.items()}
