from __future__ import annotations

import pytest

from services.microsoft365.scores import Scores
from tests.services.microsoft365.graph_bench import GraphBench, page

SCORE = {
    "createdDateTime": "2026-11-24T00:00:00Z",
    "currentScore": 210.5,
    "maxScore": 421.0,
    "controlScores": [{"controlName": "MFA", "score": 4.0}, {"controlName": "Legacy", "score": 8.0}],
}


def profile(name: str, points: float, rank: int, **changes: object) -> dict[str, object]:
    return {"id": name, "title": f"Do {name}", "maxScore": points, "rank": rank, "deprecated": False, **changes}


@pytest.fixture
def scores(wire: GraphBench) -> Scores:
    return Scores(wire.graph)


async def test_the_newest_score_is_a_percentage(wire: GraphBench, scores: Scores) -> None:
    wire.replies = [page(SCORE)]
    score = await scores.latest()
    assert score is not None
    assert score.percent == 50


async def test_a_tenant_without_a_score_has_none(wire: GraphBench, scores: Scores) -> None:
    wire.replies = [page()]
    assert await scores.latest() is None


async def test_recommendations_leave_out_what_is_done_or_gone(wire: GraphBench, scores: Scores) -> None:
    profiles = page(
        profile("Spam", 5, 9), profile("MFA", 10, 1), profile("Legacy", 8, 2), profile("Old", 9, 3, deprecated=True)
    )
    wire.replies = [lambda request: profiles if "Profiles" in request.url.path else page(SCORE)]
    found = await scores.recommendations(5)
    assert [(each.id, each.gain) for each in found] == [("MFA", 6.0), ("Spam", 5.0)]
