"""From the answer on the wire to the words for people: one row for each row of Graph's errors."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest

from services.errors import (
    AuthBroken,
    BadInput,
    Bug,
    Conflict,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    OnPremises,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.microsoft365.graph_errors import graph_error, permissions_in, retry_after
from services.microsoft365.operations import Effect, Operation
from services.plain_words import explain
from tests.services.microsoft365.graph_bench import error, token_with

READ = Operation("read", ("User.Read.All",))
CHANGE = Operation(
    "change", ("User.EnableDisableAccount.All",), effect=Effect.REPEATABLE, roles=("User Administrator",)
)
LOGS = Operation("logs", ("AuditLog.Read.All",), licence="Microsoft Entra ID P1")
RISK = Operation("risk", ("IdentityRiskyUser.Read.All",), licence="Microsoft Entra ID P2")
MAIL = Operation("mail", ("Mail.Read",))
ALL = frozenset(name for operation in (READ, CHANGE, LOGS, RISK, MAIL) for name in operation.permissions)
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Case:
    answer: httpx.Response
    error: type[IRBotError]
    words: str
    operation: Operation = READ
    granted: frozenset[str] | None = ALL


ON_PREMISES = "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects …"
DEFAULT = "This method matches the user's current default authentication method and cannot be deleted."
ALTERNATE = "Mobile number cannot be deleted without first deleting alternate mobile number."
PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
COMPLEXITY = "The specified password does not comply with password complexity requirements."
CASES: dict[str, Case] = {
    "a bad property": Case(error(400, "Request_BadRequest", "Invalid property"), Bug, "fault in IRBot"),
    "a synced object": Case(error(400, "Request_BadRequest", ON_PREMISES), OnPremises, "Active Directory", CHANGE),
    "password complexity": Case(error(400, "Request_BadRequest", COMPLEXITY), BadInput, "password", CHANGE),
    "the default method": Case(error(400, "badRequest", DEFAULT), Conflict, "main way to sign in"),
    "the alternate mobile": Case(error(400, "badRequest", ALTERNATE), Conflict, "second phone number"),
    "no Intune": Case(error(400, "BadRequest", "Request not applicable to target tenant."), MissingLicence, "Intune"),
    "no P2 for PIM": Case(error(400, "AadPremiumLicenseRequired"), MissingLicence, "Entra ID P2", RISK),
    "an expired token": Case(error(401, "InvalidAuthenticationToken"), AuthBroken, "own sign-in"),
    "no consent": Case(error(403, "Authorization_RequestDenied"), MissingPermission, "User.Read.All", granted=NONE),
    "consent unknown": Case(
        error(403, "Authorization_RequestDenied"), MissingPermission, "User.Read.All", granted=None
    ),
    "no directory role": Case(error(403, "Authorization_RequestDenied"), MissingRole, "User Administrator", CHANGE),
    "no consent to a change": Case(
        error(403, "Authorization_RequestDenied"), MissingPermission, "User.EnableDisableAccount.All", CHANGE, NONE
    ),
    "no P1": Case(error(403, PREMIUM), MissingLicence, "Entra ID P1", LOGS),
    "no P1, or no consent": Case(error(403, PREMIUM), MissingPermission, "AuditLog.Read.All", LOGS, NONE),
    "no P2": Case(
        error(403, "AccessDenied", "Your tenant is not licensed for this feature."), MissingLicence, "P2", RISK
    ),
    "no P2, in another word": Case(error(403, "Forbidden"), MissingLicence, "P2", RISK),
    "no consent to risk": Case(
        error(403, "Forbidden", "You cannot perform the requested operation, required scopes are missing."),
        MissingPermission,
        "IdentityRiskyUser.Read.All",
        RISK,
        NONE,
    ),
    "no consent to mail": Case(error(403, "ErrorAccessDenied"), MissingPermission, "Mail.Read", MAIL, NONE),
    "a mailbox out of scope": Case(error(403, "ErrorAccessDenied"), MissingPermission, "mailbox", MAIL),
    "an absent object": Case(error(404, "Request_ResourceNotFound"), Gone, "not there"),
    "an absent item": Case(error(404, "ErrorItemNotFound"), Gone, "not there", MAIL),
    "an absent resource": Case(error(404, "ResourceNotFound"), Gone, "not there"),
    "no cloud mailbox": Case(error(404, "MailboxNotEnabledForRESTAPI"), Gone, "no mailbox", MAIL),
    "an invalid mailbox user": Case(error(404, "ErrorInvalidUser"), Gone, "no mailbox", MAIL),
    "already there": Case(error(409, "Conflict"), Conflict, "already there"),
    "at the same time": Case(error(409, "Directory_ConcurrencyViolation"), Conflict, "same moment", CHANGE),
    "changed meanwhile": Case(error(412, "PreconditionFailed"), Conflict, "meanwhile"),
    "locked": Case(error(423, "Locked"), Conflict, "right now"),
    "a failed dependency": Case(error(424, "FailedDependency"), Conflict, "earlier part"),
    "throttled": Case(error(429, "TooManyRequests", Retry_After="9"), Throttled, "too often"),
    "throttled app": Case(error(429, "ApplicationThrottled"), Throttled, "too often"),
    "activity limit": Case(error(429, "activityLimitReached"), Throttled, "too often"),
    "throttled, unnamed": Case(error(429, "UnknownError"), Throttled, "too often"),
    "an internal error": Case(error(500, "generalException"), UpstreamDown, "no answer"),
    "an HTML page of a gateway": Case(httpx.Response(502, text="<html>Bad Gateway</html>"), UpstreamDown, "no answer"),
    "unavailable": Case(error(503, "serviceNotAvailable"), UpstreamDown, "no answer"),
    "unavailable, unnamed": Case(error(504, "UnknownError"), UpstreamDown, "no answer"),
    "an internal error at a change": Case(error(500, "InternalServerError"), UnknownOutcome, "did not say", CHANGE),
    "unavailable at a change": Case(error(503, "serviceNotAvailable"), UnknownOutcome, "did not say", CHANGE),
    "a redirect": Case(httpx.Response(307, headers={"Location": "https://x.test"}), UpstreamDown, "no answer"),
    "a wrong method": Case(error(405, "MethodNotAllowed"), Bug, "fault in IRBot"),
    "a refusal without a body": Case(httpx.Response(403), MissingPermission, "User.Read.All", granted=NONE),
    "a refusal with a strange body": Case(httpx.Response(400, json=["odd"]), Bug, "fault in IRBot"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_refusal_becomes_an_error_and_words(case: Case) -> None:
    answer = case.answer
    found = graph_error(case.operation, answer.status_code, answer.headers, answer.content, granted=case.granted)
    assert type(found) is case.error
    assert found.data["operation"] == case.operation.name
    assert found.data["status"] == answer.status_code
    words = explain(found)
    assert case.words.casefold() in f"{words.what} {words.next_step}".casefold()


def test_graphs_request_id_and_code_are_kept() -> None:
    answer = error(403, "Authorization_RequestDenied")
    found = graph_error(READ, 403, answer.headers, answer.content)
    assert found.data["request_id"] == "r-1"
    assert found.data["graph_code"] == "Authorization_RequestDenied"
    bare = graph_error(READ, 503, httpx.Headers({"request-id": "r-2"}), b"")
    assert bare.data["request_id"] == "r-2"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("7, 9", 7), ("0", 0), ("-3", 0), ("soon", None), (None, None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_retry_after_is_read_in_all_its_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after({} if header is None else {"Retry-After": header}) == seconds


def test_our_own_token_tells_what_is_granted() -> None:
    assert permissions_in(token_with("User.Read.All")) == {"User.Read.All"}
    assert permissions_in(token_with()) == frozenset()


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.!!!.c", "a.W10.c"])
def test_a_token_that_cannot_be_read_tells_nothing(token: str) -> None:
    assert permissions_in(token) is None
