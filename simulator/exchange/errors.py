"""How Exchange Online says no: its own status codes, exception names and bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass

_TASKS = "Microsoft.Exchange.Management.Tasks"
_CONFIGURATION = "Microsoft.Exchange.Configuration.Tasks"
_DIRECT = "Microsoft.Exchange.Management.PSDirectInvoke."
_SERVER = "DB8PR04A0123.eurprd04.prod.outlook.com"


@dataclass(slots=True)
class CmdletError(Exception):
    """A refusal that the service wraps into its OData error body. `details` is empty where the service gives none."""

    text: str
    exception: str = "Microsoft.Exchange.Configuration.Tasks.TaskException"
    error_id: str = ""
    status: int = 400
    code: str = "BadRequest"
    message: str = "Error executing cmdlet"
    has_details: bool = True
    internal: str = ""
    exception_type_header: str = ""

    def body(self) -> dict[str, object]:
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.has_details:
            triple = f"{self.error_id}|{self.exception}|{self.text}"
            error["details"] = [{"code": "Context", "target": "", "message": triple}]
            error["innererror"] = {
                "message": self.message,
                "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": "   at Microsoft.Exchange.Admin.OData.Core.Execute()",
                "internalexception": {
                    "message": self.internal
                    or f"Exception of type '{_DIRECT}DirectInvokeCmdletExecutionException' was thrown.",
                    "type": f"{_DIRECT}DirectInvokeCmdletExecutionException",
                    "stacktrace": "   at Microsoft.Exchange.Management.PSDirectInvoke.Invoke()",
                },
            }
        return {
            "error": error,
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": [],
        }

    def headers(self) -> dict[str, str]:
        name = self.exception_type_header or self.exception.rpartition(".")[2]
        return {"x-ExceptionType": name} if name else {}


@dataclass(slots=True)
class Unauthorised(Exception):
    """No usable token, or none with the app role: 401 and an empty body."""

    reason: str
    claims: str = ""


class Forbidden(Exception):
    """The caller's roles do not hold the cmdlet, or there is no such cmdlet: the service does not say which."""


# A body of NUL bytes that claims to be gzip: what the service really sends with this 403.
FORBIDDEN_BODY = b"\x00" * 64


def object_not_found(identity: str) -> CmdletError:
    return CmdletError(
        f"The operation couldn't be performed because object '{identity}' couldn't be found on '{_SERVER}'.",
        f"{_CONFIGURATION}.ManagementObjectNotFoundException",
        "Ex6F9304",
        status=404,
        code="NotFound",
    )


def mailbox_not_found(identity: str) -> CmdletError:
    """What cmdlets on a mailbox's content say instead."""
    return CmdletError(
        f'The specified mailbox Identity:"{identity}" doesn\'t exist.',
        f"{_CONFIGURATION}.ManagementObjectNotFoundException",
        "Ex41BAF5",
        status=404,
        code="NotFound",
    )


def recipient_not_found(identity: str) -> CmdletError:
    return CmdletError(
        f"Couldn't find '{identity}' as a recipient.", f"{_CONFIGURATION}.ManagementObjectNotFoundException", "Ex9B5CA6"
    )


def ambiguous(identity: str) -> CmdletError:
    return CmdletError(
        f"The operation couldn't be performed because '{identity}' matches multiple entries.",
        f"{_CONFIGURATION}.ManagementObjectAmbiguousException",
        "ExA3A5D1",
    )


def rule_not_found(identity: str) -> CmdletError:
    """The service words this one as JSON inside the text."""
    localized = {
        "localizedString": {
            "stringId": "ErrorInboxRuleDoesNotExist",
            "ClassName": "Microsoft.Exchange.Management.Strings",
            "Message": f"The Inbox rule '{identity}' doesn't exist.",
        }
    }
    return CmdletError(json.dumps(localized), "System.InvalidOperationException", "Ex2C7DA1")


def folder_entry_missing(user: str) -> CmdletError:
    return CmdletError(
        f"There is no existing permission entry found for user: {user}.",
        "Microsoft.Exchange.Management.StoreTasks.UserNotFoundInPermissionEntryException",
        "Ex8C1B9B",
    )


