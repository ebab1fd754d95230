"""An administrator's account is locked, cleared, checked at the gate, waived, and given back; a pass is shown once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.reading import Shown
from tests.stories.steps import decide, looked, open_incident
from tests.stories.test_secrecy import found

_PATIENCE = 60.0
_BACK = "✓ Given back to its owner"


# What is logged at most must not hold the pass either; a bot that logs so much is slow.
@pytest.mark.thorough
@pytest.mark.parametrize("log_level", ["INFO", "DEBUG"])
async def test_an_account_comes_back_through_the_gate(log_level: str) -> None:
    config = SimulatorConfig(audit_query_seconds=0, stories=("global-administrator",))
    async with Bench.start(config, own_process=True, settings={"log_level": log_level}) as bench:
        isaiah = bench.user("isaiah")
        roles = bench.sim.world.tenant.active_roles(isaiah.id)
        protocols = deepcopy(exchange_of(bench.sim.world).mailbox("isaiah").cas)
        assert roles
        await _locked_and_cleared(bench)
        assert not bench.sim.world.tenant.active_roles(isaiah.id)
        assert exchange_of(bench.sim.world).mailbox("isaiah").cas != protocols

        gate = await _gate(bench)
        assert gate.has("The partner has been told · Not green")
        assert "Give the account back…" not in gate.buttons
        await _waive_all(bench)
        await bench.until_button("Give the account back…", by="alex", where="thread", timeout=_PATIENCE)

        await bench.click("Give the account back…", by="alex", where="thread")
        await bench.until_button("Ask for what is ticked…", by="alex", where="thread", timeout=_PATIENCE)
        await bench.click("Ask for what is ticked…", by="alex", where="thread")
        await bench.until_button("Approve", by="diego", where="personal", timeout=_PATIENCE)
        await bench.click("Approve", by="diego", where="personal")
        await bench.until_card(_BACK, by="alex", where="thread", timeout=_PATIENCE)

        assert isaiah.enabled
        assert bench.sim.world.tenant.active_roles(isaiah.id) == roles
        assert exchange_of(bench.sim.world).mailbox("isaiah").cas == protocols
        shown = await bench.until_card("For one sign-in, within 60 minutes", by="diego", where="personal")
        code = _code_in(shown)
        assert len(code) >= 8
        assert [each["@odata.type"] for each in isaiah.methods if "temporary" in each["@odata.type"]]
        await bench.settled(quiet=0.5)
        _is_nowhere_else(bench, code, shown.activity_id, log_level)


async def _locked_and_cleared(bench: Bench) -> None:
    await open_incident(bench, "isaiah@contoso.com")
    await bench.click("Lock account…", by="alex", where="thread")
    await decide(bench, "Lock now")
    await looked(bench)
    await bench.click("Remove what they left…", by="alex", where="thread")
    await bench.until_button("Remove what is ticked…", by="alex", where="thread")
    await bench.click("Remove what is ticked…", by="alex", where="thread")
    await decide(bench, "Remove now")
    await bench.until_button("Recover", by="alex", where="thread", timeout=_PATIENCE)


async def _gate(bench: Bench) -> Shown:
    """Opens the phase and the gate, and waits for the end of its first check."""
    await bench.click("Recover", by="alex", where="thread")
    await bench.until_button("Check the gate", by="alex", where="thread", timeout=_PATIENCE)
    await bench.click("Check the gate", by="alex", where="thread")
    return await bench.until(partial(_looked_at, bench), _PATIENCE, "the end of the gate's check")


async def _waive_all(bench: Bench) -> None:
    """The approver answers for one line after the other; each time another one is offered."""
    for left in range(_shut(bench), 0, -1):
        reason = {"reason": f"Looked at by hand, {left} to go."}
        await bench.click("Waive this line", by="adele", where="thread", inputs=reason)
        await bench.until(partial(_fewer, bench, left), _PATIENCE, "the waiver on the card")


def _looked_at(bench: Bench) -> Shown | None:
    gates = (shown for shown in bench.cards(by="alex", where="thread") if shown.has("Give the account back?"))
    return next((shown for shown in gates if shown.has("Looked at")), None)


def _shut(bench: Bench) -> int:
    """How many lines of the gate are shut, by its card."""
    gate = next(shown for shown in bench.cards(by="adele", where="thread") if shown.has("Give the account back?"))
    return sum(line.endswith("Not green") for line in gate.lines)


def _fewer(bench: Bench, than: int) -> bool:
    return _shut(bench) < than


def _code_in(shown: Shown) -> str:
    """The only run of text in the card that is set apart to be typed."""
    runs = [
        run["text"]
        for element in shown.json["body"]
        if element["type"] == "RichTextBlock"
        for run in element["inlines"]
        if run.get("fontType") == "monospace"
    ]
    assert len(runs) == 1
    return str(runs[0])


def _is_nowhere_else(bench: Bench, code: str, activity_id: str, log_level: str) -> None:
    places = dict(_places(bench, activity_id))
    assert (b"DEBUG" in places["bot.log"]) == (log_level == "DEBUG")
    assert found({"name": "Isaiah"}, places)  # the search can find
    assert found({"code": code}, places) == []


def _places(bench: Bench, activity_id: str) -> Iterator[tuple[str, bytes]]:
    """Every file of the bot and every message, but the one that shows the code."""
    folder: Path = bench.bot.folder
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
    for record in bench.teams.conversations:
        for post in record.posts:
            if post.activity_id != activity_id:
                seen = [post.activity, *post.history, *post.views.values()]
                yield f"post {post.activity_id}", json.dumps(seen, default=str, ensure_ascii=False).encode()
    for number, answer in enumerate(bench.teams.delivery.answers):
        yield f"answer {number}", answer.raw + json.dumps(answer.activity, ensure_ascii=False).encode()
