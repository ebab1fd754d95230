from __future__ import annotations

import httpx
import pytest

from services.errors import MissingPermission
from services.microsoft365.accounts import account_from
from services.microsoft365.address_book import AddressBook, MailGroup, addresses_of
from tests.services.microsoft365.graph_bench import BASE, GraphBench, page


def user(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "userPrincipalName": f"{name}@contoso.com", "accountEnabled": True, **more}


@pytest.fixture
def book(wire: GraphBench) -> AddressBook:
    return AddressBook(wire.graph)


async def test_a_long_list_is_read_page_by_page_and_no_further_than_it_is_wanted(
    wire: GraphBench, book: AddressBook
) -> None:
    wire.replies = [
        page(user("ann"), user("ben"), next_link=f"{BASE}/v1.0/users?$skiptoken=2"),
        page(user("cleo")),
    ]
    pages = book.all_people()
    assert [account.id for account in await anext(pages)] == ["ann", "ben"]
    assert len(wire.requests) == 1
    assert [[account.id for account in rest] async for rest in pages] == [["cleo"]]
    assert "preferredLanguage" in wire.requests[0].url.params["$select"]


async def test_an_address_is_looked_for_exactly_with_its_apostrophes(wire: GraphBench, book: AddressBook) -> None:
    wire.replies = [page(user("miriam"))]
    await book.people_at("miriam.o'connor@contoso.com")
    condition = wire.last.url.params["$filter"]
    assert condition.count("miriam.o''connor@contoso.com") == 4
    assert "smtp:miriam" in condition
    assert "SMTP:miriam" in condition


@pytest.mark.parametrize(
    ("sought", "condition"),
    [
        ("Sales", "displayName eq 'Sales'"),
        ("0b6e5a3c-91d2-4f0e-8a77-000000000001", "id eq '0b6e5a3c-91d2-4f0e-8a77-000000000001'"),
        ("sales@contoso.com", "mail eq 'sales@contoso.com' or proxyAddresses/any"),
    ],
)
async def test_a_group_is_named_by_name_id_or_address(
    wire: GraphBench, book: AddressBook, sought: str, condition: str
) -> None:
    proxies = ["SMTP:Sales@contoso.com", "smtp:old@contoso.com", "X500:/o=x"]
    wire.replies = [page({"id": "g", "displayName": "Sales", "mail": "Sales@contoso.com", "proxyAddresses": proxies})]
    assert await book.groups_at(sought) == (MailGroup("g", "Sales", ("sales@contoso.com", "old@contoso.com")),)
    assert wire.last.url.params["$filter"].startswith(condition)


async def test_of_a_groups_members_only_people_are_given(wire: GraphBench, book: AddressBook) -> None:
    wire.replies = [
        page(
            {"@odata.type": "#microsoft.graph.user", **user("ann")},
            {"@odata.type": "#microsoft.graph.group", "id": "inner"},
        )
    ]
    assert [[account.id for account in people] async for people in book.members("g")] == [["ann"]]


async def test_members_that_graph_hides_are_a_missing_right_and_not_nobody(wire: GraphBench, book: AddressBook) -> None:
    wire.replies = [page({"@odata.type": "#microsoft.graph.user", "id": "ann", "accountEnabled": None})]
    with pytest.raises(MissingPermission) as caught:
        [people async for people in book.members("g")]
    assert caught.value.data["permissions"] == ["User.Read.All"]


async def test_an_answer_that_is_no_list_is_refused(wire: GraphBench, book: AddressBook) -> None:
    wire.replies = [httpx.Response(200, json={"value": "nonsense"})]
    with pytest.raises(Exception, match="unreadable-answer"):
        [people async for people in book.department("Sales")]


def test_all_addresses_of_an_account_are_known_in_lower_case() -> None:
    proxies = ["SMTP:Ann@contoso.com", "smtp:A.Smith@contoso.com", "sip:ann@contoso.com"]
    account = account_from(user("ANN", mail="Ann@contoso.com", proxyAddresses=proxies))
    assert addresses_of(account) == {"ann@contoso.com", "a.smith@contoso.com"}
