"""Accounts that are mastered in an on-premises Active Directory, reached through Microsoft Defender for Identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.errors import Conflict
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Effect, Needs, Operation, Row, permissions_of
from services.microsoft365.reading import child, flag, objects, quoted, text, texts

_LICENCE = "Microsoft Defender for Identity"
_READ = Operation("on-premises-account", ("SecurityIdentitiesAccount.Read.All",), Row.SECURITY, licence=_LICENCE)
_ACT = Operation(
    "act-on-premises",
    ("SecurityIdentitiesActions.ReadWrite.All",),
    Row.SECURITY,
    Effect.REPEATABLE,
    licence=_LICENCE,
    containment=True,
)

NEEDS: Needs = {
    "account": permissions_of(_READ),
    "disable": permissions_of(_READ, _ACT),
    "enable": permissions_of(_READ, _ACT),
    "force_password_reset": permissions_of(_READ, _ACT),
}

_PROVIDER = "activeDirectory"
_DISABLE, _ENABLE, _RESET = "disable", "enable", "forcePasswordReset"


@dataclass(frozen=True)
class OnPremisesAccount:
    """An account of Active Directory as Defender for Identity knows it. `actions` are what it may be asked to do."""

    id: str
    name: str
    domain: str
    enabled: bool
    account_id: str
    actions: tuple[str, ...]


class OnPremisesAccounts:
    """Active Directory accounts by their security identifier (`onPremisesSecurityIdentifier` of the Entra account)."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def account(self, sid: str) -> OnPremisesAccount | None:
        """The account; None where Defender for Identity does not know it.

        GET /security/identities/identityAccounts; SecurityIdentitiesAccount.Read.All, Defender for Identity; read only.
        """
        request = self._graph.request(
            Method.GET, self._accounts, filter=f"onPremisesSecurityIdentifier eq {quoted(sid)}"
        )
        items = await self._graph.items(_READ, request, limit=1)
        return _account_from(items.values[0]) if items.values else None

    async def disable(self, account: OnPremisesAccount) -> str:
        """Disables the account in Active Directory; returns the action's correlation id. Accepted is not done.

        POST …/identityAccounts/{id}/invokeAction; SecurityIdentitiesActions.ReadWrite.All, Defender for Identity with
        an action account; safe to repeat.
        """
        return await self._act(account, _DISABLE)

    async def enable(self, account: OnPremisesAccount) -> str:
        """Undoes disable.

        POST …/identityAccounts/{id}/invokeAction; rights as disable; safe to repeat.
        """
        return await self._act(account, _ENABLE)

    async def force_password_reset(self, account: OnPremisesAccount) -> str:
        """Makes the person choose a new password at the next sign-in in Active Directory.

        POST …/identityAccounts/{id}/invokeAction; rights as disable; safe to repeat.
        """
        return await self._act(account, _RESET)

    @property
    def _accounts(self) -> Any:
        return self._graph.client.security.identities.identity_accounts

    async def _act(self, account: OnPremisesAccount, action: str) -> str:
        if account.actions and action not in account.actions:
            raise Conflict(reason="action-not-offered", action=action)
        where = self._accounts.by_identity_accounts_id(account.id).microsoft_graph_security_invoke_action
        body = {"accountId": account.account_id, "action": action, "identityProvider": _PROVIDER}
        answer = (await self._graph.call(_ACT, self._graph.request(Method.POST, where, body=body))).body
        return text(child(answer, "value"), "correlationId") or text(answer, "correlationId")


def _account_from(entry: Mapping[str, Any]) -> OnPremisesAccount:
    inner = next((each for each in objects(entry, "accounts") if text(each, "identityProvider") == _PROVIDER), {})
    return OnPremisesAccount(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        domain=text(entry, "domain"),
        enabled=flag(entry, "isEnabled") is not False,
        account_id=text(inner, "identifier"),
        actions=texts(inner, "actions"),
    )
