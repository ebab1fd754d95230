"""Whom a message can go to: the people and groups behind addresses, and long lists of people page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from kiota_abstractions.method import Method

from services.errors import MissingPermission
from services.microsoft365.accounts import Account, account_from
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import SERVICE
from services.microsoft365.operations import Needs, Operation, permissions_of
from services.microsoft365.reading import is_object_id, kind, quoted, text, texts

_PEOPLE = Operation("list-people", ("User.Read.All",))
_GROUPS = Operation("list-groups", ("GroupMember.Read.All",))
_MEMBERS = Operation("group-members", ("GroupMember.Read.All",), beside=("User.Read.All",))

NEEDS: Needs = {
    "people_at": permissions_of(_PEOPLE),
    "all_people": permissions_of(_PEOPLE),
    "department": permissions_of(_PEOPLE),
    "groups_at": permissions_of(_GROUPS),
    "mail_groups": permissions_of(_GROUPS),
    "members": permissions_of(_MEMBERS),
}

_FIELDS = (
    "id",
    "userPrincipalName",
    "displayName",
    "mail",
    "proxyAddresses",
    "accountEnabled",
    "userType",
    "assignedLicenses",
    "department",
    "preferredLanguage",
)
_GROUP_FIELDS = ("id", "displayName", "mail", "proxyAddresses")
_PAGE = 999
_FEW = 25


@dataclass(frozen=True)
class MailGroup:
    """A group. `addresses` are all under which it gets mail, in lower case; none for a security group."""

    id: str
    name: str
    addresses: tuple[str, ...]


class AddressBook:
    """The address book of one tenant. Every list is read as a stream."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def people_at(self, address: str) -> tuple[Account, ...]:
        """The people who get mail at exactly this address, or sign in with it.

        GET /users?$filter; User.Read.All; read only.
        """
        upn = f"userPrincipalName eq {quoted(address)}"
        request = self._request(self._graph.client.users, f"{upn} or {_gets_mail_at(address)}", top=_FEW)
        items = await self._graph.items(_PEOPLE, request, limit=_FEW)
        return tuple(account_from(entry) for entry in items.values)

    async def all_people(self) -> AsyncIterator[tuple[Account, ...]]:
        """All accounts of people: guests, shared mailboxes and blocked ones among them.

        GET /users; User.Read.All; read only.
        """
        async for page in self._graph.pages(_PEOPLE, self._request(self._graph.client.users, None)):
            yield tuple(account_from(entry) for entry in page)

    async def department(self, name: str) -> AsyncIterator[tuple[Account, ...]]:
        """All people of a department, by its exact name; Graph compares without case.

        GET /users?$filter; User.Read.All; read only.
        """
        request = self._request(self._graph.client.users, f"department eq {quoted(name)}")
        async for page in self._graph.pages(_PEOPLE, request):
            yield tuple(account_from(entry) for entry in page)

    async def groups_at(self, sought: str) -> tuple[MailGroup, ...]:
        """The groups that `sought` names exactly: by object id, address, or display name.

        GET /groups?$filter; GroupMember.Read.All; read only.
        """
        if is_object_id(sought):
            condition = f"id eq {quoted(sought)}"
        elif "@" in sought:
            condition = _gets_mail_at(sought)
        else:
            condition = f"displayName eq {quoted(sought)}"
        request = self._graph.request(
            Method.GET, self._graph.client.groups, select=_GROUP_FIELDS, filter=condition, top=_FEW
        )
        items = await self._graph.items(_GROUPS, request, limit=_FEW)
        return tuple(_group_from(entry) for entry in items.values)

    async def mail_groups(self) -> AsyncIterator[tuple[MailGroup, ...]]:
        """All groups that get mail.

        GET /groups?$filter; GroupMember.Read.All; read only.
        """
        request = self._graph.request(
            Method.GET, self._graph.client.groups, select=_GROUP_FIELDS, filter="mailEnabled eq true", top=_PAGE
        )
        async for page in self._graph.pages(_GROUPS, request):
            yield tuple(_group_from(entry) for entry in page)

    async def members(self, group_id: str) -> AsyncIterator[tuple[Account, ...]]:
        """The people of a group and of the groups in it. Raises Gone, and MissingPermission where they stay hidden.

        GET /groups/{id}/transitiveMembers; GroupMember.Read.All and User.Read.All; read only.
        """
        members = self._graph.client.groups.by_group_id(group_id).transitive_members
        request = self._graph.request(Method.GET, members, select=_FIELDS, top=_PAGE)
        async for page in self._graph.pages(_MEMBERS, request):
            people = [entry for entry in page if kind(entry) == "user"]
            if any(entry.get("accountEnabled") is None for entry in people):  # Graph gives their ids alone
                raise MissingPermission(service=SERVICE, operation=_MEMBERS.name, permissions=["User.Read.All"])
            yield tuple(account_from(entry) for entry in people)

    def _request(self, where: Any, condition: str | None, top: int = _PAGE) -> Any:
        return self._graph.request(Method.GET, where, select=_FIELDS, filter=condition, top=top)


def addresses_of(account: Account) -> frozenset[str]:
    """Every mail address of an account and its sign-in name, in lower case."""
    smtp = (each.partition(":")[2] for each in account.proxy_addresses if each.casefold().startswith("smtp:"))
    return frozenset(each.casefold() for each in (account.upn, account.mail or "", *smtp) if "@" in each)


def _gets_mail_at(address: str) -> str:
    proxies = " or ".join(f"proxyAddresses/any(p:p eq {quoted(prefix + address)})" for prefix in ("smtp:", "SMTP:"))
    return f"mail eq {quoted(address)} or {proxies}"


def _group_from(entry: Json) -> MailGroup:
    proxies = [each.partition(":")[2] for each in texts(entry, "proxyAddresses") if each.casefold().startswith("smtp:")]
    found = dict.fromkeys(each.casefold() for each in (text(entry, "mail"), *proxies) if each)
    return MailGroup(text(entry, "id"), text(entry, "displayName"), tuple(found))
