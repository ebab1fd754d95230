"""Microsoft Secure Score: how well the tenant is set up, and what would help most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiota_abstractions.method import Method

from services.microsoft365.graph import Graph
from services.microsoft365.operations import Needs, Operation, Row, permissions_of
from services.microsoft365.reading import flag, moment, number, objects, text
from services.together import together

_SCORE = Operation("secure-score", ("SecurityEvents.Read.All",), Row.SECURITY)
_PROFILES = Operation("secure-score-controls", ("SecurityEvents.Read.All",), Row.SECURITY)

NEEDS: Needs = {
    "latest": permissions_of(_SCORE),
    "recommendations": permissions_of(_SCORE, _PROFILES),
}

_ONE = 1
_ABSURD = 1e9


@dataclass(frozen=True)
class SecureScore:
    """The newest score. `controls` holds the points that each control got, by its name."""

    at: datetime | None
    current: float
    highest: float
    controls: Mapping[str, float]

    @property
    def percent(self) -> int:
        return round(100 * self.current / self.highest) if self.highest else 0


@dataclass(frozen=True)
class Recommendation:
    """A control with points still to be had."""

    id: str
    title: str
    service: str
    gain: float
    rank: int
    remediation: str  # Microsoft's words, with their markup
    url: str
    highest: float = 0.0
    impact_on_users: str = ""
    effort: str = ""


class Scores:
    """Secure Score. It is counted once a day."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def latest(self) -> SecureScore | None:
        """The newest score; None where Microsoft has counted none yet.

        GET /security/secureScores; SecurityEvents.Read.All; read only.
        """
        request = self._graph.request(Method.GET, self._graph.client.security.secure_scores, top=_ONE)
        items = await self._graph.items(_SCORE, request, limit=_ONE)
        return _score_from(items.values[0]) if items.values else None

    async def recommendations(self, limit: int) -> tuple[Recommendation, ...]:
        """What would help most: controls that are not yet complete, in Microsoft's own order.

        GET /security/secureScores and secureScoreControlProfiles; SecurityEvents.Read.All; read only.
        """
        profiles = self._graph.client.security.secure_score_control_profiles
        score, items = await together(
            self.latest(), self._graph.items(_PROFILES, self._graph.request(Method.GET, profiles))
        )
        got = {} if score is None else score.controls
        open_ones = (
            Recommendation(
                id=text(entry, "id"),
                title=text(entry, "title"),
                service=text(entry, "service"),
                gain=_points(entry, "maxScore") - got.get(text(entry, "id"), 0.0),
                rank=number(entry, "rank") or 0,
                remediation=text(entry, "remediation"),
                url=text(entry, "actionUrl"),
                highest=_points(entry, "maxScore"),
                impact_on_users=text(entry, "userImpact"),
                effort=text(entry, "implementationCost"),
            )
            for entry in items.values
            if flag(entry, "deprecated") is not True
        )
        wanted = sorted((each for each in open_ones if each.gain > 0), key=lambda each: (each.rank, -each.gain))
        return tuple(wanted[:limit])


def _points(entry: Mapping[str, Any], key: str) -> float:
    value = entry.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -_ABSURD < value < _ABSURD:
        return 0.0
    return float(value)


def _score_from(entry: Mapping[str, Any]) -> SecureScore:
    return SecureScore(
        at=moment(entry, "createdDateTime"),
        current=_points(entry, "currentScore"),
        highest=_points(entry, "maxScore"),
        controls={text(each, "controlName"): _points(each, "score") for each in objects(entry, "controlScores")},
    )
