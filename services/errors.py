"""Every way in which IRBot says no, in one tree.

IRBotError
├── Refusal              the request was understood and is not carried out
│   ├── BadInput           it makes no sense as it stands
│   ├── NotAllowed         this person may not do this
│   │   └── Stopped          an administrator has stopped all work
│   ├── NotFound           there is no such person, incident or approval
│   ├── Ambiguous          several people fit
│   ├── Conflict           the world does not allow it now
│   └── Expired            it was allowed once, and is too late
├── Unavailable          the request is fine and a service does not do its part
│   ├── Throttled          asked too often; carries how long to wait
│   ├── UpstreamDown       no answer, or a server error
│   ├── AuthBroken         our own credentials are not accepted
│   ├── MissingPermission  our app lacks an application permission
│   ├── MissingRole        our app lacks a directory role for this target
│   ├── MissingLicence     the tenant has no licence for this
│   ├── OnPremises         the object is mastered on-premises
│   └── Gone               the object that the call named is not there
├── UnknownOutcome       it was sent, and nobody knows whether it was done
└── Bug                  ours

Each class has a stable `code`; an instance carries data, never prose. The words are in `plain_words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class IRBotError(Exception):
    """The root. `data` holds plain JSON values that explain the case, without secrets."""

    code: ClassVar[str] = "error"

    def __init__(self, **data: str | int | float | bool | list[str] | None) -> None:
        self.data: Mapping[str, str | int | float | bool | list[str] | None] = data
        super().__init__(self.code, dict(data))


class Refusal(IRBotError):
    """The request was understood and is not carried out."""

    code = "refused"


class BadInput(Refusal):
    """The request makes no sense as it stands. Data: `reason`, a stable word."""

    code = "bad-input"


class NotAllowed(Refusal):
    """This person may not do this. Data: `reason`, a stable word; `permission` where one is missing."""

    code = "not-allowed"


class Stopped(NotAllowed):
    """Nobody may have an effect now: an administrator has stopped all work. Surely not sent. Data: `by`, `why`."""

    code = "stopped"

    def __init__(self, **data: str | int | float | bool | list[str] | None) -> None:
        super().__init__(**{"reason": "stopped", **data})


class NotFound(Refusal):
    """Nothing by that name or id. Data: `what`, `sought`."""

    code = "not-found"


class Ambiguous(Refusal):
    """Several accounts fit. Data: `sought`, `candidates` (object ids)."""

    code = "ambiguous"


class Conflict(Refusal):
    """The state of the world does not allow it now. Data: `reason`, a stable word."""

    code = "conflict"


class Expired(Refusal):
    """Too late. Data: `what`."""

    code = "expired"


class Unavailable(IRBotError):
    """A service does not do its part. Data may carry `service`, `operation`, `request_id`."""

    code = "unavailable"


class Throttled(Unavailable):
    """Asked too often. `retry_after` is in seconds, None where the service sent none."""

    code = "throttled"

    def __init__(self, retry_after: float | None = None, **data: str | int | float | bool | list[str] | None) -> None:
        self.retry_after = retry_after
        super().__init__(retry_after=retry_after, **data)


class UpstreamDown(Unavailable):
    """No answer in time, or a server error. For a write that may have happened, use UnknownOutcome."""

    code = "upstream-down"


class AuthBroken(Unavailable):
    """The sign-in service or the API does not accept our credentials."""

    code = "auth-broken"


class MissingPermission(Unavailable):
    """Our app lacks an application permission. Data: `permissions`, the names that would do."""

    code = "missing-permission"


class MissingRole(Unavailable):
    """Our app lacks a directory role for this target. Data: `roles`, the names that would do."""

    code = "missing-role"


class MissingLicence(Unavailable):
    """The tenant has no licence for this. Data: `licence`, its name."""

    code = "missing-licence"


class OnPremises(Unavailable):
    """The object is mastered in an on-premises directory and must be changed there."""

    code = "on-premises"


class Gone(Unavailable):
    """The object that the call named is not there (or not yet replicated)."""

    code = "gone"


class UnknownOutcome(IRBotError):
    """The request was sent and nobody knows whether it was done; read back before trying again."""

    code = "unknown-outcome"


class Bug(IRBotError):
    """Ours. Data: `correlation_id`, to find the log."""

    code = "bug"
