"""The watch over Graph requests itself: what is wrong must be found."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from services.microsoft365.operations import Effect, Operation, OperationOption
from tests import graph_contract
from tests.graph_contract import CONTRACT, Contract, GraphRequest, SdkBuilders

USER = "/users/11111111-2222-3333-4444-555555555555"
CHANGE = Operation("change", ("User.ReadWrite.All",), effect=Effect.REPEATABLE)


def asked(method: str, path: str, body: object = None, *query: str, version: str = "v1.0") -> GraphRequest:
    text = "" if body is None else json.dumps(body)
    return GraphRequest(CHANGE, method, version, path, query, text)


RIGHT = {
    "a read": asked("GET", USER, None, "$select"),
    "a change": asked("PATCH", USER, {"accountEnabled": False}),
    "a nested change": asked("PATCH", USER, {"passwordProfile": {"password": "x"}}),
    "an action": asked("POST", f"{USER}/revokeSignInSessions"),
    "an action with a body": asked("POST", f"{USER}/assignLicense", {"addLicenses": [], "removeLicenses": []}),
    "a qualified action": asked("POST", "/security/runHuntingQuery", {"query": "x"}),
    "a function": asked(
        "GET", "/admin/exchange/tracing/messageTraces/1/getDetailsByRecipient(recipientAddress='a@b.c')"
    ),
}
WRONG = {
    "path": asked("GET", f"{USER}/pasword"),
    "method": asked("DELETE", f"{USER}/mailboxSettings"),
    "query option": asked("GET", USER, None, "$selekt"),
    "property": asked("PATCH", USER, {"accountEnable": False}),
    "nested property": asked("PATCH", USER, {"passwordProfile": {"pasword": "x"}}),
    "body where none is taken": asked("POST", f"{USER}/revokeSignInSessions", {"now": True}),
}
WRONG_BY_CONTRACT = {
    "missing body": asked("POST", f"{USER}/checkMemberGroups"),
    "missing part of a body": asked("POST", f"{USER}/assignLicense", {"addLicenses": []}),
    "wrong type": asked("PATCH", USER, {"accountEnabled": "no"}),
    "beta path": asked("GET", f"{USER}/nonsense", version="beta"),
    "version": asked("GET", f"{USER}/authentication/requirements"),
}


@pytest.fixture(scope="module")
def contract() -> Contract:
    if not CONTRACT.is_file():
        pytest.skip(f"{CONTRACT.name} is not beside this project")
    return Contract(CONTRACT)


@pytest.fixture(scope="module")
def builders() -> SdkBuilders:
    return SdkBuilders()


def without_permissions(request: GraphRequest) -> GraphRequest:
    return replace(request, operation=replace(CHANGE, permissions=()))


@pytest.mark.parametrize("request_", RIGHT.values(), ids=RIGHT.keys())
def test_a_right_request_fits_both(contract: Contract, builders: SdkBuilders, request_: GraphRequest) -> None:
    assert list(contract.misses(without_permissions(request_))) == []
    assert list(builders.misses(request_)) == []


@pytest.mark.parametrize("request_", (WRONG | WRONG_BY_CONTRACT).values(), ids=(WRONG | WRONG_BY_CONTRACT).keys())
def test_the_contract_finds_a_wrong(contract: Contract, request_: GraphRequest) -> None:
    assert list(contract.misses(without_permissions(request_))) != []


@pytest.mark.parametrize("request_", WRONG.values(), ids=WRONG.keys())
def test_the_builders_alone_find_a_wrong(builders: SdkBuilders, request_: GraphRequest) -> None:
    assert list(builders.misses(request_)) != []


def test_a_permission_that_does_not_help_is_found(contract: Contract) -> None:
    operation = replace(CHANGE, permissions=("Mail.Read",))
    assert "permission Mail.Read is not listed" in list(
        contract.misses(replace(RIGHT["a change"], operation=operation))
    )


@pytest.mark.parametrize(("method", "path"), graph_contract.OUTSIDE)
def test_what_the_contract_leaves_out_is_really_left_out_and_known_to_the_sdk(
    contract: Contract, builders: SdkBuilders, method: str, path: str
) -> None:
    assert method.lower() not in contract.methods(path)
    concrete = path.removeprefix("/v1.0").replace("{user-id}", "u1")
    assert list(builders.misses(asked(method, concrete, None if method == "GET" else {}))) == []
    assert list(builders.misses(asked(method, concrete, {"nonsense": 1}))) != []


def test_every_operation_of_the_product_is_known() -> None:
    names = [operation.name for operation in graph_contract.declared_operations()]
    assert len(names) == len(set(names)), "each operation has a name of its own"
    assert "set-account-enabled" in names


def test_a_slash_in_an_id_is_part_of_the_id() -> None:
    operation = next(each for each in graph_contract.declared_operations() if each.name == "delete-inbox-rule")
    options = {OperationOption.KEY: OperationOption(operation)}
    request = httpx.Request(
        "DELETE",
        "https://graph.test/v1.0/users/a%40b/messageRules/M%2Fx%3D",
        extensions={"kiota_request_options": options},
    )
    found = graph_contract.read(request)
    assert found is not None
    assert found.path == "/users/a@b/messageRules/M%2Fx="


def test_other_traffic_is_left_alone() -> None:
    assert graph_contract.read(httpx.Request("GET", "https://graph.test/v1.0/users")) is None
