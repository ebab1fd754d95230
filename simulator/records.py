"""What Microsoft 365 remembers and sets up around the directory: logs, risk, policies, mail, managed devices, alerts.

Rows are kept as Graph shows them. A story or a test appends rows; the services read them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.clock import stamp
from simulator.ids import new_guid

if TYPE_CHECKING:
    from simulator.tenant import User

Json = dict[str, Any]

_DISABLED, _ENABLED = "disabled", "enabled"


@dataclass
class Records:
    """All of it, for one tenant."""

    sign_ins: list[Json] = field(default_factory=list)  # with the beta properties; v1.0 shows interactive ones only
    sign_in_arrivals: dict[str, datetime] = field(default_factory=dict)  # by id: when the log shows a late one
    directory_audits: list[Json] = field(default_factory=list)  # what happened before; own changes come on top
    risky_users: dict[str, Json] = field(default_factory=dict)
    risk_history: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    risk_detections: list[Json] = field(default_factory=list)
    confirmed_sign_ins: dict[str, str] = field(default_factory=dict)  # sign-in id → compromised | safe
    audit_queries: dict[str, Json] = field(default_factory=dict)
    mail: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))  # by user id; parentFolderId
    files: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))  # by user id; with `text`
    purged: list[Json] = field(default_factory=list)
    managed_devices: dict[str, Json] = field(default_factory=dict)
    devices_off: set[str] = field(default_factory=set)  # managed devices that are switched off and answer nothing
    detected_apps: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))  # by managed device
    protection_states: dict[str, Json] = field(default_factory=dict)
    compliance_states: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    malware: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))  # by managed device
    alerts: dict[str, Json] = field(default_factory=dict)
    incidents: dict[str, Json] = field(default_factory=dict)
    hunting: dict[str, list[Json]] = field(default_factory=dict)  # by table name
    identity_accounts: dict[str, Json] = field(default_factory=dict)
    on_premises_actions: list[Json] = field(default_factory=list)
    remediations: list[Json] = field(default_factory=list)
    handed_over: defaultdict[str, list[tuple[datetime, int]]] = field(default_factory=lambda: defaultdict(list))
    undeliverable: dict[str, str] = field(default_factory=dict)  # outside address → what its mail server answers
    secure_scores: list[Json] = field(default_factory=list)
    score_profiles: dict[str, Json] = field(default_factory=dict)
    access_policies: dict[str, Json] = field(default_factory=dict)
    named_locations: dict[str, Json] = field(default_factory=dict)
    security_defaults: Json = field(default_factory=dict)
    authorization_policy: Json = field(default_factory=dict)
    methods_policy: Json = field(default_factory=dict)
    preferences: dict[str, Json] = field(default_factory=dict)  # sign-in preferences by user id
    installed_apps: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    teams_apps: list[Json] = field(default_factory=list)
    contacts: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    people: defaultdict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))

    def add_sign_in(
        self,
        user: User,
        at: datetime,
        *,
        app: str = "Office 365 Exchange Online",
        client: str = "Browser",
        ip_address: str = "198.51.100.20",
        place: tuple[str, str] = ("Seattle", "US"),
        error: int = 0,
        interactive: bool = True,
        **more: object,
    ) -> Json:
        """Writes a sign-in into the log; `more` sets further properties."""
        row: Json = {
            "id": new_guid(),
            "createdDateTime": stamp(at),
            "userId": user.id,
            "userDisplayName": user.display_name,
            "userPrincipalName": user.upn,
            "appId": "00000002-0000-0ff1-ce00-000000000000",
            "appDisplayName": app,
            "resourceDisplayName": app,
            "resourceId": "00000002-0000-0ff1-ce00-000000000000",
            "ipAddress": ip_address,
            "clientAppUsed": client,
            "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/142.0",
            "correlationId": new_guid(),
            "conditionalAccessStatus": "notApplied",
            "appliedConditionalAccessPolicies": [],
            "isInteractive": interactive,
            "riskDetail": "none",
            "riskLevelAggregated": "none",
            "riskLevelDuringSignIn": "none",
            "riskState": "none",
            "riskEventTypes_v2": [],
            "status": {
                "errorCode": error,
                "failureReason": "Other." if error == 0 else "See the code.",
                "additionalDetails": None,
            },
            "deviceDetail": {
                "deviceId": "",
                "displayName": "",
                "operatingSystem": "Windows10",
                "browser": "Edge 142.0",
                "isCompliant": False,
                "isManaged": False,
                "trustType": "",
            },
            "location": {"city": place[0], "state": "", "countryOrRegion": place[1], "geoCoordinates": {}},
            "signInEventTypes": ["interactiveUser" if interactive else "nonInteractiveUser"],
            "authenticationRequirement": "singleFactorAuthentication",
            "authenticationDetails": [],
            "incomingTokenType": "none" if interactive else "refreshToken",
            "uniqueTokenIdentifier": new_guid(),
            "autonomousSystemNumber": 64500,
            "sessionId": new_guid(),
            "originalRequestId": "",
        } | more
        self.sign_ins.append(row)
        return row

    def arrived_sign_ins(self, by: datetime) -> list[Json]:
        """What the log shows at a moment: some sign-ins come minutes late."""
        return [row for row in self.sign_ins if self.sign_in_arrivals.get(row["id"], by) <= by]

    def add_message(
        self,
        user: User,
        at: datetime,
        *,
        subject: str,
        sender: str,
        to: tuple[str, ...],
        folder: str = "inbox",
        body: str = "",
        **more: object,
    ) -> Json:
        """Puts a message into a folder of a mailbox, by the folder's well-known name."""
        row: Json = {
            "id": f"AAMk{new_guid().replace('-', '')}",
            "subject": subject,
            "bodyPreview": body[:255],
            "body": {"contentType": "text", "content": body},
            "from": recipient(sender),
            "sender": recipient(sender),
            "toRecipients": [recipient(address) for address in to],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "createdDateTime": stamp(at),
            "sentDateTime": stamp(at),
            "receivedDateTime": stamp(at),
            "lastModifiedDateTime": stamp(at),
            "internetMessageId": f"<{new_guid()}@simulated>",
            "internetMessageHeaders": [],
            "conversationId": new_guid().replace("-", ""),
            "hasAttachments": False,
            "importance": "normal",
            "isDraft": False,
            "isRead": folder != "inbox",
            "parentFolderId": folder,
            "categories": [],
        } | more
        self.mail[user.id].append(row)
        return row

    def add_file(self, user: User, at: datetime, name: str, text: str = "") -> Json:
        """Puts a file into the OneDrive of a person. `text` is what the search finds it by."""
        row: Json = {
            "id": f"01{new_guid().replace('-', '')}",
            "name": name,
            "size": len(text),
            "file": {"mimeType": "application/octet-stream"},
            "createdDateTime": stamp(at),
            "lastModifiedDateTime": stamp(at),
            "text": text,
        }
        self.files[user.id].append(row)
        return row

    def add_risk(self, user: User, at: datetime, level: str, state: str, detail: str = "none") -> Json:
        """Says that an account is at risk, and keeps the history."""
        row: Json = {
            "id": user.id,
            "isDeleted": False,
            "isProcessing": False,
            "riskDetail": detail,
            "riskLastUpdatedDateTime": stamp(at),
            "riskLevel": level,
            "riskState": state,
            "userDisplayName": user.display_name,
            "userPrincipalName": user.upn,
        }
        self.risky_users[user.id] = row
        self.risk_history[user.id].append(row | {"id": new_guid(), "userId": user.id})
        return row


