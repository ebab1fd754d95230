"""Defender pulls delivered mail back: only where it is licensed, only what was delivered, and not at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.server import Simulator
from simulator.tenant import Json
from tests.simulator.graph.caller import GraphCaller

REMEDIATE = "/security/collaboration/analyzedEmails/remediate"
ALEX = "/users/alex@contoso.com"


@pytest.fixture
async def graph() -> AsyncIterator[GraphCaller]:
    async with Simulator(SimulatorConfig(remediation_seconds=60)) as sim, GraphCaller(sim) as caller:
        to = [{"emailAddress": {"address": "alex@contoso.com"}}]
        await caller.post("/users/megan@contoso.com/sendMail", {"message": {"subject": "Bait", "toRecipients": to}})
        yield caller


def asked(graph: GraphCaller, action: str, recipient: str = "alex@contoso.com") -> Json:
    [traced] = [each for each in exchange_of(graph.sim.world).organisation.traced if each.subject == "Bait"]
    mail = {"networkMessageId": str(traced.trace_id), "recipientEmailAddress": recipient}
    return {"displayName": "case 17", "severity": "high", "action": action, "analyzedEmails": [mail]}


async def places(graph: GraphCaller) -> list[str]:
    found = []
    for folder in ("inbox", "junkemail", "deleteditems", "recoverableitemsdeletions"):
        rows = (await graph.get(f"{ALEX}/mailFolders/{folder}/messages?$select=subject")).value
        found += [folder for row in rows if row["subject"] == "Bait"]
    return found


@pytest.mark.parametrize(
    ("action", "where"),
    [
        ("softDelete", ["recoverableitemsdeletions"]),
        ("moveToJunk", ["junkemail"]),
        ("moveToDeletedItems", ["deleteditems"]),
        ("hardDelete", []),
    ],
)
async def test_mail_goes_where_it_was_asked_to_after_a_while(graph: GraphCaller, action: str, where: list[str]) -> None:
    reply = await graph.post(REMEDIATE, asked(graph, action))
    assert (reply.status, "Location" in reply.headers) == (202, True)
    assert await places(graph) == ["inbox"]
    graph.sim.world.clock.advance(61)
    assert await places(graph) == where
    visible = [row["subject"] for row in (await graph.get(f"{ALEX}/messages?$select=subject")).value]
    assert ("Bait" in visible) is (where in (["junkemail"], ["deleteditems"]))


async def test_mail_is_put_back(graph: GraphCaller) -> None:
    for action in ("softDelete", "moveToInbox"):
        await graph.post(REMEDIATE, asked(graph, action))
        graph.sim.world.clock.advance(61)
    assert await places(graph) == ["inbox"]


async def test_mail_of_others_is_left_alone(graph: GraphCaller) -> None:
    assert (await graph.post(REMEDIATE, asked(graph, "softDelete", "lynne@contoso.com"))).status == 202
    graph.sim.world.clock.advance(61)
    assert await places(graph) == ["inbox"]


async def test_without_its_licence_defender_refuses(graph: GraphCaller) -> None:
    graph.sim.world.tenant.licences = {"SPE_E3"}
    assert (await graph.post(REMEDIATE, asked(graph, "softDelete"))).status in (400, 403)


async def test_without_its_permission_defender_refuses(graph: GraphCaller) -> None:
    body = asked(graph, "softDelete")
    graph.only("Mail.Send")
    assert (await graph.post(REMEDIATE, body)).status == 403
