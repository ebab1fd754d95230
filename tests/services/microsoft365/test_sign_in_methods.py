from __future__ import annotations

import httpx
import pytest

from services.errors import Conflict
from services.microsoft365.sign_in_methods import ALTERNATE_MOBILE, SignInMethod, SignInMethods, in_order_of_removal
from tests.services.microsoft365.graph_bench import EMPTY, GraphBench, error, page

USER = "/v1.0/users/u1/authentication"
DELETED_AT = {
    "emailAuthenticationMethod": f"{USER}/emailMethods/m1",
    "externalAuthenticationMethod": f"{USER}/externalAuthenticationMethods/m1",
    "fido2AuthenticationMethod": f"{USER}/fido2Methods/m1",
    "hardwareOathAuthenticationMethod": "/beta/users/u1/authentication/hardwareOathMethods/m1",
    "microsoftAuthenticatorAuthenticationMethod": f"{USER}/microsoftAuthenticatorMethods/m1",
    "passwordlessMicrosoftAuthenticatorAuthenticationMethod": (
        "/beta/users/u1/authentication/passwordlessMicrosoftAuthenticatorMethods/m1"
    ),
    "phoneAuthenticationMethod": f"{USER}/phoneMethods/m1",
    "platformCredentialAuthenticationMethod": f"{USER}/platformCredentialMethods/m1",
    "qrCodePinAuthenticationMethod": "/beta/users/u1/authentication/qrCodePinMethod",
    "softwareOathAuthenticationMethod": f"{USER}/softwareOathMethods/m1",
    "temporaryAccessPassAuthenticationMethod": f"{USER}/temporaryAccessPassMethods/m1",
    "windowsHelloForBusinessAuthenticationMethod": f"{USER}/windowsHelloForBusinessMethods/m1",
}


@pytest.fixture
def methods(wire: GraphBench) -> SignInMethods:
    return SignInMethods(wire.graph)


def method(kind: str, identifier: str = "m1") -> SignInMethod:
    return SignInMethod(identifier, kind, "", None)


async def test_methods_are_listed_with_what_a_person_knows_them_by(wire: GraphBench, methods: SignInMethods) -> None:
    wire.replies = [
        page(
            {
                "@odata.type": "#microsoft.graph.phoneAuthenticationMethod",
                "id": "p",
                "phoneNumber": "+1 5555550100",
                "phoneType": "mobile",
            },
            {
                "@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod",
                "id": "a",
                "displayName": "Pixel",
                "createdDateTime": "2026-11-24T22:03:00Z",
            },
            {"@odata.type": "#microsoft.graph.passwordAuthenticationMethod", "id": "w"},
            {"@odata.type": "#microsoft.graph.someNewAuthenticationMethod", "id": "n"},
        )
    ]
    phone, app, password, unknown = await methods.list("u1")
    assert phone.label == "+1 5555550100 (mobile)"
    assert app.label == "Pixel"
    assert app.created_at is not None
    assert password.is_password
    assert [each.is_removable for each in (phone, app, password, unknown)] == [True, True, False, False]


@pytest.mark.parametrize(("kind", "path"), DELETED_AT.items())
async def test_each_kind_is_removed_in_its_own_place(
    wire: GraphBench, methods: SignInMethods, kind: str, path: str
) -> None:
    wire.replies = [EMPTY]
    await methods.remove("u1", method(kind))
    assert wire.paths == [f"DELETE {path}"]


async def test_a_method_that_cannot_be_removed_is_not_asked_to_be(wire: GraphBench, methods: SignInMethods) -> None:
    with pytest.raises(Conflict):
        await methods.remove("u1", method("passwordAuthenticationMethod"))
    assert wire.requests == []


async def test_the_default_method_says_that_it_goes_last(wire: GraphBench, methods: SignInMethods) -> None:
    text = "This authentication method matches the user's current default authentication method."
    wire.replies = [error(400, "badRequest", text)]
    with pytest.raises(Conflict) as caught:
        await methods.remove("u1", method("phoneAuthenticationMethod"))
    assert caught.value.data["reason"] == "default-sign-in-method"


def test_the_alternate_mobile_goes_before_the_mobile() -> None:
    phone = method("phoneAuthenticationMethod", "3179e48a-750b-4051-897c-87b9720928f7")
    alternate = method("phoneAuthenticationMethod", ALTERNATE_MOBILE)
    password = method("passwordAuthenticationMethod")
    assert in_order_of_removal((phone, password, alternate)) == (alternate, phone)


async def test_an_access_pass_is_made_once_and_hidden(wire: GraphBench, methods: SignInMethods) -> None:
    answer = {"id": "t", "temporaryAccessPass": "Abc+123", "lifetimeInMinutes": 60, "isUsableOnce": True}
    wire.replies = [httpx.Response(201, json=answer)]
    made = await methods.create_pass("u1", minutes=60, usable_once=True)
    assert made.code.reveal() == "Abc+123"
    assert "Abc" not in repr(made)
    assert wire.body() == {"lifetimeInMinutes": 60, "isUsableOnce": True}


@pytest.mark.parametrize(("asked", "sent"), [(1, 10), (60, 60), (999_999, 43_200)])
async def test_a_pass_lives_within_what_graph_allows(
    wire: GraphBench, methods: SignInMethods, asked: int, sent: int
) -> None:
    wire.replies = [httpx.Response(201, json={"temporaryAccessPass": "x"})]
    await methods.create_pass("u1", minutes=asked, usable_once=False)
    assert wire.body()["lifetimeInMinutes"] == sent


async def test_a_tenant_without_passes_says_so(wire: GraphBench, methods: SignInMethods) -> None:
    wire.replies = [error(400, "badRequest", "Temporary Access Pass cannot be added to an user. Method is disabled.")]
    with pytest.raises(Conflict) as caught:
        await methods.create_pass("u1", minutes=60, usable_once=True)
    assert caught.value.data["reason"] == "temporary-access-pass-not-allowed"


async def test_mfa_is_read_from_the_user_and_from_the_report(wire: GraphBench, methods: SignInMethods) -> None:
    report = {"isMfaRegistered": True, "isMfaCapable": False, "methodsRegistered": ["mobilePhone"]}
    wire.replies = [httpx.Response(200, json={"perUserMfaState": "enforced"}), httpx.Response(200, json=report)]
    assert await methods.per_user_mfa("u1") == "enforced"
    registration = await methods.registration("u1")
    assert registration.mfa_registered
    assert registration.methods == ("mobilePhone",)


async def test_the_report_tells_who_has_no_second_factor(wire: GraphBench, methods: SignInMethods) -> None:
    wire.replies = [
        page(
            {"id": "u1", "userDisplayName": "Megan", "isMfaRegistered": False, "isAdmin": False},
            {"id": "u2", "userDisplayName": "Isaiah", "isMfaRegistered": True, "isAdmin": True},
        )
    ]
    found = await methods.registrations(100)
    assert [(each.id, each.mfa_registered, each.administrator) for each in found] == [
        ("u1", False, False),
        ("u2", True, True),
    ]
    assert found.complete
    assert "$top=100" in str(wire.last.url).replace("%24", "$")
