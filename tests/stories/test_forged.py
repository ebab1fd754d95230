"""What only a forger, a stranger or a very late hand sends: refused in short words, logged, and nothing changes."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from app import APPLICATION
from services import logs
from simulator.bench import Aim, Bench
from simulator.channel.signing import Forgery
from simulator.faults import Fault, Kind
from tests.counting import BadRequests
from tests.stories.steps import LOCKED, ask, is_locked, open_incident, writes

Json = dict[str, Any]
Change = Callable[[Json], object]
OTHER_TENANT = "11111111-2222-3333-4444-555555555555"
NOBODYS_ID = "99999999-8888-7777-6666-555555555555"
_CORRELATION = re.compile(r"^[0-9a-f]{12}$")


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The bot's log, as it writes it."""
    root = logging.getLogger()
    level, handlers, written = root.level, list(root.handlers), io.StringIO()
    logs.configure("INFO", written)
    yield written
    root.setLevel(level)
    root.handlers[:] = handlers


def refusals(written: io.StringIO, *words: str) -> list[Json]:
    """The lines about a refusal that hold these words; each names the turn that it belongs to."""
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    found = [line for line in lines if "refused" in line["message"] and all(word in line["message"] for word in words)]
    assert all(_CORRELATION.match(line.get("correlation", "")) for line in found)
    return found


@pytest.fixture
async def asked(log_lines: io.StringIO) -> AsyncIterator[tuple[Bench, Aim]]:
    """Megan's lock is asked for, and the asker's finger is over the button."""
    async with Bench.start() as bench:
        await ask(bench, "megan@contoso.com")
        await bench.until_button("Lock now", by="alex", where="thread")
        yield bench, await bench.aim("Lock now", by="alex", where="thread")


async def _nothing_happened(bench: Bench) -> None:
    await bench.settled(quiet=0.4)
    assert writes(bench, "megan") == []
    assert bench.user("megan").enabled


def _set(**data: Any) -> Change:
    """Other card data; what is None is left out."""

    def change(action: Json) -> None:
        action["data"] = {name: value for name, value in {**action["data"], **data}.items() if value is not None}

    return change


def _act(**fields: Any) -> Change:
    """Another action; what is None is left out."""

    def change(action: Json) -> None:
        action.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del action[name]

    return change


_NO_REQUEST, _UNREADABLE, _UNKNOWN = "no request", "cannot be read", "do not know this button"
_NOT_OURS = "did not come from a card"
FORGED: list[tuple[Change, str, str]] = [
    (_set(id=NOBODYS_ID), _NO_REQUEST, "not-found"),
    (_set(id=""), _NO_REQUEST, "not-found"),
    (_set(id="' OR 1=1 --"), _NO_REQUEST, "not-found"),
    (_set(nonce="0" * 32), _NOT_OURS, "forged-card"),
    (_set(nonce=""), _NOT_OURS, "forged-card"),
    (_set(v=2), _UNKNOWN, "unknown-button"),
    (_set(v=-1), _UNKNOWN, "unknown-button"),
    (_set(v="1"), _UNREADABLE, "bad-version"),
    (_set(v=True), _UNREADABLE, "bad-version"),
    (_set(v=1.0), _UNREADABLE, "bad-version"),
    (_set(v=None), _UNREADABLE, "bad-version"),
    (_set(id=7), _UNREADABLE, "bad-id"),
    (_set(id=["a"]), _UNREADABLE, "bad-id"),
    (_set(id=None), _UNREADABLE, "bad-id"),
    (_set(id="x" * 5000), _UNREADABLE, "bad-id"),
    (_set(nonce={"a": 1}), _UNREADABLE, "bad-nonce"),
    (_set(nonce="a\u0000b"), _UNREADABLE, "bad-nonce"),
    (_set(nonce=None), _UNREADABLE, "bad-nonce"),
    (_set(step=["scramble-password"]), _UNREADABLE, "bad-input-value"),
    (_set(target={"id": NOBODYS_ID}), _UNREADABLE, "bad-input-value"),
    (_set(**{str(number): "x" for number in range(60)}), _UNREADABLE, "too-many-inputs"),
    (_set(note="x" * 5000), _UNREADABLE, "input-too-long"),
    (_act(verb="lock.without-asking"), _UNKNOWN, "unknown-button"),
    (_act(verb="__class__"), _UNKNOWN, "unknown-button"),
    (_act(verb=5), _UNREADABLE, "bad-verb"),
    (_act(verb=""), _UNREADABLE, "no-verb"),
    (_act(verb=None), _UNREADABLE, "bad-verb"),
    (_act(type="Action.Submit"), _UNREADABLE, "action-type"),
    (_act(data=None), _UNREADABLE, "no-data"),
    (_act(data="lock"), _UNREADABLE, "no-data"),
]


