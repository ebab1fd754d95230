from __future__ import annotations

import json

import httpx
import pytest

from services.errors import BadInput, Gone, MissingLicence, OnPremises, UpstreamDown
from services.microsoft365.directory import Directory
from services.secrets import Secret
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

MEGAN_ID = "11111111-2222-3333-4444-555555555555"
MEGAN = {
    "id": MEGAN_ID,
    "userPrincipalName": "megan@contoso.com",
    "displayName": "Megan Bowen",
    "mail": "megan@contoso.com",
    "mailNickname": "megan",
    "proxyAddresses": ["SMTP:megan@contoso.com", "smtp:m.bowen@contoso.com"],
    "accountEnabled": True,
    "userType": "Member",
    "onPremisesSyncEnabled": None,
    "department": "Finance",
    "signInSessionsValidFromDateTime": "2026-11-20T08:00:00Z",
    "assignedLicenses": [{"skuId": "x", "disabledPlans": []}],
}


@pytest.fixture
def directory(wire: GraphBench) -> Directory:
    return Directory(wire.graph, "app-1")


async def test_an_account_is_read_as_plain_values(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [httpx.Response(200, json=MEGAN)]
    account = await directory.account(MEGAN_ID)
    assert account.upn == "megan@contoso.com"
    assert account.account_enabled
    assert not account.synced
    assert account.licensed
    assert account.sessions_valid_from is not None
    assert account.sessions_valid_from.isoformat() == "2026-11-20T08:00:00+00:00"
    assert "accountEnabled" in wire.last.url.params["$select"]


@pytest.mark.parametrize(
    ("value", "synced"), [(True, True), (False, False), (None, False)], ids=["mastered there", "was once", "cloud"]
)
async def test_only_true_means_synced(wire: GraphBench, directory: Directory, value: bool | None, synced: bool) -> None:
    wire.replies = [httpx.Response(200, json={**MEGAN, "onPremisesSyncEnabled": value})]
    assert (await directory.account(MEGAN_ID)).synced is synced


@pytest.mark.parametrize(
    ("changes", "guest"),
    [
        ({"userType": "Guest"}, True),
        ({"userType": None, "userPrincipalName": "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"}, True),
        ({}, False),
    ],
)
async def test_guests_are_known_by_type_or_by_name(
    wire: GraphBench, directory: Directory, changes: dict[str, object], guest: bool
) -> None:
    wire.replies = [httpx.Response(200, json={**MEGAN, **changes})]
    assert (await directory.account(MEGAN_ID)).is_guest is guest


async def test_an_account_that_is_not_there_is_gone(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [error(404, "Request_ResourceNotFound")]
    with pytest.raises(Gone):
        await directory.account(MEGAN_ID)
    assert await directory.find_accounts(MEGAN_ID) == ()


async def test_an_object_id_is_looked_up_itself(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [httpx.Response(200, json=MEGAN)]
    (found,) = await directory.find_accounts(f" {MEGAN_ID} ")
    assert found.id == MEGAN_ID
    assert wire.paths == [f"GET /v1.0/users/{MEGAN_ID}"]


@pytest.mark.parametrize(
    ("sought", "filtered"),
    [
        (
            "megan@contoso.com",
            "userPrincipalName eq 'megan@contoso.com' or mail eq 'megan@contoso.com' or "
            "proxyAddresses/any(p:p eq 'smtp:megan@contoso.com') or "
            "proxyAddresses/any(p:p eq 'SMTP:megan@contoso.com')",
        ),
        ("megan", "mailNickname eq 'megan'"),
        ("o'connor", "mailNickname eq 'o''connor'"),
    ],
)
async def test_a_name_is_looked_up_by_everything_it_can_be(
    wire: GraphBench, directory: Directory, sought: str, filtered: str
) -> None:
    wire.replies = [page(MEGAN, MEGAN)]
    found = await directory.find_accounts(sought)
    assert [account.id for account in found] == [MEGAN_ID]
    assert wire.last.url.params["$filter"] == filtered


async def test_the_hash_of_a_guest_reaches_graph_as_text(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [page()]
    await directory.find_accounts("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
    assert "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com" in wire.last.url.params["$filter"]
    assert not wire.last.url.fragment


@pytest.mark.parametrize("sought", ["", "   ", "x" * 400])
async def test_nonsense_is_not_sent(wire: GraphBench, directory: Directory, sought: str) -> None:
    assert await directory.find_accounts(sought) == ()
    assert await directory.nearest_accounts("@@@", 3) == ()
    assert wire.requests == []


async def test_near_names_come_likeliest_first(wire: GraphBench, directory: Directory) -> None:
    alex = {**MEGAN, "id": "2", "userPrincipalName": "alex@contoso.com", "displayName": "Alex Wilber", "mail": ""}
    alex["mailNickname"] = "alex"
    megane = {**alex, "id": "3", "userPrincipalName": "megane@contoso.com", "displayName": "Megane Roux"}
    megane["mailNickname"] = "megane"
    wire.replies = [page(alex, megane), page(MEGAN)]
    near = await directory.nearest_accounts("megan@contoso.com", 5)
    assert [account.upn for account in near] == ["megan@contoso.com", "megane@contoso.com"]
    searched = next(request for request in wire.requests if "$search" in request.url.params)
    assert searched.headers["ConsistencyLevel"] == "eventual"
    assert searched.url.params["$count"] == "true"


async def test_quotes_cannot_leave_a_search(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [page()]
    await directory.nearest_accounts('megan" OR "mail:a', 5)
    searched = next(request for request in wire.requests if "$search" in request.url.params)
    assert (
        searched.url.params["$search"] == '"displayName:megan or mail a" OR "userPrincipalName:megan" OR "mail:megan"'
    )


async def test_each_change_is_one_property(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [EMPTY]
    await directory.block_sign_in(MEGAN_ID)
    await directory.allow_sign_in(MEGAN_ID)
    await directory.set_password(MEGAN_ID, Secret("new"), change_at_next_sign_in=True)
    assert wire.body(0) == {"accountEnabled": False}
    assert wire.body(1) == {"accountEnabled": True}
    assert wire.body(2) == {"passwordProfile": {"password": "new", "forceChangePasswordNextSignIn": True}}
    assert wire.paths == [f"PATCH /v1.0/users/{MEGAN_ID}"] * 3
    assert {request.headers["x-ms-throttle-priority"] for request in wire.requests} == {"high"}


async def test_sessions_are_revoked_by_an_action_without_a_body(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [httpx.Response(200, json={"value": True})]
    await directory.revoke_sessions(MEGAN_ID)
    assert wire.paths == [f"POST /v1.0/users/{MEGAN_ID}/revokeSignInSessions"]
    assert wire.last.content == b""


async def test_a_synced_account_says_where_it_is_changed(wire: GraphBench, directory: Directory) -> None:
    text = "Unable to update the specified properties for on-premises mastered Directory Sync objects."
    wire.replies = [error(400, "Request_BadRequest", text)]
    with pytest.raises(OnPremises):
        await directory.block_sign_in(MEGAN_ID)


async def test_a_refused_password_is_told_from_a_fault(wire: GraphBench, directory: Directory) -> None:
    text = "The specified password does not comply with password complexity requirements."
    wire.replies = [error(400, "Request_BadRequest", text)]
    with pytest.raises(BadInput) as caught:
        await directory.set_password(MEGAN_ID, Secret("x"), change_at_next_sign_in=False)
    assert caught.value.data["reason"] == "password-refused"


async def test_groups_are_asked_twenty_at_a_time(wire: GraphBench, directory: Directory) -> None:
    groups = [f"{number:08x}-0000-0000-0000-00000000000A" for number in range(45)]
    wire.replies = [lambda request: httpx.Response(200, json={"value": json.loads(request.content)["groupIds"][:1]})]
    held = await directory.groups_of(MEGAN_ID, groups)
    assert sorted(len(wire.body(index)["groupIds"]) for index in range(3)) == [5, 20, 20]
    assert held == {groups[0], groups[20], groups[40]}


async def test_no_groups_need_no_question(wire: GraphBench, directory: Directory) -> None:
    assert await directory.groups_of(MEGAN_ID, ()) == frozenset()
    assert wire.requests == []


async def test_the_people_of_a_group_leave_devices_out_and_say_when_there_are_more(
    wire: GraphBench, directory: Directory
) -> None:
    user = {"@odata.type": "#microsoft.graph.user"}
    wire.replies = [
        page({**MEGAN, **user}, {"@odata.type": "#microsoft.graph.device", "id": "d"}),
        page({**MEGAN, **user}, {**MEGAN, **user, "id": "2"}, {**MEGAN, **user, "id": "3"}),
    ]
    everyone = await directory.people_in("g", 10)
    assert [account.id for account in everyone.accounts] == [MEGAN_ID]
    assert everyone.complete
    some = await directory.people_in("g", 2)
    assert len(some.accounts) == 2
    assert not some.complete


async def test_app_roles_count_when_held_directly_or_through_a_group(wire: GraphBench, directory: Directory) -> None:
    own = {
        "id": "sp",
        "appRoles": [{"id": "r1", "value": "IRBot.Responder"}, {"id": "r2", "value": "IRBot.Approver"}],
    }
    assigned = [
        {"principalId": MEGAN_ID, "principalType": "User", "appRoleId": "r1"},
        {"principalId": "g1", "principalType": "Group", "appRoleId": "r2"},
        {"principalId": "someone", "principalType": "User", "appRoleId": "r2"},
    ]
    answers = {
        "/v1.0/servicePrincipals": {"value": [own]},
        "/v1.0/servicePrincipals/sp/appRoleAssignedTo": {"value": assigned},
        f"/v1.0/users/{MEGAN_ID}/checkMemberGroups": {"value": ["G1"]},
    }
    wire.replies = [lambda request: httpx.Response(200, json=answers[request.url.path])]
    assert await directory.app_roles_of(MEGAN_ID) == {"IRBot.Responder", "IRBot.Approver"}


GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"


def roles_bench(
    wire: GraphBench,
    *,
    own: tuple[str, ...] = (),
    group: tuple[str, ...] = (),
    in_group: bool = False,
    owned: tuple[dict[str, object], ...] = (),
    eligible: httpx.Response | None = None,
) -> None:
    def assignment(template: str, scope: str = "/") -> dict[str, object]:
        definition = {"id": template, "templateId": template, "displayName": f"role {template[:3]}"}
        return {"roleDefinitionId": template, "directoryScopeId": scope, "roleDefinition": definition}

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/transitiveMemberOf"):
            ordinary = {
                "@odata.type": "#microsoft.graph.group",
                "id": "g0",
                "displayName": "All",
                "isAssignableToRole": None,
            }
            admins = {**ordinary, "id": "g1", "displayName": "Admins", "isAssignableToRole": True}
            return page(ordinary, *([admins] if in_group else []))
        if path.endswith("/ownedObjects/graph.group"):
            return page(*owned)
        of_group = "'g1'" in request.url.params["$filter"]
        if path.endswith("/roleAssignments"):
            return page(*(assignment(each) for each in (group if of_group else own)))
        return eligible or page()

    wire.replies = [answer]


async def test_roles_come_directly_and_through_role_assignable_groups(wire: GraphBench, directory: Directory) -> None:
    roles_bench(wire, own=(READERS,), group=(GLOBAL_ADMINISTRATOR,), in_group=True)
    roles = await directory.directory_roles(MEGAN_ID)
    assert [(role.template_id, role.via_group) for role in roles.active] == [
        (READERS, None),
        (GLOBAL_ADMINISTRATOR, "g1"),
    ]
    assert roles.role_assignable_group
    assert roles.eligible == ()
    assert roles.is_privileged


@pytest.mark.parametrize(
    ("own", "in_group", "privileged"),
    [((), False, False), ((READERS,), False, False), ((GLOBAL_ADMINISTRATOR,), False, True), (("custom",), False, True),
     ((), True, True)],
    ids=["none", "harmless", "administrator", "a custom role", "only in a role-assignable group"],
)  # fmt: skip
async def test_whether_an_account_is_an_administrators(
    wire: GraphBench, directory: Directory, own: tuple[str, ...], in_group: bool, privileged: bool
) -> None:
    roles_bench(wire, own=own, in_group=in_group)
    assert (await directory.directory_roles(MEGAN_ID)).is_privileged is privileged


@pytest.mark.parametrize(
    ("group", "privileged"),
    [
        ({"displayName": "Admins", "isAssignableToRole": True}, True),
        ({"displayName": "Football", "isAssignableToRole": None}, False),
        ({"displayName": None, "isAssignableToRole": None}, True),
    ],
    ids=["role-assignable", "ordinary", "hidden from us"],
)
async def test_who_owns_a_role_assignable_group_can_make_administrators(
    wire: GraphBench, directory: Directory, group: dict[str, object], privileged: bool
) -> None:
    roles_bench(wire, owned=({"id": "g9", **group},))
    roles = await directory.directory_roles(MEGAN_ID)
    assert roles.owns_role_assignable_group is roles.is_privileged is privileged
    assert not roles.role_assignable_group


async def test_eligible_roles_that_cannot_be_read_are_not_none(wire: GraphBench, directory: Directory) -> None:
    roles_bench(wire, eligible=error(400, "AadPremiumLicenseRequired", "The tenant needs Microsoft Entra ID P2."))
    roles = await directory.directory_roles(MEGAN_ID)
    assert roles.eligible is None
    assert roles.eligible_reason == MissingLicence.code


async def test_the_organisation_names_its_domains(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [
        page(
            {
                "id": "t1",
                "displayName": "Contoso",
                "onPremisesSyncEnabled": True,
                "onPremisesLastSyncDateTime": "2026-11-25T12:00:00.1234567Z",
                "verifiedDomains": [
                    {"name": "contoso.com", "isDefault": True},
                    {"name": "contoso.onmicrosoft.com", "isDefault": False},
                ],
            }
        )
    ]
    ours = await directory.organization()
    assert ours.default_domain == "contoso.com"
    assert ours.synced
    assert ours.last_synced_at is not None


async def test_those_who_can_sign_in_are_counted_without_being_read(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [httpx.Response(200, json={"@odata.count": 50_123, "value": [{"id": MEGAN_ID}]})]
    assert await directory.people_who_can_sign_in() == 50_123
    assert wire.last.headers["ConsistencyLevel"] == "eventual"


async def test_a_count_that_graph_does_not_give_is_no_zero(wire: GraphBench, directory: Directory) -> None:
    wire.replies = [httpx.Response(200, json={"value": []})]
    with pytest.raises(UpstreamDown):
        await directory.people_who_can_sign_in()
