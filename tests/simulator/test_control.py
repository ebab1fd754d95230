"""The control API: what a demo, a drill or a person at the keyboard may turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator.server import Simulator


class Control:
    """Calls /_control."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.sim.url}/_control{path}", json=body) as answer:
            kind = answer.headers.get("Content-Type", "")
            return answer.status, await answer.json() if "json" in kind else await answer.text()


@pytest.fixture
async def control(sim: Simulator) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession() as session:
        yield Control(sim, session)


async def test_the_tenant_is_told_again_only_when_it_changed(sim: Simulator, control: Control) -> None:
    status, tenant = await control("GET", "/tenant")
    assert (status, tenant["count"], len(tenant["people"])) == (200, 60, 60)
    assert (await control("GET", f"/tenant?since={tenant['version']}"))[0] == 204
    sim.world.tenant.change(sim.world.tenant.user("lynne"), {"jobTitle": "x"}, "t")
    status, tenant = await control("GET", f"/tenant?since={tenant['version']}")
    assert tenant["people"][0]["name"] == "Lynne Robbins"
    assert tenant["changes"][-1]["property"] == "jobTitle"
    _, found = await control("GET", "/tenant?q=joni&limit=1")
    assert [person["upn"] for person in found["people"]] == ["joni@contoso.com"]
    assert (await control("GET", "/tenant?limit=0"))[0] == 400


async def test_a_person_in_full(sim: Simulator, control: Control) -> None:
    sim.world.inbox.add(sim.world.tenant.user("megan").id, "card", {"text": "hello"})
    status, person = await control("GET", "/users/megan@contoso.com")
    assert status == 200
    assert person["enabled"] is True
    assert person["groups"] == ["Finance"]
    assert any(session["intruder"] for session in person["sessions"])
    assert person["inbox"][0]["content"]["text"] == "hello"
    assert (await control("GET", "/users/nobody"))[0] == 404


async def test_an_intruder_tries_to_sign_in(sim: Simulator, control: Control) -> None:
    assert (await control("POST", "/users/megan/sign-in?intruder=true"))[1]["signed_in"] is True
    sim.world.tenant.change(sim.world.tenant.user("megan"), {"accountEnabled": False}, "t")
    assert (await control("POST", "/users/megan/sign-in?intruder=true"))[1]["signed_in"] is False


async def test_faults_are_set_listed_and_taken_back(control: Control) -> None:
    fault = {"service": "graph", "method": "PATCH", "path": "users", "status": 503, "times": None}
    status, answer = await control("POST", "/faults", fault)
    assert status == 200
    assert [row["id"] for row in (await control("GET", "/faults"))[1]["faults"]] == [answer["id"]]
    assert (await control("DELETE", f"/faults/{answer['id']}"))[0] == 200
    assert (await control("DELETE", f"/faults/{answer['id']}"))[0] == 404
    await control("POST", "/faults", fault)
    await control("DELETE", "/faults")
    assert (await control("GET", "/faults"))[1]["faults"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"colour": "red"}),
        ("/faults", {"id": 7}),
        ("/faults", {"kind": "explode"}),
        ("/faults", {"path": "("}),
        ("/faults", []),
        ("/latency", {"profile": "quick"}),
        ("/latency", {"path": "x"}),
        ("/latency", {"speed": 1}),
        ("/clock", {"seconds": -1}),
        ("/clock", {"seconds": "soon"}),
        ("/clock", {"seconds": 1e30}),
        ("/knobs", {"synced_write": "maybe"}),
        ("/knobs", {"replication_seconds": "x"}),
        ("/knobs", {"colour": "red"}),
        ("/permissions", {"add": ["Everything.ReadWrite"]}),
        ("/permissions", {"add": "User.Read.All"}),
        ("/licences", {"licences": ["GOLD"]}),
    ],
)
async def test_senseless_requests_are_refused(control: Control, path: str, body: Any) -> None:
    assert (await control("POST", path, body))[0] == 400


async def test_pages_from_elsewhere_turn_nothing(sim: Simulator, control: Control) -> None:
    url = f"{sim.url}/_control/clock"
    for origin, status in (("https://evil.example", 403), ("null", 403), (sim.url, 200)):
        async with control.session.post(url, json={"seconds": 1}, headers={"Origin": origin}) as answer:
            assert answer.status == status


async def test_knobs_turn(sim: Simulator, control: Control) -> None:
    world = sim.world
    assert (await control("POST", "/latency", {"profile": "slow:3"}))[1]["profile"] == "slow:3"
    assert world.latency.seconds("graph", "/x", write=False) == 3
    before = world.clock.now()
    await control("POST", "/clock", {"seconds": 7200})
    assert (world.clock.now() - before).total_seconds() >= 7200
    knobs = {"synced_write": "accepted", "throttling": True, "replication_seconds": 2}
    assert (await control("POST", "/knobs", knobs))[0] == 200
    assert (world.synced_write, world.throttling, world.tenant.replication_seconds) == ("accepted", True, 2.0)
    held = (await control("POST", "/permissions", {"remove": ["User.Read.All"], "add": ["User.ReadWrite.All"]}))[1]
    assert "User.Read.All" not in held["permissions"]
    assert "User.ReadWrite.All" in world.bot.permissions
    await control("POST", "/licences", {"licences": ["SPB"]})
    assert world.tenant.licences == {"SPB"}
    assert (await control("POST", "/sync"))[1]["flowed_back"] == []
    assert (await control("POST", "/reset"))[0] == 200
    assert world.tenant.licences == {"SPE_E5"}
    assert world.latency.name == "none"
    assert not world.throttling


async def test_the_journal_and_the_changes_are_readable(sim: Simulator, control: Control) -> None:
    async with control.session.get(f"{sim.url}/graph/v1.0/users") as answer:
        assert answer.status == 401
    entries = (await control("GET", "/journal?service=graph"))[1]["entries"]
    assert [(entry["path"], entry["status"]) for entry in entries] == [("/graph/v1.0/users", 401)]
    assert (await control("GET", "/journal?method=PATCH"))[1]["entries"] == []
    assert (await control("DELETE", "/journal"))[0] == 200
    assert (await control("GET", "/journal"))[1]["entries"] == []
    assert (await control("GET", "/changes"))[1]["changes"] == []
    assert (await control("GET", "/inbox/nobody"))[1]["items"] == []
