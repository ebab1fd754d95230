from __future__ import annotations

import httpx
import pytest

from services.microsoft365.teams_apps import Notice, TeamsApps
from tests.services.microsoft365.graph_bench import BASE, GraphBench, error, page


@pytest.fixture
def apps(wire: GraphBench) -> TeamsApps:
    return TeamsApps(wire.graph)


async def test_our_app_is_found_in_the_catalogue_and_with_people(wire: GraphBench, apps: TeamsApps) -> None:
    wire.replies = [page({"id": "c1"}), page({"id": "i1"}), page(), page()]
    assert await apps.catalogue_id("m1") == "c1"
    assert wire.last.url.params["$filter"] == "externalId eq 'm1'"
    assert await apps.installation("u1", "m1") == "i1"
    assert await apps.installation("u1", "m1") is None
    assert await apps.catalogue_id("m2") is None


@pytest.mark.parametrize("answer", [httpx.Response(201), error(409, "Conflict")], ids=["new", "there already"])
async def test_our_app_is_installed_for_a_person_once(
    wire: GraphBench, apps: TeamsApps, answer: httpx.Response
) -> None:
    wire.replies = [answer]
    await apps.install("u1", "c1")
    assert wire.body() == {"teamsApp@odata.bind": f"{BASE}/v1.0/appCatalogs/teamsApps/c1"}


async def test_a_person_is_reached_through_the_apps_chat_or_the_activity_feed(
    wire: GraphBench, apps: TeamsApps
) -> None:
    wire.replies = [httpx.Response(200, json={"id": "19:x@unq.gbl.spaces"}), httpx.Response(204)]
    assert await apps.chat_id("u1", "i1") == "19:x@unq.gbl.spaces"
    await apps.notify("u1", Notice("caseUpdate", "Case 17", "Action needed", "https://teams.microsoft.com/l/x"))
    assert wire.body()["activityType"] == "caseUpdate"