def folder_entry_exists(user: str) -> CmdletError:
    return CmdletError(
        f"An existing permission entry was found for user: {user}.",
        "Microsoft.Exchange.Management.StoreTasks.UserAlreadyExistsInPermissionEntryException",
        "Ex5E94A0",
    )


def special_user(user: str) -> CmdletError:
    return CmdletError(
        f"Permission of the special user '{user}' cannot be removed.",
        "Microsoft.Exchange.Management.StoreTasks.CannotRemoveSpecialUserException",
        "ExB2D7E1",
    )


def unknown_parameter(name: str) -> CmdletError:
    return CmdletError(
        f"A parameter cannot be found that matches parameter name '{name}'.",
        "Microsoft.Exchange.Management.PSDirectInvoke.AmbiguousParameterSetException",
    )


def bad_value(parameter: str, value: object, expected: str) -> CmdletError:
    return CmdletError(
        f"Cannot process argument transformation on parameter '{parameter}'. "
        f'Cannot convert value "{value}" to type {expected}',
        "Microsoft.Exchange.Management.PSDirectInvoke.ParameterTransformationException",
    )


def missing_parameter() -> CmdletError:
    return CmdletError("", message="Invalid Operation", has_details=False)


def parameter_not_in_role(cmdlet: str, parameter: str) -> CmdletError:
    return CmdletError(
        f"The cmdlet parameter '{parameter}' of '{cmdlet}' isn't present in the role definition of the current user.",
        "Microsoft.Exchange.Configuration.Authorization.CmdletAccessDeniedException",
        status=403,
        code="Forbidden",
    )


def recipient_task(text: str) -> CmdletError:
    return CmdletError(text, f"{_TASKS}.RecipientTaskException", "Ex7BF498")


def no_hold_licence(identity: str) -> CmdletError:
    return recipient_task(
        f"The action 'Set-Mailbox', 'LitigationHoldEnabled', can't be performed on the object '{identity}' because "
        "the Exchange Online license doesn't permit you to put a litigation hold on this mailbox."
    )


def synced_from_on_premises(cmdlet: str, parameter: str, identity: str) -> CmdletError:
    return CmdletError(
        f"The operation on mailbox \"{identity}\" failed because it's out of the current user's write scope. "
        f"The action '{cmdlet}', '{parameter}', can't be performed on the object '{identity}' because the object is "
        "being synchronized from your on-premises organization. This action should be performed on the object in your "
        "on-premises organization.",
        f"{_CONFIGURATION}.InvalidOperationOnDirSyncedObjectException",
        "ExA7F0C2",
    )


def expired_page() -> CmdletError:
    text = "The pagination request is expired or invalid. The default expiry time for pagination is 00:30:00."
    return CmdletError(text, "Microsoft.Exchange.Admin.OData.Core.ODataServiceException", internal=text)


def trace_limit() -> CmdletError:
    """The message trace's own limit comes without an id and without an exception name."""
    return CmdletError("Your recent queries have surpassed the permitted limit, please try again later.", exception="")


def retired(cmdlet: str) -> CmdletError:
    return CmdletError(f"{cmdlet} is no longer available. Use {cmdlet}V2 instead.", "System.InvalidOperationException")


def unblock_limit(address: str) -> CmdletError:
    return CmdletError(
        f"The sender {address} can't be removed from the block list because the limit of removals has been reached. "
        "Contact support.",
        "Microsoft.Exchange.Management.Hygiene.BlockedSenderRemovalLimitException",
    )


def not_customised(cmdlet: str) -> CmdletError:
    return CmdletError(
        f"The command '{cmdlet}' isn't allowed in your organization until you run the command "
        "Enable-OrganizationCustomization.",
        f"{_CONFIGURATION}.InvalidOperationInDehydratedContextException",
    )


def transient(exception: str, status: int = 400) -> CmdletError:
    """A back end that stumbles. `exception` is one of the names that the service's own module treats as passing."""
    return CmdletError(
        f"{exception}: the request could not be served. This error may be transient.",
        f"Microsoft.Exchange.Data.{exception}",
        status=status,
        code="BadRequest" if status < 500 else "ServiceUnavailable",
    )
