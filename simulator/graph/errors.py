"""How Graph refuses: the codes and messages of the real service; `service.py` gives them their body."""

from __future__ import annotations


class GraphError(Exception):
    """One refusal. Raised by handlers, rendered in one place."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphError:
    """400: the request makes no sense to the directory."""
    return GraphError(400, code, message)


def unknown_property(name: str, entity: str) -> GraphError:
    """400: a property that the type does not have."""
    return GraphError(
        400, "BadRequest", f"Could not find a property named '{name}' on type 'microsoft.graph.{entity}'."
    )


def unsupported_query(message: str) -> GraphError:
    """400: a query that needs the advanced form, or that the property does not offer."""
    return GraphError(400, "Request_UnsupportedQuery", message)


def not_found(key: str) -> GraphError:
    """404: no such directory object, or not yet on this replica."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """403: permission or directory role missing; the real message does not say which."""
    return GraphError(403, "Authorization_RequestDenied", message)


def unknown_segment(segment: str) -> GraphError:
    """400: no such path."""
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def wrong_method() -> GraphError:
    """405: the path exists, not with this method."""
    return GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def premium_needed() -> GraphError:
    """403: reports need Entra ID P1."""
    return GraphError(
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    )


def not_licensed() -> GraphError:
    """403: Conditional Access or Identity Protection without its licence."""
    return GraphError(403, "AccessDenied", "Your tenant is not licensed for this feature.")


def no_mailbox(key: str) -> GraphError:
    """404: the account has no mailbox in the cloud."""
    return GraphError(
        404,
        "MailboxNotEnabledForRESTAPI",
        f"The mailbox is either inactive, soft-deleted, or is hosted on-premise. ({key})",
    )


def item_not_found() -> GraphError:
    """404: no such rule, folder or message."""
    return GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")


MASTERED_ON_PREMISES = (
    "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently "
    "undergoing migration."
)