def recipient(address: str, name: str | None = None) -> Json:
    """An address as Graph writes it."""
    return {"emailAddress": {"address": address, "name": name or address}}


def ordinary(records: Records, people: int, now: datetime, guid: Callable[[str], str]) -> None:
    """What every tenant has: policies and a score."""
    records.security_defaults = {
        "id": "00000000-0000-0000-0000-000000000005",
        "displayName": "Security Defaults",
        "description": "Security defaults is a set of basic identity security mechanisms recommended by Microsoft.",
        "isEnabled": False,
    }
    records.authorization_policy = {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "allowInvitesFrom": "everyone",
        "allowedToSignUpEmailBasedSubscriptions": True,
        "allowedToUseSSPR": True,
        "allowEmailVerifiedUsersToJoinOrganization": False,
        "blockMsolPowerShell": False,
        "guestUserRoleId": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "defaultUserRolePermissions": {
            "allowedToCreateApps": True,
            "allowedToCreateSecurityGroups": True,
            "allowedToReadOtherUsers": True,
            "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"],
        },
    }
    records.methods_policy = {
        "id": "authenticationMethodsPolicy",
        "displayName": "Authentication Methods Policy",
        "description": "The tenant-wide policy that controls which authentication methods are allowed.",
        "lastModifiedDateTime": stamp(now),
        "policyVersion": "1.5",
        "reconfirmationInDays": 0,
        "authenticationMethodConfigurations": [
            _method("Email", "emailAuthenticationMethodConfiguration", _ENABLED),
            _method("Fido2", "fido2AuthenticationMethodConfiguration", _ENABLED),
            _method("MicrosoftAuthenticator", "microsoftAuthenticatorAuthenticationMethodConfiguration", _ENABLED),
            _method("Sms", "smsAuthenticationMethodConfiguration", _DISABLED),
            _method("TemporaryAccessPass", "temporaryAccessPassAuthenticationMethodConfiguration", _ENABLED)
            | {
                "defaultLifetimeInMinutes": 60,
                "minimumLifetimeInMinutes": 60,
                "maximumLifetimeInMinutes": 480,
                "isUsableOnce": False,
                "defaultLength": 8,
                "includeTargets": [{"id": "all_users", "targetType": "group", "isRegistrationRequired": False}],
            },
        ],
    }
    _scores(records, people, now, guid)


def _method(name: str, kind: str, state: str) -> Json:
    return {"@odata.type": f"#microsoft.graph.{kind}", "id": name, "state": state, "excludeTargets": []}


