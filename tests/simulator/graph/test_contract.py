"""What the simulated Graph offers is in the contract: paths, permissions, properties. Skipped without it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator.graph import OPERATIONS, schema, schema_workloads
from simulator.graph.operation import Operation
from simulator.graph.schema import EntityType
from simulator.permissions import KNOWN

CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "graph-openapi-slice.json"
ROWS = [(operation, operation.versions[0]) for operation in OPERATIONS]
# Narrower than the contract on purpose: the handler asks for more, property by property.
BY_PROPERTY = {("PATCH", "/users/{user-id}")}


@cache
def contract() -> dict[str, Any]:
    if not CONTRACT.exists():
        pytest.skip("the contract file is not on this machine")
    loaded: dict[str, Any] = json.loads(CONTRACT.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize(
    ("operation", "version"), ROWS, ids=[f"{version} {o.method} {o.template}" for o, version in ROWS]
)
def test_an_operation_is_in_the_contract_with_its_permissions(operation: Operation, version: str) -> None:
    found = contract()["paths"].get(f"/{version}{operation.template}", {}).get(operation.method.lower())
    if found is None:
        pytest.skip("not in the slice: a cast, a list or an address by name of something that is")
    rows = (found.get("x-ms-permissions") or {}).get("application") or {}
    listed = {*rows.get("least", ()), *rows.get("other", ())}
    if not listed:
        pytest.skip("the slice has no permission row for it")
    needed = set(operation.any_of) | set(operation.all_of)
    assert needed <= listed
    if (operation.method, operation.template) not in BY_PROPERTY and not operation.all_of:
        assert {name for name in listed if name in KNOWN} <= needed


def test_most_operations_are_checked() -> None:
    paths = contract()["paths"]
    checked = [1 for o, version in ROWS if o.method.lower() in paths.get(f"/{version}{o.template}", {})]
    assert len(checked) >= 0.8 * len(ROWS)


KINDS = [
    value for module in (schema, schema_workloads) for value in vars(module).values() if isinstance(value, EntityType)
]


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_the_properties_of_a_type_are_the_contracts(kind: EntityType) -> None:
    schemas = contract()["components"]["schemas"]
    names = [f"microsoft.graph.{kind.name}", f"beta.microsoft.graph.{kind.name}"]
    found: set[str] = set()
    for name in names:
        found |= _properties(schemas, name)
    if not found:
        pytest.skip("the slice has no such type")
    assert kind.properties <= found | _SUBTYPES.get(kind.name, set())
    assert kind.navigation <= found | {"roleDefinition", "principal"}


# The union that the list of authentication methods shows, and what only the two schedule types together have.
_SUBTYPES = {"authenticationMethod": set(schema.AUTHENTICATION_METHOD.properties)}


def _properties(schemas: dict[str, Any], name: str) -> set[str]:
    found = set(schemas.get(name, {}).get("properties", {}))
    for part in schemas.get(name, {}).get("allOf", ()):
        found |= set(part.get("properties", {}))
    return found


def test_users_have_every_structural_property_of_the_contract() -> None:
    names = _properties(contract()["components"]["schemas"], "microsoft.graph.user")
    assert {name for name in names if name in schema.USER.properties} == set(schema.USER.properties)
    assert {"accountEnabled", "faxNumber", "givenName", "passwordProfile"} <= set(schema.USER.properties)
