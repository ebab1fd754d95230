"""From what Exchange answers to rows or to one of our errors: the only place that reads the service's wording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.decoding import decoded
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
from services.microsoft365.exchange.backend import SERVICE, Call, Record

_SAID_LIMIT = 300
# Back ends that stumble: the same call may work in a moment.
_TRANSIENT = frozenset(
    {
        "ADServerSettingsChangedException",
        "BackendCommunicationException",
        "CmdletProxyNotAvailableFailure",
        "DCOverloadedException",
        "ServerBusyException",
        "ServerInMMException",
        "StorageTransientException",
        "SuitabilityDirectoryException",
        "TransientException",
        "UnableToWriteToAadException",
    }
)
_NOT_THERE = frozenset({"ManagementObjectNotFoundException", "UserNotFoundInPermissionEntryException"})
_OUR_MISTAKE = frozenset(
    {"AmbiguousParameterSetException", "ParameterTransformationException", "ParameterBindingException"}
)
_TRACE_PAUSE_SECONDS = 60.0
_CONCURRENCY = "maximum number of concurrent requests"
_EXPIRED_PAGE = "pagination request"
ROLE = "Exchange Administrator"
HOLD_LICENCE = "Exchange Online Plan 2"


@dataclass(frozen=True, slots=True)
class Refused:
    """An error body, taken apart. `said` is the service's own sentence, cut short; `incomplete`: a parameter lacked."""

    status: int
    error_id: str = ""
    exception: str = ""
    said: str = ""
    readable: bool = True
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a successful answer."""

    records: tuple[Record, ...]
    warnings: tuple[str, ...]
    next_link: str | None
    asks_back: bool = False
    errors: tuple[str, ...] = ()


class PageExpired(Exception):
    """The link to the next page is stale or reached another server; the read must begin again."""


def parse_page(body: Any, operation: str) -> Page:
    """Rows without their type side-cars. A body that is not one of Exchange's raises UpstreamDown."""
    if not isinstance(body, Mapping):
        raise UpstreamDown(service=SERVICE, operation=operation, reason="unreadable-answer")
    rows = body.get("value")
    if rows is None:
        rows = []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UpstreamDown(service=SERVICE, operation=operation, reason="unreadable-answer")
    link = body.get("@odata.nextLink")
    return Page(
        tuple({name: value for name, value in row.items() if "@" not in name} for row in rows),
        tuple(str(warning) for warning in _items(body.get("@adminapi.warnings"))),
        str(link) if link else None,
        "@adminapi.confirmationmessage" in body,
        tuple(_error_text(error) for error in _items(body.get("@adminapi.errors"))),
    )


def _items(value: Any) -> list[Any]:
    """A list, whether several came, one, or none."""
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _error_text(error: Any) -> str:
    return str(error.get("message") or error) if isinstance(error, Mapping) else str(error)


def refusal_in_success(error: str) -> Refused:
    """An error that came beside the rows of a 200: the cmdlet went on and left something out."""
    return refusal_of(400, {"error": {"details": [{"message": error}]}})


def parse_refusal(status: int, raw: bytes, exception: str = "") -> Refused:
    """Takes an error body apart; one of NUL bytes, of HTML or of plain text too. `exception` is the header's name."""
    refused = _parse(status, raw)
    return replace(refused, exception=exception.rpartition(".")[2]) if exception and not refused.exception else refused


def _parse(status: int, raw: bytes) -> Refused:
    raw = raw.replace(b"\x00", b"").strip()
    if not raw:
        return Refused(status, readable=False)
    try:
        body = decoded(raw)
    except ValueError:
        plain = raw.decode("utf-8", "replace")
        return Refused(status, said="" if plain.startswith("<") else _short(plain), readable=False)
    return refusal_of(status, body)


