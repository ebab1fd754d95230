"""Authentication methods and the order in which they go."""

from __future__ import annotations

from simulator.graph.sign_in_methods import ALTERNATE_MOBILE, MOBILE
from simulator.tenant import User
from tests.simulator.graph.caller import GraphCaller

MEGAN = "/users/megan@contoso.com/authentication"


def add_phones(user: User) -> None:
    for phone_id, kind in ((MOBILE, "mobile"), (ALTERNATE_MOBILE, "alternateMobile")):
        user.methods.append(
            {
                "@odata.type": "#microsoft.graph.phoneAuthenticationMethod",
                "id": phone_id,
                "phoneNumber": "+1 4255550100",
                "phoneType": kind,
            }
        )


async def test_all_kinds_are_in_one_list_with_their_types(graph: GraphCaller) -> None:
    add_phones(graph.sim.world.tenant.user("megan"))
    kinds = [row["@odata.type"] for row in (await graph.get(f"{MEGAN}/methods")).value]
    assert kinds.count("#microsoft.graph.phoneAuthenticationMethod") == 2
    assert "#microsoft.graph.passwordAuthenticationMethod" in kinds
    phones = await graph.get(f"{MEGAN}/phoneMethods")
    assert {row["phoneType"] for row in phones.value} == {"mobile", "alternateMobile"}


