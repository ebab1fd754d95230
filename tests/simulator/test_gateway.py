"""Faults, latency and the record, on the wire."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

import aiohttp
import pytest

from simulator.faults import Fault, Kind, When
from simulator.server import Simulator
from simulator.tokens import Audience

MEGAN = "/graph/v1.0/users/megan@contoso.com"


async def ask(sim: Simulator, method: str = "PATCH", path: str = MEGAN, body: Any = None) -> tuple[int, str, Any]:
    """One request with IRBot's token: status, text, headers."""
    token = sim.world.tokens.issue(sim.world.bot, Audience.GRAPH)
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.request(
            method,
            sim.url + path,
            json={"accountEnabled": False} if method == "PATCH" and body is None else body,
            timeout=aiohttp.ClientTimeout(total=5),
        ) as answer,
    ):
        return answer.status, await answer.text(), answer.headers


async def test_an_error_instead_of_the_effect(sim: Simulator) -> None:
    fault = Fault(service="graph", method="PATCH", path="users/", status=503, code="serviceNotAvailable", retry_after=4)
    sim.world.faults.add(fault)
    status, text, headers = await ask(sim)
    assert (status, headers["Retry-After"]) == (503, "4")
    assert json.loads(text)["error"]["code"] == "serviceNotAvailable"
    assert sim.world.tenant.user("megan").enabled
    [entry] = sim.world.journal
    assert (entry.status, entry.carried_out) == (503, False)
    assert (await ask(sim))[0] == 204


async def test_an_error_after_the_effect(sim: Simulator) -> None:
    sim.world.faults.add(Fault(service="graph", when=When.AFTER, status=504, code="UnknownError"))
    assert (await ask(sim))[0] == 504
    assert not sim.world.tenant.user("megan").enabled
    [entry] = sim.world.journal
    assert (entry.status, entry.carried_out) == (504, True)


async def test_a_gateway_page(sim: Simulator) -> None:
    sim.world.faults.add(Fault(kind=Kind.HTML502))
    status, text, headers = await ask(sim)
    assert status == 502
    assert text.startswith("<html>")
    assert headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("when", list(When))
async def test_a_dropped_connection(sim: Simulator, when: When) -> None:
    sim.world.faults.add(Fault(service="graph", kind=Kind.DROP, when=when))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(sim)
    assert sim.world.tenant.user("megan").enabled is (when is When.BEFORE)
    [entry] = sim.world.journal
    assert (entry.status, entry.outcome, entry.carried_out) == (None, "no answer", when is When.AFTER)


@pytest.mark.parametrize(("method", "problem"), [("GET", aiohttp.ClientPayloadError), ("PATCH", aiohttp.ClientError)])
async def test_half_an_answer(sim: Simulator, method: str, problem: type[Exception]) -> None:
    sim.world.faults.add(Fault(service="graph", kind=Kind.HALF))
    with pytest.raises(problem):
        await ask(sim, method)
    assert sim.world.tenant.user("megan").enabled is (method == "GET")
    [entry] = sim.world.journal
    assert (entry.status, entry.outcome, entry.carried_out) == (None, "no answer", True)


async def test_a_hanging_request_ends_when_the_client_gives_up(sim: Simulator) -> None:
    sim.world.faults.add(Fault(service="graph", kind=Kind.HANG))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ask(sim), 0.3)
    for _ in range(40):
        [entry] = sim.world.journal
        if entry.outcome == "no answer":
            break
        await asyncio.sleep(0.05)
    assert entry.outcome == "no answer"
    assert sim.world.tenant.user("megan").enabled


async def test_a_delay_goes_on_to_the_effect(sim: Simulator) -> None:
    sim.world.faults.add(Fault(service="graph", kind=Kind.DELAY, delay_seconds=0.2))
    assert (await ask(sim))[0] == 204
    [entry] = sim.world.journal
    assert entry.duration_seconds is not None
    assert entry.duration_seconds >= 0.2