async def test_forged_card_data_is_refused(
    asked: tuple[Bench, Aim], log_lines: io.StringIO, bad_requests: BadRequests
) -> None:
    bench, aim = asked
    for change, words, logged in FORGED:
        forged = aim.but()
        change(forged.action)
        before = len(refusals(log_lines, logged))
        answer = await forged.press()
        bad_requests.refused(answer.has(words), (forged.action, answer.text))
        assert len(refusals(log_lines, logged)) == before + 1, forged.action
    await _nothing_happened(bench)


async def test_what_a_forger_adds_to_a_card_decides_nothing(asked: tuple[Bench, Aim]) -> None:
    bench, aim = asked
    joni = bench.user("joni").id
    forged = aim.but(target=joni, step="scramble-password", object_id=joni, rule="none", actor=joni)
    await forged.press()
    await bench.until_card(LOCKED, by="alex", where="thread")
    assert is_locked(bench.user("megan"))
    assert writes(bench, "joni") == []
    assert len(writes(bench, "megan")) == 3


async def test_a_stale_card_is_refused(bench: Bench, log_lines: io.StringIO) -> None:
    await open_incident(bench, "megan@contoso.com")
    old = await bench.aim("Lock account…", by="alex", where="thread")
    await bench.click("Lock account…", by="alex", where="thread")
    await bench.until_button("Cancel", by="alex", where="thread")
    await bench.click("Cancel", by="alex", where="thread")
    await bench.until_button("Lock account…", by="alex", where="thread")
    answer = await old.but().press()
    # The same press was made before: it asks for nothing anew, and shows the card as it is now.
    assert "Lock now" not in (answer.card.buttons if answer.card else [])
    await bench.settled(quiet=0.4)
    assert "Lock now" not in bench.card(by="alex", where="thread").buttons
    other = await old.but(by="diego").press()
    assert other.has("out of date"), other.text
    assert len(refusals(log_lines, "stale-card")) >= 1
    await _nothing_happened(bench)


async def test_an_approval_is_good_for_its_own_incident_once(bench: Bench, log_lines: io.StringIO) -> None:
    await ask(bench, "megan@contoso.com")
    await bench.until_button("Lock now", by="alex", where="thread")
    used = await bench.aim("Lock now", by="alex", where="thread")
    await used.press()
    await bench.until_card(LOCKED, by="alex", where="thread")
    await ask(bench, "joni@contoso.com")
    await bench.until_button("Lock now", by="alex", where="thread")
    other = await bench.aim("Lock now", by="alex", where="thread")
    before = len(writes(bench, "megan"))
    replayed = await other.but(**used.action["data"]).press()  # the old approval, pressed on the other card
    assert "Lock now" not in (replayed.card.buttons if replayed.card else [])
    by_another = await other.but(by="diego", **used.action["data"]).press()
    assert by_another.has("decided"), by_another.text
    mixed = await other.but(nonce=used.action["data"]["nonce"]).press()
    assert mixed.has("did not come from a card")
    await bench.settled(quiet=0.4)
    assert len(writes(bench, "megan")) == before
    assert writes(bench, "joni") == []
    assert len(refusals(log_lines, "approval-decided")) == len(refusals(log_lines, "forged-card")) == 1


STRANGERS: list[tuple[Change, int, str]] = [
    (lambda activity: activity["channelData"]["tenant"].update(id=OTHER_TENANT), 403, "other-tenant"),
    (lambda activity: activity["conversation"].update(tenantId=OTHER_TENANT), 403, "other-tenant"),
    (lambda activity: activity["from"].update(tenantId=OTHER_TENANT), 403, "other-tenant"),
    (lambda activity: activity["channelData"].pop("tenant"), 403, "no-tenant"),
    (lambda activity: activity["from"].pop("aadObjectId"), 403, "no-object-id"),
    (lambda activity: activity["from"].update(aadObjectId="00000000-0000-0000-0000-000000000000"), 403, "no-object-id"),
    (lambda activity: activity["from"].update(aadObjectId="alex@contoso.com"), 403, "no-object-id"),
    (lambda activity: activity["from"].update(aadObjectId=["a"]), 400, "bad-aad-object-id"),
    (lambda activity: activity.pop("from"), 400, "no-from"),
]


