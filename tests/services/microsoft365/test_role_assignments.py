from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.errors import Bug, Conflict
from services.microsoft365.directory import Directory
from services.microsoft365.role_assignments import RoleAssignments
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

USER, GROUP, ROLE = (f"0000000{number}-0000-4000-8000-000000000000" for number in (1, 2, 3))
ROLES = "/v1.0/roleManagement/directory"


@pytest.fixture
def roles(wire: GraphBench) -> RoleAssignments:
    return RoleAssignments(wire.graph, Directory(wire.graph, "app"))


async def test_an_assignment_is_read_with_its_name_scope_and_end(wire: GraphBench, roles: RoleAssignments) -> None:
    row = {
        "id": "e1",
        "roleDefinitionId": ROLE,
        "directoryScopeId": "/administrativeUnits/a",
        "endDateTime": "2027-01-01T00:00:00Z",
        "roleDefinition": {"id": ROLE, "displayName": "Helpdesk Administrator"},
    }
    wire.replies = [page(row)]
    (held,) = await roles.eligible_of(USER)
    assert (held.name, held.scope) == ("Helpdesk Administrator", "/administrativeUnits/a")
    assert held.ends_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert held.is_privileged
    assert not held.is_global_administrator


async def test_a_role_and_a_membership_are_taken_and_given(wire: GraphBench, roles: RoleAssignments) -> None:
    wire.replies = [EMPTY]
    await roles.remove("a1")
    await roles.give(USER, ROLE, "/")
    await roles.leave(GROUP, USER)
    await roles.join(GROUP, USER)
    assert wire.paths == [
        f"DELETE {ROLES}/roleAssignments/a1",
        f"POST {ROLES}/roleAssignments",
        f"DELETE /v1.0/groups/{GROUP}/members/{USER}/$ref",
        f"POST /v1.0/groups/{GROUP}/members/$ref",
    ]
    assert wire.body(1) == {"principalId": USER, "roleDefinitionId": ROLE, "directoryScopeId": "/"}
    assert str(wire.body(3)["@odata.id"]).endswith(f"/directoryObjects/{USER}")


async def test_an_eligible_role_is_taken_and_given_until_its_end(wire: GraphBench, roles: RoleAssignments) -> None:
    wire.replies = [EMPTY]
    await roles.remove_eligible(USER, ROLE, "/")
    await roles.give_eligible(USER, ROLE, "/", datetime(2027, 1, 1, tzinfo=UTC))
    await roles.give_eligible(USER, ROLE, "/", None)
    assert set(wire.paths) == {f"POST {ROLES}/roleEligibilityScheduleRequests"}
    assert wire.body(0)["action"] == "adminRemove"
    assert wire.body(1)["scheduleInfo"]["expiration"] == {
        "type": "afterDateTime",
        "endDateTime": "2027-01-01T00:00:00+00:00",
    }
    assert wire.body(2)["scheduleInfo"]["expiration"] == {"type": "noExpiration"}


async def test_the_service_keeps_the_last_one(wire: GraphBench, roles: RoleAssignments) -> None:
    wire.replies = [error(400, "Request_BadRequest"), error(405, "Request_BadRequest")]
    with pytest.raises(Conflict) as raised:
        await roles.remove("a1")
    assert raised.value.data["reason"] == "last-global-administrator"
    with pytest.raises(Bug):
        await roles.remove("a1")
