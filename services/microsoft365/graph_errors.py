"""The one place where Graph's refusals become ours.

Decided by status and code. Graph's message decides in the four cases where Graph gives nothing else.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import time
from collections.abc import Mapping
from typing import Any

from services.decoding import decoded
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
from services.microsoft365.operations import Effect, Operation

SERVICE = "graph"

PREMIUM = "Microsoft Entra ID P1"
INTUNE = "Microsoft Intune"

_NO_MAILBOX = frozenset({"MailboxNotEnabledForRESTAPI", "ErrorInvalidUser", "MailboxNotSupportedForRESTAPI"})
_LICENCE_CODES = frozenset({"AccessDenied", "Forbidden"})
_CONCURRENT = frozenset({"Directory_ConcurrencyViolation"})


def graph_error(
    operation: Operation,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    granted: frozenset[str] | None = None,
) -> IRBotError:
    """The error that an unsuccessful answer means. `granted` are the permissions that our token carries, if known."""
    error = _error_of(body)
    code = _text(error.get("code"))
    message = _text(error.get("message")).lower()
    data: dict[str, str | int | None] = {
        "service": SERVICE,
        "operation": operation.name,
        "status": status,
        "graph_code": code or None,
        "request_id": _request_id(error, headers),
    }
    if status == 429:
        return Throttled(retry_after(headers), **data)
    if status >= 500:
        if operation.effect is not Effect.READ:
            return UnknownOutcome(**data, retry_after=retry_after(headers))
        return UpstreamDown(**data, retry_after=retry_after(headers))
    if status == 401:
        return AuthBroken(**data)
    if status == 403:
        return _forbidden(operation, code, message, data, granted)
    if status == 404:
        return Gone(**data, reason="no-mailbox" if code in _NO_MAILBOX else "not-there")
    if status == 409:
        return Conflict(**data, reason="changed-at-the-same-time" if code in _CONCURRENT else "already-there")
    if status == 412:
        return Conflict(**data, reason="changed-meanwhile")
    if status == 423:
        return Conflict(**data, reason="locked")
    if status == 424:
        return Conflict(**data, reason="earlier-part-failed")
    if status == 400:
        return _bad_request(operation, code, message, data)
    if 300 <= status < 400:
        return UpstreamDown(**data, reason="redirected")
    return Bug(**data)


def refusal(error: Bug, reason: str) -> Bug | Conflict:
    """A 400 of a call that has but one likely reason, which Graph has no code for; anything else stays what it is."""
    return Conflict(**{**error.data, "reason": reason}) if error.data.get("status") == 400 else error


def _bad_request(operation: Operation, code: str, message: str, data: Mapping[str, str | int | None]) -> IRBotError:
    if code in _NO_MAILBOX:
        return Gone(**data, reason="no-mailbox")
    if _needs_licence(code):
        return MissingLicence(**data, licence=operation.licence or PREMIUM)
    if "on-premises mastered" in message:
        return OnPremises(**data)
    if "current default authentication method" in message:
        return Conflict(**data, reason="default-sign-in-method")
    if "deleting alternate mobile" in message:
        return Conflict(**data, reason="alternate-phone-first")
    if "not applicable to target tenant" in message:
        return MissingLicence(**data, licence=INTUNE)
    if "password" in message and ("complexity" in message or "banned" in message or "comply" in message):
        return BadInput(**data, reason="password-refused")
    return Bug(**data)


def _forbidden(
    operation: Operation,
    code: str,
    message: str,
    data: Mapping[str, str | int | None],
    granted: frozenset[str] | None,
) -> IRBotError:
    """403 stands for a missing permission, directory role or licence, and Graph does not say which."""
    needed = operation.all_permissions
    missing = [name for name in needed if granted is not None and name not in granted]
    all_granted = granted is not None and not missing
    if _needs_licence(code) and not missing:
        return MissingLicence(**data, licence=operation.licence or PREMIUM)
    if code in _LICENCE_CODES and operation.licence and (all_granted or "licens" in message):
        return MissingLicence(**data, licence=operation.licence)
    if not all_granted:
        return MissingPermission(**data, permissions=missing or list(needed))
    if code == "ErrorAccessDenied":
        # Consented, and yet refused: an Exchange scope (RBAC for Applications) leaves this mailbox out.
        return MissingPermission(**data, permissions=list(needed), reason="mailbox-out-of-scope")
    return MissingRole(**data, roles=list(operation.roles))


def _needs_licence(code: str) -> bool:
    """`Authentication_RequestFromNonPremiumTenantOrB2CTenant`, `AadPremiumLicenseRequired` and their like."""
    return "premium" in code.casefold() or "license" in code.casefold()


def _error_of(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = decoded(body)
    except ValueError:
        return {}
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return error if isinstance(error, dict) else {}


def _request_id(error: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    inner = error.get("innerError")
    found = inner.get("request-id") if isinstance(inner, dict) else None
    return _text(found) or headers.get("request-id") or None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How long to wait, in seconds; None where the service sent no readable header."""
    value = headers.get("Retry-After") or headers.get("retry-after")
    if not value:
        return None
    first = value.split(",")[0].strip()
    try:
        return max(0.0, float(first))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def permissions_in(token: str) -> frozenset[str] | None:
    """The application permissions that our own token carries; None where it cannot be read.

    For a better error text only: the token is not checked, and nothing is allowed because of it.
    """
    claims = _claims(token)
    if claims is None:
        return None
    roles = claims.get("roles")
    return frozenset(each for each in roles if isinstance(each, str)) if isinstance(roles, list) else frozenset()


def principal_in(token: str) -> str | None:
    """The object id of our own service principal, by the same means."""
    claims = _claims(token) or {}
    return str(claims["oid"]) if claims.get("oid") else None


def _claims(token: str) -> Mapping[str, Any] | None:
    try:
        payload = token.split(".")[1]
        claims = decoded(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, TypeError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None