async def test_a_press_of_a_stranger_is_refused(
    asked: tuple[Bench, Aim], log_lines: io.StringIO, bad_requests: BadRequests
) -> None:
    bench, aim = asked
    for change, status, logged in STRANGERS:
        activity = bench.teams.press_activity(aim.post, aim.action, by=aim.by)
        change(activity)
        before = len(refusals(log_lines, logged))
        answer = await bench.teams.delivery.send(activity)
        assert (answer.status, answer.fault) == (200, "")
        bad_requests.refused(answer.body["statusCode"] == status, logged)
        assert 0 < len(answer.body["value"]["message"]) < 100
        assert len(refusals(log_lines, logged)) == before + 1
    await _nothing_happened(bench)


async def test_a_message_of_a_stranger_is_refused(
    bench: Bench, log_lines: io.StringIO, bad_requests: BadRequests
) -> None:
    said = await bench.say("compromise megan@contoso.com", by="alex", forgery=Forgery.NO_HEADER)
    assert said.answer.status == 401
    for change, status, logged in STRANGERS:
        activity = copy.deepcopy(said.activity)
        change(activity)
        before = len(refusals(log_lines, logged))
        answer = await bench.teams.delivery.send(activity)
        bad_requests.refused(answer.status == status, logged)
        assert answer.body["error"]["code"] == logged
        assert _CORRELATION.match(answer.body["error"]["correlationId"])
        assert len(refusals(log_lines, logged)) == before + 1
    await _nothing_happened(bench)
    assert bench.posts(by="alex", where="thread") == []


async def test_a_team_that_is_not_on_the_list_gets_a_no(log_lines: io.StringIO) -> None:
    async with Bench.start(settings={"allowed_teams": "19:another@thread.tacv2"}) as bench:
        said = await bench.say("compromise megan@contoso.com", by="alex")
        assert said.answer.status == 403
        await bench.until(lambda: bench.texts(by="alex", where="thread"), what="the words")
        assert "not set up for this team" in bench.texts(by="alex", where="thread")[0]
        assert len(refusals(log_lines, "team-not-allowed")) == 1
        await _nothing_happened(bench)


UNANSWERED = [
    {"status": 400, "code": "Request_BadRequest"},
    {"status": 401, "code": "InvalidAuthenticationToken"},
    {"status": 403, "code": "Authorization_RequestDenied"},
    {"status": 404, "code": "Request_ResourceNotFound"},
    {"status": 429, "code": "TooManyRequests", "retry_after": 0},
    {"status": 500, "code": "InternalServerError"},
    {"status": 503, "code": "serviceNotAvailable", "retry_after": 0},
    {"status": 504, "code": "timeout", "retry_after": 0},
    {"kind": Kind.HTML502},
]


async def _until_decided(bench: Bench) -> None:
    """A refusal is logged a moment before its request has ended, and a press until then joins that request."""
    requests = bench.bot.app[APPLICATION].parts.requests  # type: ignore[union-attr]

    async def decided() -> bool:
        return not await requests.unfinished()

    await bench.until(decided, 60, "the end of what was pressed")


async def test_a_role_that_cannot_be_looked_up_is_no_role(
    asked: tuple[Bench, Aim], log_lines: io.StringIO, bad_requests: BadRequests
) -> None:
    bench, aim = asked
    faults = bench.sim.world.faults
    for number, fault in enumerate(UNANSWERED, 1):
        faults.add(Fault(service="graph", path="checkMemberGroups", times=None, **fault))
        answer = await aim.press()
        assert answer.has("could not look up your roles") or answer.has("Working on it"), answer.text
        # A look-up is tried again before it is given up, which may take longer than the answer may.
        await _until_decided(bench)
        bad_requests.refused(len(refusals(log_lines, "role-check-failed")) == number, fault)
        faults.clear()
    await _nothing_happened(bench)
    # What is pressed after the fault is decided afresh.
    await aim.press()
    await bench.until_card(LOCKED, by="alex", where="thread")
    assert len(writes(bench, "megan")) == 3


async def test_a_press_joins_the_same_press_that_is_being_decided(
    asked: tuple[Bench, Aim], log_lines: io.StringIO
) -> None:
    bench, aim = asked
    bench.sim.world.faults.add(Fault(service="graph", path="checkMemberGroups", times=None, status=403))
    answers = await asyncio.gather(*(aim.but().press() for _ in range(5)))
    await _until_decided(bench)
    assert len(refusals(log_lines, "role-check-failed")) == 1
    assert all(answer.has("could not look up your roles") or answer.has("Working on it") for answer in answers)
    await _nothing_happened(bench)