_CONTROLS = (
    ("MFARegistrationV2", "Ensure multifactor authentication is enabled for all users", 9.0, 4.5, "Identity"),
    ("BlockLegacyAuthentication", "Block legacy authentication", 8.0, 0.0, "Identity"),
    ("AdminMFAV2", "Ensure multifactor authentication is enabled for all administrators", 10.0, 10.0, "Identity"),
    ("mdo_safelinksforemail", "Create Safe Links policies for email messages", 9.0, 0.0, "Apps"),
    ("IntegratedApps", "Ensure user consent to apps is not allowed", 4.0, 0.0, "Identity"),
)


def _scores(records: Records, people: int, now: datetime, guid: Callable[[str], str]) -> None:
    most = sum(control[2] for control in _CONTROLS)
    records.secure_scores = [
        {
            "id": guid("secure-score"),
            "createdDateTime": stamp(now),
            "currentScore": sum(control[3] for control in _CONTROLS),
            "maxScore": most,
            "activeUserCount": people,
            "licensedUserCount": people,
            "enabledServices": ["HasExchange", "HasSharePoint"],
            "averageComparativeScores": [{"basis": "AllTenants", "averageScore": 0.45 * most}],
            "controlScores": [
                {"controlCategory": category, "controlName": name, "score": score, "description": title}
                for name, title, _, score, category in _CONTROLS
            ],
        }
    ]
    records.score_profiles = {
        name: {
            "id": name,
            "title": title,
            "maxScore": most_points,
            "rank": rank,
            "controlCategory": category,
            "service": "AzureAD" if category == "Identity" else "MDO",
            "tier": "Core",
            "userImpact": "Moderate",
            "implementationCost": "Low",
            "deprecated": False,
            "actionType": "Config",
            "actionUrl": "https://security.microsoft.com/securescore",
            "remediation": f"<p>To do: {title[0].lower()}{title[1:]}.</p><br/><p>Start with a pilot &amp; go on.</p>",
            "remediationImpact": "People may have to sign in again.",
            "threats": ["Account Breach"],
            "controlStateUpdates": [],
        }
        for rank, (name, title, most_points, _, category) in enumerate(_CONTROLS, start=1)
    }


def managed_laptop(records: Records, user: User, device: Json, now: datetime, managed_id: str) -> None:
    """Puts a person's laptop under Intune's care, healthy."""
    records.managed_devices[managed_id] = {
        "id": managed_id,
        "azureADDeviceId": device["deviceId"],
        "azureADRegistered": True,
        "deviceName": device["displayName"],
        "complianceState": "compliant",
        "deviceActionResults": [],
        "deviceEnrollmentType": "windowsAzureADJoin",
        "deviceRegistrationState": "registered",
        "emailAddress": user.upn,
        "enrolledDateTime": device["registrationDateTime"],
        "isEncrypted": True,
        "jailBroken": "Unknown",
        "lastSyncDateTime": stamp(now),
        "managementAgent": "mdm",
        "managedDeviceOwnerType": "company",
        "manufacturer": "Contoso",
        "model": "Laptop 5",
        "operatingSystem": device["operatingSystem"],
        "osVersion": device["operatingSystemVersion"],
        "partnerReportedThreatState": "secured",
        "serialNumber": managed_id[:8].upper(),
        "userDisplayName": user.display_name,
        "userId": user.id,
        "userPrincipalName": user.upn,
    }
    records.protection_states[managed_id] = {
        "id": managed_id,
        "antiMalwareVersion": "4.18.25080.5",
        "deviceState": "clean",
        "engineVersion": "1.1.25080.5",
        "fullScanOverdue": False,
        "fullScanRequired": False,
        "isVirtualMachine": False,
        "lastReportedDateTime": stamp(now),
        "malwareProtectionEnabled": True,
        "networkInspectionSystemEnabled": True,
        "productStatus": "noStatusFlagsSet",
        "quickScanOverdue": False,
        "realTimeProtectionEnabled": True,
        "rebootRequired": False,
        "signatureUpdateOverdue": False,
        "signatureVersion": "1.437.210.0",
        "tamperProtectionEnabled": True,
    }
    records.compliance_states[managed_id] = [
        {
            "id": f"{managed_id}-policy",
            "displayName": "Windows baseline",
            "platformType": "windows10AndLater",
            "settingCount": 1,
            "state": "compliant",
            "version": 1,
            "settingStates": [
                {
                    "setting": "Windows10CompliancePolicy.ActiveFirewallRequired",
                    "settingName": None,
                    "state": "compliant",
                }
            ],
        }
    ]
    records.detected_apps[managed_id] = [
        {
            "id": f"app-{name.lower()}",
            "displayName": name,
            "version": version,
            "publisher": publisher,
            "platform": "windows",
            "sizeInByte": 0,
            "deviceCount": 1,
        }
        for name, version, publisher in (
            ("Microsoft Edge", "142.0.3595.53", "Microsoft Corporation"),
            ("Microsoft 365 Apps", "16.0.19328.20158", "Microsoft Corporation"),
            ("7-Zip", "25.01", "Igor Pavlov"),
        )
    ]
