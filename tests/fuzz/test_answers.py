"""A short round of broken answers of Graph and Exchange, and those that once broke something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.microsoft365.exchange import ALL
from tests.fuzz.exchange_answers import Office
from tests.fuzz.graph_answers import Area
from tests.fuzz.hostile import AT, ID, SHORT, written
from tests.fuzz.rounds import Came


@pytest.fixture(scope="module")
def area() -> Iterator[Area]:
    made = Area()
    yield made
    made.close()


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.close()


def test_graph_may_answer_anything(area: Area) -> None:
    @given(value=area.kind().values)
    @settings(SHORT, max_examples=150)
    def one(value: Any) -> None:
        area.check(value)

    one()


def test_exchange_may_answer_anything(office: Office) -> None:
    @given(value=office.kind().values)
    @settings(SHORT, max_examples=150)
    def one(value: Any) -> None:
        office.check(value)

    one()


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": [], "@odata.nextLink": "http://["}',
        b'{"value": [{"id": "\\u0000\\ud800", "displayName": "\\u0000"}]}',
        b'{"value": [{"id": "x", "currentScore": 1' + b"0" * 400 + b', "maxScore": 1e999}]}',
        b'{"value": [{"currentScore": NaN}]}',
        b'{"value": ' + b"[" * 50_000,
    ],
)
def test_answers_of_graph_that_once_broke_something(area: Area, body: bytes) -> None:
    for name, given_ in (
        ("role_assignments.eligible_of", {"principal_id": ID}),
        ("audit.changes_of", {"object_id": ID, "since": AT, "limit": 9}),
        ("scores.latest", {}),
        ("directory.find_accounts", {"sought": "megan@contoso.com"}),
    ):
        assert area.check((name, given_, [(200, body)], "")) in set(Came)


@pytest.mark.parametrize(
    "body",
    [
        b'{"value": [], "@odata.nextLink": "https://["}',
        b'{"value": ' + b"[" * 50_000,
        b'{"error": {"details": [{"message": "||' + b"[" * 50_000 + b'"}]}}',
        *(
            written({"value": [{"ResultCount": number, "ResultIndex": 1, "Identity": "x", "AuditData": "[" * 50_000}]})
            for number in (ID, None, [], 1.5, 10**400)
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_answers_of_exchange_that_once_broke_something(office: Office, body: bytes, status: int) -> None:
    for name in ("unified_audit.search", "message_traces.trace", "auditing.read"):
        given_: dict[str, Any] = {} if name == "auditing.read" else {"start": AT, "end": AT}
        assert office.check((name, given_, [(status, body, None, "")])) in set(Came)


@pytest.mark.parametrize(
    "batch",
    [
        b'{"responses": [{"id": "0", "status": "no", "headers": [], "body": 7}]}',
        b'{"responses": [{"id": "0", "headers": {"Retry-After": []}}]}',
        b'{"responses": [[], {}, "x"]}',
        b'{"responses": {"0": {}}}',
    ],
)
def test_batches_of_exchange_that_once_broke_something(office: Office, batch: bytes) -> None:
    given_ = {"names": (ID, f"{ID[:-1]}2")}
    assert office.check(("mailboxes.resolve_recipients", given_, [(200, b"{}", batch, "")])) in set(Came)


def test_every_function_is_tried(area: Area, office: Office) -> None:
    """A function whose arguments nobody can make would drop out unseen."""
    assert len(area.functions) > 80
    assert len(ALL) > 60
    assert isinstance(office.kind().values, st.SearchStrategy)
