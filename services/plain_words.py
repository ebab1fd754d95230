"""The one place where errors become words: what is the matter, in short and plain English, and what to do next.

Errors carry stable words and data; here they meet people. Every error class has a row in `_ROWS`, every reason that the
bot gives has one in `services/reasons.py`. No row blames anybody or names a part of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from services.errors import (
    Ambiguous,
    AuthBroken,
    BadInput,
    Bug,
    Conflict,
    Expired,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    NotAllowed,
    NotFound,
    OnPremises,
    Refusal,
    Stopped,
    Throttled,
    Unavailable,
    UnknownOutcome,
    UpstreamDown,
)
from services.reasons import REASONS, Explanation

_LONGEST_QUOTE = 80


def explain(error: IRBotError) -> Explanation:
    """The words for an error. Never raises, and never shows the error's own text."""
    reasons = _REASONS.get(type(error))
    if reasons is not None:
        found = reasons.get(str(error.data.get("reason")))
        if found is not None and error.data.get("reason") == "people-not-resolved":
            return replace(found, what=_unresolved(error) or found.what)
        if found is not None:
            return found
    for each in type(error).__mro__:
        row = _ROWS.get(each)
        if row is not None:
            return row(error)
    raise AssertionError("IRBotError itself has a row")


def _refused(error: IRBotError) -> Explanation:
    return Explanation("Not done", "IRBot did not do this.", "Check the request and try again.")


def _unresolved(error: IRBotError) -> str:
    said = {"unknown": "Not found", "ambiguous": "Fits several people"}
    named = {word: error.data.get(key) for key, word in said.items()}
    parts = [
        f"{word}: {', '.join(map(_quoted, names))}."
        for word, names in named.items()
        if isinstance(names, list) and names
    ]
    return " ".join([*parts, "Nothing was saved."]) if parts else ""


def _bad_input(error: IRBotError) -> Explanation:
    return Explanation("I did not understand", "I could not read that request.", "Write “help” to see what I can do.")


def _not_allowed(error: IRBotError) -> Explanation:
    return Explanation(
        "Not allowed", "You may not do this in IRBot.", "Ask an IRBot administrator if you think that you should."
    )


def _stopped(error: IRBotError) -> Explanation:
    by, why = _quoted(error.data.get("by")), _quoted(error.data.get("why")).rstrip(".")
    what = f"All work was stopped by {by}." if by else "An administrator stopped all work."
    what = f"{what.rstrip('.')}: {why}." if why else what
    return Explanation("Stopped", what, "Wait until an administrator writes “resume”.")


def _not_found(error: IRBotError) -> Explanation:
    thing = {"incident": "incident", "approval": "request", "account": "account", "message": "message"}.get(
        str(error.data.get("what")), "entry"
    )
    sought = _quoted(error.data.get("sought"))
    named = f" {sought}" if sought and thing in ("incident", "account") else ""
    return Explanation("Not found", f"There is no {thing}{named} here.", "Check the spelling, or pick it from a card.")


def _ambiguous(error: IRBotError) -> Explanation:
    sought = _quoted(error.data.get("sought"))
    what = f"{sought} fits more than one account." if sought else "That fits more than one account."
    return Explanation("Which one?", what, "Choose the right one, or write the full sign-in name.")


def _conflict(error: IRBotError) -> Explanation:
    return Explanation(
        "Not possible right now",
        "Things have changed, so this does not fit any more.",
        "Look at the newest card first.",
    )


def _expired(error: IRBotError) -> Explanation:
    return Explanation("Too late", "This request has run out of time. Nothing was changed.", "Start it again.")


def _unavailable(error: IRBotError) -> Explanation:
    return Explanation(
        "A service did not help", f"{_service(error)} did not do its part.", "Try again in a few minutes."
    )


def _throttled(error: IRBotError) -> Explanation:
    wait = error.data.get("retry_after")
    when = _span(wait) if isinstance(wait, int | float) else "a minute"
    return Explanation("Please wait", f"{_service(error)} is asked too often right now.", f"Try again in {when}.")


def _upstream_down(error: IRBotError) -> Explanation:
    if error.data.get("reason") == "list-not-whole":
        return Explanation(
            "Not all came", f"{_service(error)} did not give the whole list.", "Try again in a few minutes."
        )
    return Explanation(
        "No answer", f"{_service(error)} gives no answer right now.", "Try again in a few minutes. Nothing was changed."
    )


def _auth_broken(error: IRBotError) -> Explanation:
    entra = error.data.get("aadsts")
    known = _ENTRA.get(str(entra))
    code = f" (code {entra})" if entra else ""
    return Explanation(
        "IRBot cannot sign in",
        f"Microsoft does not accept IRBot's own sign-in{code}." + (f" {known[0]}" if known else ""),
        known[1] if known else "Ask an administrator to check IRBot's app registration and its certificate or secret.",
    )


def _missing_permission(error: IRBotError) -> Explanation:
    names = _names(error.data.get("permissions"))
    if error.data.get("reason") == "mailbox-out-of-scope":
        return Explanation(
            "A mailbox is out of reach",
            "Exchange does not let IRBot into this mailbox.",
            "Ask an Exchange administrator to add the mailbox to what IRBot may reach.",
        )
    what = f"IRBot's app lacks the permission {names}." if names else "IRBot's app lacks a permission for this."
    return Explanation("A permission is missing", what, "Ask an Entra administrator to grant it, then try again.")