def refusal_of(status: int, body: Any) -> Refused:
    """The same for a body that is JSON already: those inside a $batch are."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return Refused(status, readable=False)
    details = error.get("details")
    inner = error.get("innererror")
    internal = inner.get("internalexception") if isinstance(inner, Mapping) else None
    internal_said = str(internal.get("message") or "") if isinstance(internal, Mapping) else ""
    if _EXPIRED_PAGE in internal_said:
        return Refused(status, exception="PageExpired", said=_short(internal_said))
    first = details[0] if isinstance(details, list) and details and isinstance(details[0], Mapping) else {}
    said = str(first.get("message") or "")
    headline = str(error.get("message") or "")
    if said.count("|") >= 2:
        error_id, exception, text = said.split("|", 2)
        exception = exception.rpartition(".")[2]
        if not exception:
            # Some refusals have a word in `code` and nothing in the triple.
            exception = _word(error.get("code"))
        return Refused(status, error_id, exception, _localised(text))
    return Refused(
        status,
        exception=_word(error.get("code")),
        said=_short(said or internal_said or headline),
        incomplete="Invalid Operation" in headline,
    )


def _word(code: Any) -> str:
    text = str(code or "")
    return text if re.fullmatch(r"\w+Exception", text) else ""


def _localised(text: str) -> str:
    """The text may itself be JSON that carries a stable string id."""
    try:
        inner = decoded(text)
    except ValueError:
        return _short(text)
    localized = inner.get("localizedString", inner) if isinstance(inner, Mapping) else None
    if not isinstance(localized, Mapping):
        return _short(text)
    return _short(f"{localized.get('stringId') or ''}: {localized.get('Message') or localized.get('message') or ''}")


def _short(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:_SAID_LIMIT].strip()


def passing(refused: Refused) -> bool:
    """Whether the same call may well work in a moment."""
    return (
        refused.exception in _TRANSIENT
        or refused.status in {408, 500, 502, 503, 504}
        or "may be transient" in refused.said
    )


def problem(
    refused: Refused, call: Call, *, retry_after: float | None = None, request_id: str | None = None
) -> IRBotError:
    """Our error for a refusal of `call`. Raises PageExpired where only the read must begin again."""
    data: dict[str, str | None] = {"service": SERVICE, "operation": call.cmdlet, "request_id": request_id}
    details = data | {"error_id": refused.error_id, "exception": refused.exception, "said": refused.said}
    if refused.exception == "PageExpired":
        raise PageExpired
    if refused.status == 429 or _CONCURRENCY in refused.said:
        return Throttled(retry_after, **data)
    if "surpassed the permitted limit" in refused.said:
        return Throttled(retry_after or _TRACE_PAUSE_SECONDS, **data)
    if 300 <= refused.status < 400:
        return UpstreamDown(**data, reason="redirected")
    if refused.status == 401:
        return AuthBroken(**data, reason="refused-token")
    if "role definition of the current user" in refused.said or refused.exception == "CmdletAccessDeniedException":
        return MissingRole(roles=[ROLE], cmdlet=call.cmdlet, **details)
    if refused.status == 403:
        # The service says the same for a cmdlet that our roles do not hold and for one that does not exist.
        return MissingRole(roles=[ROLE], cmdlet=call.cmdlet, **data)
    return _of_the_cmdlet(refused, call, data, details, retry_after)


def _of_the_cmdlet(
    refused: Refused,
    call: Call,
    data: dict[str, str | None],
    details: dict[str, str | None],
    retry_after: float | None,
) -> IRBotError:
    name, said = refused.exception, refused.said
    if passing(refused):
        if call.reads:
            return UpstreamDown(**details, status=refused.status, retry_after=retry_after)
        return UnknownOutcome(**details, status=refused.status)
    if name == "InvalidOperationOnDirSyncedObjectException" or "synchronized from your on-premises" in said:
        return OnPremises(**data)
    if "LitigationHoldEnabled" in said and "license" in said.lower():
        return MissingLicence(licence=HOLD_LICENCE, **data)
    if name == "ManagementObjectAmbiguousException":
        return Ambiguous(sought=call.target, candidates=[], **data)
    if what := _absent(refused, call):
        missing = {"reason": "no-mailbox"} if what == "mailbox" else {}
        return Gone(what=what, sought=call.target, **data, **missing)
    if name in _OUR_MISTAKE or refused.incomplete or refused.status in {405, 415}:
        return Bug(reason="bad-call", **details)
    return Conflict(reason=_reason(refused), **details)


def _absent(refused: Refused, call: Call) -> str | None:
    """What is not there; None where something else is wrong."""
    if refused.exception == "UserNotFoundInPermissionEntryException":
        return "permission"
    if "ErrorInboxRuleDoesNotExist" in refused.said:
        return "inbox-rule"
    if refused.exception not in _NOT_THERE and refused.status != 404:
        return None
    if refused.error_id == "Ex41BAF5" or call.cmdlet.endswith(("-Mailbox", "-CASMailbox")):
        return "mailbox"
    return "object"


def _reason(refused: Refused) -> str:
    known = {
        "BlockedSenderRemovalLimitException": "unblock-limit",
        "CannotRemoveSpecialUserException": "special-user",
        "InvalidOperationInDehydratedContextException": "organisation-not-customised",
        "MemberAlreadyExistsException": "already-there",
        "UserAlreadyExistsInPermissionEntryException": "already-there",
    }
    if refused.exception in known:
        return known[refused.exception]
    if "Enable-OrganizationCustomization" in refused.said:
        return "organisation-not-customised"
    return "refused-by-exchange" if refused.readable else "unreadable-refusal"


_NO_CHANGE = ("no settings of", "doesn't exist on the object", "ACE isn't present", "is not present on the object")


def changed_nothing(warnings: tuple[str, ...]) -> bool:
    """Whether the service says that all was so already."""
    return any(part in warning for warning in warnings for part in _NO_CHANGE)


_MORE = ("more results available", "There are more results", "increase the value for the ResultSize")


def says_more(warnings: tuple[str, ...]) -> bool:
    """Whether the service says that it cut the answer short."""
    return any(part in warning for warning in warnings for part in _MORE)
