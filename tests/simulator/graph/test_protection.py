"""Identity Protection."""

from __future__ import annotations

import pytest

from tests.simulator.graph.caller import GraphCaller

ROOT = "/identityProtection/riskyUsers"


@pytest.mark.parametrize(
    ("action", "level", "state"),
    [
        ("confirmCompromised", "high", "confirmedCompromised"),
        ("confirmSafe", "none", "confirmedSafe"),
        ("dismiss", "none", "dismissed"),
    ],
)
async def test_a_judgement_changes_risk_and_is_in_the_history(
    graph: GraphCaller, action: str, level: str, state: str
) -> None:
    alex = graph.sim.world.tenant.user("alex").id
    assert (await graph.get(f"{ROOT}/{alex}")).status == 404
    assert (await graph.post(f"{ROOT}/{action}", {"userIds": [alex]})).status == 204
    body = (await graph.get(f"{ROOT}/{alex}")).body
    assert (body["riskLevel"], body["riskState"], body["isProcessing"]) == (level, state, False)
    assert [row["riskState"] for row in (await graph.get(f"{ROOT}/{alex}/history")).value] == [state]


async def test_all_or_nobody_is_judged(graph: GraphCaller) -> None:
    alex = graph.sim.world.tenant.user("alex").id
    assert (await graph.post(f"{ROOT}/dismiss", {"userIds": [alex, "unknown"]})).status == 404
    assert (await graph.get(f"{ROOT}/{alex}")).status == 404
    wrong: list[dict[str, list[str]]] = [{"userIds": []}, {"userIds": ["x"] * 61}, {"users": [alex]}]
    for body in wrong:
        assert (await graph.post(f"{ROOT}/dismiss", body)).status == 400


async def test_lists_are_filtered(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan").id
    risky = await graph.get(f"{ROOT}?$filter=riskState eq 'atRisk'")
    assert [row["id"] for row in risky.value] == [megan]
    detections = await graph.get(f"/identityProtection/riskDetections?$filter=userId eq '{megan}'")
    assert [row["riskEventType"] for row in detections.value] == ["unlikelyTravel"]


async def test_it_needs_the_better_licence(graph: GraphCaller) -> None:
    graph.sim.world.tenant.licences = {"SPE_E3"}
    refused = await graph.get(ROOT)
    assert (refused.status, refused.code) == (403, "AccessDenied")


async def test_one_request_a_second_and_no_word_when_to_come_back(graph: GraphCaller) -> None:
    graph.sim.world.throttling = True
    replies = [await graph.get(ROOT) for _ in range(4)]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused
    assert all("Retry-After" not in reply.headers for reply in refused)