def _missing_role(error: IRBotError) -> Explanation:
    names = _names(error.data.get("roles"))
    cmdlet = str(error.data.get("cmdlet") or "")
    if cmdlet:
        return Explanation(
            "A right in Exchange is missing",
            f"Exchange does not let IRBot's app use {_quoted(cmdlet)}.",
            f"Ask an administrator to give the app the role {names or 'that holds it'}.",
        )
    what = (
        f"IRBot's app needs the Entra role {names} for this account."
        if names
        else "IRBot's app needs an Entra role for this account."
    )
    return Explanation("A role is missing", what, "Ask an Entra administrator to give it the role, or do this by hand.")


def _missing_licence(error: IRBotError) -> Explanation:
    licence = str(error.data.get("licence") or "")
    what = f"This organisation has no licence for {licence}." if licence else "This organisation has no licence for it."
    return Explanation("Not licensed", what, "This was not checked. Go on with the other steps.")


def _on_premises(error: IRBotError) -> Explanation:
    return Explanation(
        "Managed on-premises",
        "This account comes from your own Active Directory and is changed there.",
        "Ask an Active Directory administrator to do this there.",
    )


def _gone(error: IRBotError) -> Explanation:
    return Explanation("Not there", "This is not there any more, or not there yet.", "Wait a minute, then look again.")


def _unknown_outcome(error: IRBotError) -> Explanation:
    return Explanation(
        "We do not know yet",
        f"The request was sent, and {_service(error, start=False)} did not say whether it was done.",
        "Look at the account before you try again.",
    )


def _bug(error: IRBotError) -> Explanation:
    found = error.data.get("correlation_id") or error.data.get("request_id")
    number = f" Say this number: {_quoted(found)}." if found else ""
    return Explanation(
        "Something went wrong in IRBot", "This is a fault in IRBot.", f"Tell whoever runs IRBot.{number}"
    )


_ROWS: Mapping[type, Callable[[IRBotError], Explanation]] = {
    IRBotError: _bug,
    Refusal: _refused,
    BadInput: _bad_input,
    NotAllowed: _not_allowed,
    Stopped: _stopped,
    NotFound: _not_found,
    Ambiguous: _ambiguous,
    Conflict: _conflict,
    Expired: _expired,
    Unavailable: _unavailable,
    Throttled: _throttled,
    UpstreamDown: _upstream_down,
    AuthBroken: _auth_broken,
    MissingPermission: _missing_permission,
    MissingRole: _missing_role,
    MissingLicence: _missing_licence,
    OnPremises: _on_premises,
    Gone: _gone,
    UnknownOutcome: _unknown_outcome,
    Bug: _bug,
}


_AUTH: Mapping[str, Explanation] = {
    "managed-identity-not-offered": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs offers no managed identity that IRBot could use.",
        "Ask an administrator to give IRBot a certificate instead.",
    ),
    "managed-identity-refused": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs does not give IRBot its managed identity.",
        "Ask an administrator to assign the managed identity to it, and to check the identity's client id.",
    ),
    "managed-identity-unreachable": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs gives no answer about its managed identity.",
        "Try again in a minute. Then ask an administrator whether it has a managed identity.",
    ),
    "managed-identity-unreadable": Explanation(
        "IRBot cannot sign in",
        "IRBot cannot read the answer about the managed identity.",
        "Ask an administrator to look at the managed identity of the place where IRBot runs.",
    ),
}
_REASONS: Mapping[type, Mapping[str, Explanation]] = {**REASONS, AuthBroken: _AUTH}

_NO_FEDERATION = (
    "Its app does not trust this managed identity.",
    "Ask an administrator to add the managed identity to IRBot's app as a federated credential.",
)
_ENTRA: Mapping[str, tuple[str, str]] = {
    "AADSTS7000215": ("The secret is wrong.", "Ask an administrator to set IRBot's secret again."),
    "AADSTS7000222": ("The secret has run out.", "Ask an administrator to make a new secret or certificate for IRBot."),
    "AADSTS700016": ("Its app is not in this organisation.", "Ask an administrator to check the app and tenant ids."),
    "AADSTS700027": ("The certificate does not fit.", "Ask an administrator to upload IRBot's certificate again."),
    "AADSTS700211": _NO_FEDERATION,
    "AADSTS700212": _NO_FEDERATION,
    "AADSTS700213": _NO_FEDERATION,
    "AADSTS70021": _NO_FEDERATION,
    "AADSTS7000112": ("Its app is switched off.", "Ask an administrator to switch IRBot's app on."),
    "AADSTS90002": ("The organisation was not found.", "Ask an administrator to check the tenant id."),
    "AADSTS53003": (
        "A Conditional Access policy blocks it.",
        "Ask an administrator to let IRBot's app through the policy.",
    ),
}
_SERVICES: Mapping[str, str] = {
    "bot-connector": "Teams",
    "entra-sign-in": "The Microsoft sign-in service",
    "exchange": "Exchange Online",
    "graph": "Microsoft 365",
    "managed-identity": "The identity service of IRBot's host",
}


def _service(error: IRBotError, *, start: bool = True) -> str:
    name = _SERVICES.get(str(error.data.get("service")), "Microsoft 365")
    return name if start else name.replace("The ", "the ", 1)


def _names(value: object) -> str:
    names = [str(each) for each in value] if isinstance(value, list | tuple) else []
    return " or ".join(names)


def _quoted(value: object) -> str:
    """What somebody wrote, cut to a length that a card can bear."""
    written = str(value) if value not in (None, "") else ""
    return written if len(written) <= _LONGEST_QUOTE else written[: _LONGEST_QUOTE - 1] + "…"


def _span(seconds: float) -> str:
    if seconds <= 90:
        whole = max(1, math.ceil(seconds))
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(seconds / 60)} minutes"
