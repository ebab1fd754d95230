"""Each refusal of the facts, from the bytes on the wire to our error's data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import (
    Ambiguous,
    AuthBroken,
    Bug,
    Conflict,
    Gone,
    IRBotError,
    MissingLicence,
    MissingRole,
    OnPremises,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.microsoft365.exchange import answers
from services.microsoft365.exchange.backend import Call
from services.plain_words import explain

READ = Call("Get-Mailbox", {"Identity": "megan"})
RULES = Call("Get-InboxRule", {"Mailbox": "megan"})
WRITE = Call("Set-Mailbox", {"Identity": "megan"})


def wire(triple: str, code: str = "BadRequest", message: str = "Error executing cmdlet", internal: str = "") -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if triple:
        error["details"] = [{"code": "Client", "target": "", "message": triple}]
    error["innererror"] = {
        "message": message,
        "internalexception": {"message": internal or "thrown", "stacktrace": "at X"},
    }
    return json.dumps({"error": error, "@adminapi.warnings": []}).encode()


def read(status: int, raw: bytes, call: Call = READ) -> IRBotError:
    return answers.problem(answers.parse_refusal(status, raw), call, request_id="r-1")


_NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
_RULE = {"localizedString": {"stringId": "ErrorInboxRuleDoesNotExist", "ClassName": "X", "Message": "No such rule."}}
_PROXY = "Microsoft.Exchange.Management.PSDirectInvoke."


@pytest.mark.parametrize(
    ("status", "raw", "call", "expected", "data"),
    [
        (401, b"", READ, AuthBroken, {"reason": "refused-token"}),
        (403, b"\x00" * 64, READ, MissingRole, {"cmdlet": "Get-Mailbox"}),
        (403, b"", WRITE, MissingRole, {"cmdlet": "Set-Mailbox"}),
        (
            400,
            wire("|X.Y|The parameter isn't present in the role definition of the current user."),
            WRITE,
            MissingRole,
            {"operation": "Set-Mailbox"},
        ),
        (400, wire(f"|{_PROXY}AmbiguousParameterSetException|no parameter 'X'"), READ, Bug, {"reason": "bad-call"}),
        (400, wire(f"|{_PROXY}ParameterTransformationException|values are A"), WRITE, Bug, {"reason": "bad-call"}),
        (400, wire("", message="Invalid Operation"), READ, Bug, {"reason": "bad-call"}),
        (405, b"", READ, Bug, {"reason": "bad-call"}),
        (
            404,
            wire(f"Ex6F9304|{_NOT_FOUND}|couldn't be found on 'DB8'.", "NotFound"),
            READ,
            Gone,
            {"reason": "no-mailbox"},
        ),
        (400, wire(f"Ex6F9304|{_NOT_FOUND}|couldn't be found"), RULES, Gone, {"what": "object"}),
        (400, wire(f"Ex41BAF5|{_NOT_FOUND}|mailbox doesn't exist"), RULES, Gone, {"what": "mailbox"}),
        (404, wire("", "NotFound"), RULES, Gone, {"what": "object"}),
        (400, wire(f"|System.InvalidOperationException|{json.dumps(_RULE)}"), RULES, Gone, {"what": "inbox-rule"}),
        (
            400,
            wire("Ex1|M.E.UserNotFoundInPermissionEntryException|There is no existing permission entry."),
            WRITE,
            Gone,
            {"what": "permission"},
        ),
        (400, wire("Ex1|M.E.ManagementObjectAmbiguousException|several"), READ, Ambiguous, {"sought": "megan"}),
        (
            400,
            wire("Ex1|M.RecipientTaskException|'Set-Mailbox','LitigationHoldEnabled' … license doesn't permit"),
            WRITE,
            MissingLicence,
            {"licence": "Exchange Online Plan 2"},
        ),
        (
            400,
            wire("Ex1|M.X|the object is being synchronized from your on-premises organization."),
            WRITE,
            OnPremises,
            {"operation": "Set-Mailbox"},
        ),
        (400, wire("Ex1|M.RecipientTaskException|no"), WRITE, Conflict, {"reason": "refused-by-exchange"}),
        (400, wire("Ex1|M.CannotRemoveSpecialUserException|no"), WRITE, Conflict, {"reason": "special-user"}),
        (400, wire("Ex1|M.MemberAlreadyExistsException|no"), WRITE, Conflict, {"reason": "already-there"}),
        (
            400,
            wire("Ex1|M.BlockedSenderRemovalLimitException|no"),
            WRITE,
            Conflict,
            {"reason": "unblock-limit"},
        ),
        (
            400,
            wire("Ex1|M.X|run the command Enable-OrganizationCustomization."),
            WRITE,
            Conflict,
            {"reason": "organisation-not-customised"},
        ),
        (400, wire("|System.InvalidOperationException|Get-MessageTrace is retired"), READ, Conflict, {}),
        (429, b"", READ, Throttled, {}),
        (302, b"", READ, UpstreamDown, {"reason": "redirected"}),
        (307, b"", WRITE, UpstreamDown, {"reason": "redirected"}),
        (503, b"Maximum: the maximum number of concurrent requests per tenant", READ, Throttled, {}),
        (
            400,
            wire("||Your recent queries have surpassed the permitted limit, please try again later."),
            READ,
            Throttled,
            {"retry_after": 60.0},
        ),
        (502, b"<html>Bad Gateway</html>", READ, UpstreamDown, {"status": 502, "said": ""}),
        (500, b"", READ, UpstreamDown, {}),
        (400, wire("|M.SuitabilityDirectoryException|x"), READ, UpstreamDown, {}),
        (400, wire("|M.X|This error may be transient."), READ, UpstreamDown, {}),
        (503, wire("|M.ServerBusyException|x"), WRITE, UnknownOutcome, {}),
        (504, b"", WRITE, UnknownOutcome, {"status": 504}),
        (400, wire("|M.StorageTransientException|x"), WRITE, UnknownOutcome, {}),
        (400, b'["not an error"]', WRITE, Conflict, {"reason": "unreadable-refusal"}),
    ],
)
def test_a_refusal_becomes_an_error_with_its_data(
    status: int, raw: bytes, call: Call, expected: type[IRBotError], data: dict[str, object]
) -> None:
    error = read(status, raw, call)
    assert type(error) is expected
    assert {name: error.data.get(name) for name in data} == data


@pytest.mark.parametrize("name", sorted(answers._TRANSIENT))
def test_every_passing_trouble_is_known_by_name(name: str) -> None:
    assert type(read(400, wire(f"|Microsoft.Exchange.Data.{name}|x"))) is UpstreamDown


@pytest.mark.parametrize(
    "exception",
    ["InvalidOperationInDehydratedContextException", "BlockedSenderRemovalLimitException", "AnythingException"],
)
@pytest.mark.parametrize("raw", [b"{}", b"no JSON"])
def test_every_refusal_has_its_own_words_for_people(exception: str, raw: bytes) -> None:
    unknown = explain(Conflict(reason="a-reason-nobody-gave"))
    assert explain(read(400, wire(f"Ex1|M.{exception}|no"), WRITE)) != unknown
    assert explain(read(400, raw, WRITE)) != unknown


def test_a_missing_role_names_the_role_that_would_do() -> None:
    assert read(403, b"\x00").data["roles"] == ["Exchange Administrator"]


def test_the_service_s_sentence_is_kept_short_and_printable() -> None:
    error = read(400, wire("Ex1|M.RecipientTaskException|a\u0007b" + "x" * 1000), WRITE)
    said = str(error.data["said"])
    assert said.startswith("a b")
    assert len(said) <= 300


@pytest.mark.parametrize(
    "raw",
    [
        wire("", internal="The pagination request is expired or invalid. The default expiry is 00:30:00"),
        wire("||x", internal="expired or invalid pagination request"),
    ],
)
def test_a_stale_page_is_no_error_of_the_call(raw: bytes) -> None:
    with pytest.raises(answers.PageExpired):
        read(400, raw)


def test_rows_lose_their_type_side_cars_and_keep_everything_else() -> None:
    page = answers.parse_page(
        {
            "@odata.context": "x",
            "@adminapi.warnings": ["careful"],
            "value": [{"Guid@odata.type": "#Guid", "Guid": "g", "When@data.type": "System.DateTime", "When": "w"}],
            "@odata.nextLink": "https://next",
        },
        "Get-X",
    )
    assert page.records == ({"Guid": "g", "When": "w"},)
    assert page.warnings == ("careful",)
    assert page.next_link == "https://next"


@pytest.mark.parametrize("body", [None, [], "text", {"value": "rows"}, {"value": ["row"]}])
def test_an_unreadable_success_is_an_error_and_not_an_empty_answer(body: object) -> None:
    with pytest.raises(UpstreamDown):
        answers.parse_page(body, "Get-X")


def test_a_success_without_value_has_no_rows() -> None:
    assert answers.parse_page({"@adminapi.warnings": []}, "Set-X").records == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_ERROR_NAMES = st.sampled_from(
    [
        "error",
        "details",
        "innererror",
        "internalexception",
        "message",
        "code",
        "value",
        "@adminapi.warnings",
        "@adminapi.errors",
    ]
)
_LIKE_THE_REAL_ONE = st.recursive(
    st.none() | st.integers() | st.text(alphabet='|aE.{}"', max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_ERROR_NAMES, inner, max_size=4),
    max_leaves=16,
)


@given(
    status=st.integers(100, 599),
    raw=st.binary(max_size=200) | (_JSON | _LIKE_THE_REAL_ONE).map(lambda value: json.dumps(value).encode()),
    write=st.booleans(),
)
def test_no_refusal_however_mangled_gets_past_our_own_errors(status: int, raw: bytes, write: bool) -> None:
    try:
        error = read(status, raw, WRITE if write else READ)
    except answers.PageExpired:
        return
    assert isinstance(error, IRBotError)
    json.dumps(dict(error.data))


@given(body=_JSON | _LIKE_THE_REAL_ONE)
def test_no_success_however_mangled_gets_past_our_own_errors(body: object) -> None:
    try:
        page = answers.parse_page(body, "Get-X")
    except UpstreamDown:
        return
    assert all("@" not in name for row in page.records for name in row)