async def test_the_default_method_goes_last_and_alternate_mobile_before_mobile(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    add_phones(megan)
    default = f"{MEGAN}/microsoftAuthenticatorMethods/{megan.default_method_id}"
    refused = await graph.delete(default)
    assert (refused.status, refused.code) == (400, "badRequest")
    assert "current default authentication method" in refused.message
    mobile = await graph.delete(f"{MEGAN}/phoneMethods/{MOBILE}")
    assert (mobile.status, mobile.code) == (400, "badRequest")
    assert "without first deleting alternate mobile number" in mobile.message
    assert (await graph.delete(f"{MEGAN}/phoneMethods/{ALTERNATE_MOBILE}")).status == 204
    assert (await graph.delete(f"{MEGAN}/phoneMethods/{MOBILE}")).status == 204
    assert (await graph.delete(default)).status == 204
    assert [row["@odata.type"] for row in (await graph.get(f"{MEGAN}/methods")).value] == [
        "#microsoft.graph.passwordAuthenticationMethod"
    ]
    assert (await graph.delete(default)).status == 404


async def test_passwords_and_beta_kinds_have_no_delete_in_version_one(graph: GraphCaller) -> None:
    password = "28c10230-6103-485e-b985-444c60001490"
    assert (await graph.delete(f"{MEGAN}/passwordMethods/{password}")).status == 400
    assert (await graph.delete(f"{MEGAN}/hardwareOathMethods/x")).status == 400
    assert (await graph.delete(f"/beta{MEGAN}/hardwareOathMethods/x")).status == 404


async def test_the_narrow_permission_is_enough_for_its_kind_alone(graph: GraphCaller) -> None:
    add_phones(graph.sim.world.tenant.user("megan"))
    graph.only("UserAuthMethod-Phone.ReadWrite.All")
    assert (await graph.delete(f"{MEGAN}/phoneMethods/{ALTERNATE_MOBILE}")).status == 204
    assert (await graph.delete(f"{MEGAN}/emailMethods/x")).status == 403
    assert (await graph.get(f"{MEGAN}/methods")).status == 403


async def test_per_user_mfa_becomes_enforced_where_a_method_exists(graph: GraphCaller) -> None:
    path = f"/beta{MEGAN}/requirements"
    assert (await graph.get(path)).body["perUserMfaState"] == "disabled"
    assert (await graph.patch(path, {"perUserMfaState": "enabled"})).status == 204
    assert (await graph.get(path)).body["perUserMfaState"] == "enforced"
    assert (await graph.patch(path, {"perUserMfaState": "on"})).status == 400
    assert (await graph.get(path.replace("/beta", "/v1.0"))).status == 400


async def test_a_pass_is_shown_once_and_replaces_the_old_one(graph: GraphCaller) -> None:
    path = f"{MEGAN}/temporaryAccessPassMethods"
    made = await graph.post(path, {"lifetimeInMinutes": 60, "isUsableOnce": True})
    assert (made.status, made.body["isUsableOnce"]) == (201, True)
    secret = made.body["temporaryAccessPass"]
    assert len(secret) >= 8
    [shown] = (await graph.get(path)).value
    assert shown["temporaryAccessPass"] is None
    again = await graph.post(path, {})
    [only] = (await graph.get(path)).value
    assert only["id"] == again.body["id"] != shown["id"]
    kept = repr(graph.sim.world.tenant.user("megan")) + repr(graph.sim.world.tenant.changes)
    assert secret not in kept
    for minutes in (5, 10_000, "60"):
        assert (await graph.post(path, {"lifetimeInMinutes": minutes})).status == 400
    guest = next(user for user in graph.sim.world.tenant.users.values() if user.guest)
    assert (await graph.post(f"/users/{guest.id}/authentication/temporaryAccessPassMethods", {})).status == 400
    policy = graph.sim.world.tenant.records.methods_policy["authenticationMethodConfigurations"]
    next(row for row in policy if row["id"] == "TemporaryAccessPass")["state"] = "disabled"
    assert (await graph.post(path, {})).status == 400


async def test_the_policy_says_who_gets_a_pass_and_whether_it_works_twice(graph: GraphCaller) -> None:
    path = f"{MEGAN}/temporaryAccessPassMethods"
    tenant = graph.sim.world.tenant
    configurations = tenant.records.methods_policy["authenticationMethodConfigurations"]
    policy = next(row for row in configurations if row["id"] == "TemporaryAccessPass")
    mine = tenant.groups_of(tenant.user("megan").id)
    other = next(group for group in tenant.groups.values() if group not in mine)
    for include, exclude, status in (
        (other.id, "", 400), (mine[0].id, "", 201), ("all_users", mine[0].id, 400), ("all_users", other.id, 201),
    ):  # fmt: skip
        policy["includeTargets"] = [{"id": include, "targetType": "group"}]
        policy["excludeTargets"] = [{"id": exclude, "targetType": "group"}] if exclude else []
        assert (await graph.post(path, {})).status == status
    policy["isUsableOnce"] = True
    assert (await graph.post(path, {"isUsableOnce": False})).status == 400
    assert (await graph.post(path, {"isUsableOnce": True})).status == 201


async def test_phones_and_a_recovery_address_are_added(graph: GraphCaller) -> None:
    phone = {"phoneNumber": "+1 4255550100", "phoneType": "mobile"}
    assert (await graph.post(f"{MEGAN}/phoneMethods", phone)).body["id"] == MOBILE
    assert (await graph.post(f"{MEGAN}/phoneMethods", phone)).status == 400
    assert (await graph.post(f"{MEGAN}/phoneMethods", {"phoneNumber": "911", "phoneType": "mobile"})).status == 400
    assert (await graph.post(f"{MEGAN}/phoneMethods", phone | {"phoneType": "satellite"})).status == 400
    assert (await graph.post(f"{MEGAN}/emailMethods", {"emailAddress": "me@home.example"})).status == 201
    assert (await graph.post(f"{MEGAN}/emailMethods", {"emailAddress": "me2@home.example"})).status == 400


async def test_another_default_frees_the_old_one(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    add_phones(megan)
    old = megan.default_method_id
    path = f"/beta{MEGAN}/signInPreferences"
    assert (await graph.get(path)).body["userPreferredMethodForSecondaryAuthentication"] == "push"
    assert (await graph.patch(path, {"userPreferredMethodForSecondaryAuthentication": "sms"})).status == 204
    assert (await graph.delete(f"{MEGAN}/microsoftAuthenticatorMethods/{old}")).status == 204
    assert (await graph.patch(path, {"userPreferredMethodForSecondaryAuthentication": "fax"})).status == 400
    assert (await graph.get(path)).body["userPreferredMethodForSecondaryAuthentication"] == "sms"


async def test_one_method_is_read_by_its_kind(graph: GraphCaller) -> None:
    megan = graph.sim.world.tenant.user("megan")
    path = f"{MEGAN}/microsoftAuthenticatorMethods"
    assert (await graph.get(f"{path}/{megan.default_method_id}")).body["id"] == megan.default_method_id
    assert (await graph.get(f"{path}/unknown")).status == 404
    [password] = (await graph.get(f"{MEGAN}/passwordMethods")).value
    assert password["password"] is None