@pytest.mark.parametrize("when", list(When))
async def test_the_client_is_killed_before_or_after_the_effect(sim: Simulator, when: When) -> None:
    token = sim.world.tokens.issue(sim.world.bot, Audience.GRAPH)
    script = (
        "import sys, urllib.request as u\n"
        "sys.stdin.readline()\n"
        f"r = u.Request({sim.url + MEGAN!r}, b'{{\"accountEnabled\": false}}', method='PATCH',"
        f" headers={{'Authorization': 'Bearer {token}', 'Content-Type': 'application/json'}})\n"
        "u.urlopen(r, timeout=10)\n"
    )
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    sim.world.faults.add(Fault(service="graph", kind=Kind.KILL, when=when, pid=client.pid))
    await client.communicate(b"go\n")
    assert client.returncode == -signal.SIGKILL
    assert sim.world.tenant.user("megan").enabled is (when is When.BEFORE)
    [entry] = sim.world.journal
    assert entry.outcome == "killed the client"


async def test_faults_wait_their_turn_and_end(sim: Simulator) -> None:
    sim.world.faults.add(Fault(service="graph", method="GET", skip=1, times=2, status=500, code="generalException"))
    statuses = [(await ask(sim, "GET"))[0] for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]
    lasting = sim.world.faults.add(Fault(path="alex", times=None, status=500))
    assert [(await ask(sim, "GET", MEGAN.replace("megan", "alex")))[0] for _ in range(3)] == [500] * 3
    assert (await ask(sim, "GET"))[0] == 200
    assert sim.world.faults.remove(lasting.id)
    assert not sim.world.faults.remove(lasting.id)
    assert (await ask(sim, "GET", MEGAN.replace("megan", "alex")))[0] == 200


def test_senseless_faults_are_refused() -> None:
    with pytest.raises(ValueError, match="pid"):
        Fault(kind=Kind.KILL)
    with pytest.raises(ValueError, match="times"):
        Fault(times=0)
    with pytest.raises(ValueError, match="explode"):
        Fault(kind="explode")  # type: ignore[arg-type]  # what a control call may send


async def test_latency_is_chosen_by_profile_and_by_operation(sim: Simulator) -> None:
    latency = sim.world.latency
    assert latency.seconds("graph", "/x", write=True) == 0
    latency.choose("realistic")
    writes = [latency.seconds("graph", "/x", write=True) for _ in range(50)]
    assert all(0.15 <= seconds <= 0.40 for seconds in writes)
    assert len(set(writes)) > 40
    assert all(0.08 <= latency.seconds("graph", "/x", write=False) <= 0.25 for _ in range(50))
    latency.choose("slow:20")
    assert latency.seconds("graph", "/x", write=False) == 20
    assert latency.seconds("connector", "/x", write=True) == 0
    latency.slow_down("graph", "revoke", 3)
    assert latency.seconds("graph", "/users/x/revokeSignInSessions", write=True) == 3
    for name in ("quick", "slow:-1", "slow:x"):
        with pytest.raises(ValueError):  # noqa: PT011  # the words come from float() for one of them
            latency.choose(name)


async def test_no_secret_reaches_the_record(sim: Simulator) -> None:
    body = {
        "passwordProfile": {"password": "Vx4!qqLmTr92#zzK"},
        "newPassword": "Vx4!qqLmTr92#zzK",
        "note": "Bearer abc.def",
        "list": [{"client_secret": "s3cret"}],
    }
    await ask(sim, "PATCH", MEGAN + "?access_token=abc", body)
    token = sim.world.tokens.issue(sim.world.bot, Audience.GRAPH)
    await ask(sim, "GET", f"/graph/v1.0/users/{token}")
    text = json.dumps([entry.to_json() for entry in sim.world.journal])
    for secret in ("Vx4!", "s3cret", "abc.def", token):
        assert secret not in text


async def test_a_body_that_is_not_json_is_only_measured(sim: Simulator) -> None:
    token = sim.world.tokens.issue(sim.world.bot, Audience.GRAPH)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session, session.patch(sim.url + MEGAN, data=b"{x") as answer:
        assert answer.status == 400
    [entry] = sim.world.journal
    assert entry.body == "(2 bytes of application/json)"
