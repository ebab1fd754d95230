"""Whatever Graph answers, reading it gives plain values or says that it is unreadable; it never breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import IRBotError
from services.microsoft365 import (
    accounts,
    alerts,
    audit,
    consents,
    devices,
    mail_flow,
    mailbox,
    messages,
    on_premises,
    policies,
    reading,
    risk,
    scores,
    sign_in_methods,
    sign_ins,
)
from services.microsoft365.graph_errors import graph_error, permissions_in, retry_after
from services.microsoft365.operations import Effect, Operation

READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "account": accounts.account_from,
    "role": lambda entry: accounts.role_from(entry, None),
    "organization": accounts.organization_from,
    "alert": alerts._alert_from,
    "directory change": audit._change_from,
    "audit query": audit._query_from,
    "audit record": audit._record_from,
    "grant": lambda entry: consents._grant_from(entry, None),
    "app": consents._app_from,
    "device": devices._device_from,
    "traced mail": mail_flow._mail_from,
    "inbox rule": lambda entry: (mailbox._rule_from(entry).forwards_to, mailbox._rule_from(entry).deletes),
    "message": messages._message_from,
    "on-premises account": on_premises._account_from,
    "policy": lambda entry: policies._policy_from(entry).asks_for_mfa,
    "risk detection": risk._detection_from,
    "score": lambda entry: scores._score_from(entry).percent,
    "label of a sign-in method": sign_in_methods._label,
    "sign-in": sign_ins._sign_in_from,
}
KEYS = st.sampled_from(
    (*accounts.ACCOUNT_FIELDS, "roleDefinition", "verifiedDomains", "initiatedBy", "user", "app", "targetResources",
     "modifiedProperties", "location", "status", "deviceDetail", "actions", "forwardTo", "emailAddress", "toRecipients",
     "from", "createdDateTime", "controlScores", "score", "currentScore", "maxScore", "grantControls", "accounts",
     "builtInControls", "verifiedPublisher", "replyUrls", "evidence", "activityDateTime", "scope")
)  # fmt: skip
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-13-01"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | TIMES
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)
ENTRIES = st.dictionaries(KEYS, JSON, max_size=12)


@pytest.mark.parametrize("name", READERS)
@given(entry=ENTRIES)
def test_no_entry_breaks_its_reader(name: str, entry: dict[str, Any]) -> None:
    READERS[name](entry)


@given(status=st.integers(300, 599), body=st.binary(max_size=200), header=st.text(max_size=30))
def test_no_refusal_breaks_the_mapping(status: int, body: bytes, header: str) -> None:
    operation = Operation("x", ("User.Read.All",), effect=Effect.REPEATABLE)
    found = graph_error(operation, status, {"Retry-After": header}, body, granted=None)
    assert isinstance(found, IRBotError)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' * 50_000, b'{"error": {"code": 7, "message": []}}'])
def test_a_hostile_body_is_only_a_refusal(body: bytes) -> None:
    answer = httpx.Response(403, content=body)
    assert graph_error(Operation("x", ("a",)), 403, answer.headers, answer.content).data["status"] == 403


@given(st.text())
def test_no_token_breaks_the_look_into_it(token: str) -> None:
    permissions_in(token)


@given(st.text())
def test_no_header_breaks_the_wait(header: str) -> None:
    found = retry_after({"Retry-After": header})
    assert found is None or found >= 0


@given(st.text())
def test_a_literal_ends_where_it_should(value: str) -> None:
    literal = reading.quoted(value)
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "").count("'") == 0


def test_times_are_read_in_utc() -> None:
    assert reading.moment({"at": "2026-11-25T12:00:00.1234567Z"}, "at") == datetime(2026, 11, 25, 12, 0, 0, 123456, UTC)
    assert reading.moment({"at": "2026-11-25T12:00:00+02:00"}, "at") == datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert reading.moment({"at": "soon"}, "at") is None
