from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from services.errors import Conflict
from services.microsoft365.on_premises import OnPremisesAccount, OnPremisesAccounts
from tests.services.microsoft365.graph_bench import GraphBench, page

SID = "S-1-5-21-1-2-3-1104"
ENTRY = {
    "id": "i1",
    "displayName": "Patti",
    "domain": "contoso.local",
    "isEnabled": True,
    "accounts": [
        {"identityProvider": "entraID", "identifier": "u1", "actions": []},
        {
            "identityProvider": "activeDirectory",
            "identifier": SID,
            "actions": ["disable", "enable", "forcePasswordReset"],
        },
    ],
}


@pytest.fixture
def on_premises(wire: GraphBench) -> OnPremisesAccounts:
    return OnPremisesAccounts(wire.graph)


async def patti(wire: GraphBench, on_premises: OnPremisesAccounts) -> OnPremisesAccount:
    wire.replies = [page(ENTRY)]
    found = await on_premises.account(SID)
    assert found is not None
    return found


async def test_an_account_is_found_by_its_security_identifier(
    wire: GraphBench, on_premises: OnPremisesAccounts
) -> None:
    account = await patti(wire, on_premises)
    assert (account.account_id, account.domain) == (SID, "contoso.local")
    assert wire.last.url.params["$filter"] == f"onPremisesSecurityIdentifier eq '{SID}'"
    wire.replies = [page()]
    assert await on_premises.account(SID) is None


@pytest.mark.parametrize(
    ("verb", "action"), [("disable", "disable"), ("enable", "enable"), ("force_password_reset", "forcePasswordReset")]
)
async def test_active_directory_is_asked_to_act(
    wire: GraphBench, on_premises: OnPremisesAccounts, verb: str, action: str
) -> None:
    account = await patti(wire, on_premises)
    wire.replies = [httpx.Response(200, json={"value": {"correlationId": "c-1"}})]
    assert await getattr(on_premises, verb)(account) == "c-1"
    assert wire.body() == {"accountId": SID, "action": action, "identityProvider": "activeDirectory"}


async def test_what_is_not_offered_is_not_asked_for(wire: GraphBench, on_premises: OnPremisesAccounts) -> None:
    account = replace(await patti(wire, on_premises), actions=("enable",))
    with pytest.raises(Conflict):
        await on_premises.disable(account)
