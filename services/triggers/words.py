"""What Microsoft's names for a risk mean, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from services.microsoft365.alerts import Alert
from services.microsoft365.risk import RiskDetection

_KINDS: Mapping[str, str] = {
    "adminConfirmedUserCompromised": "An administrator said that the account is compromised",
    "anomalousToken": "A sign-in token behaved oddly, as a stolen one does",
    "anomalousUserActivity": "The account did things that it does not usually do",
    "anonymizedIPAddress": "A sign-in came from an address that hides who is behind it",
    "attackerinTheMiddle": "Somebody stood between the person and Microsoft's sign-in page",
    "attemptedPrtAccess": "Somebody tried to steal the sign-in of a device",
    "generic": "Microsoft saw something and does not say what; the licence decides",
    "impossibleTravel": "Two sign-ins were too far apart for the time between them",
    "investigationsThreatIntelligence": "It looks like an attack that Microsoft knows",
    "leakedCredentials": "The password was found among leaked ones",
    "maliciousIPAddress": "A sign-in came from an address known for attacks",
    "maliciousIPAddressValidCredentialsBlockedIP": "The right password came from a blocked address",
    "malwareInfectedIPAddress": "A sign-in came from an address with malware",
    "mcasSuspiciousInboxManipulationRules": "A suspicious rule was made in the inbox",
    "newCountry": "A sign-in came from a country that is new for the account",
    "passwordSpray": "Somebody tried one password on many accounts, and it fitted here",
    "riskyIPAddress": "Something was done from a risky address",
    "suspiciousAPITraffic": "The account read the directory in an unusual way",
    "suspiciousAuthenticatorApproval": "A sign-in request was approved in an odd way",
    "suspiciousBrowser": "A sign-in came from a suspicious browser",
    "suspiciousInboxForwarding": "Mail is being forwarded in a suspicious way",
    "suspiciousSendingPatterns": "The account sent suspicious mail",
    "tokenIssuerAnomaly": "The sign-in token was issued in an odd way",
    "unfamiliarFeatures": "A sign-in was unlike the account's others",
    "unlikelyTravel": "Two sign-ins came from places that do not fit together",
    "userReportedSuspiciousActivity": "The person themselves reported a sign-in request",
}
_SOURCES: Mapping[str, str] = {
    "azureAdIdentityProtection": "Entra ID Protection",
    "microsoft365Defender": "Defender XDR",
    "microsoftDefenderForCloudApps": "Defender for Cloud Apps",
    "microsoftDefenderForEndpoint": "Defender for Endpoint",
    "microsoftDefenderForIdentity": "Defender for Identity",
    "microsoftDefenderForOffice365": "Defender for Office 365",
}


def of_detection(detection: RiskDetection) -> str:
    """One risky thing, and from where. A kind that is not known is named as Microsoft names it."""
    what = _KINDS.get(detection.kind) or f"Microsoft calls it “{detection.kind or 'unknown'}”"
    place = ", ".join(part for part in (detection.city, detection.country) if part)
    origin = " · ".join(part for part in (place, detection.ip) if part)
    return f"{what} ({origin})" if origin else what


def of_risk(level: str) -> str:
    """A risk whose reasons could not be read."""
    return f"Entra ID Protection says that the risk is {level}; its reasons could not be read"


def of_alert(alert: Alert) -> str:
    """An alert, and who raised it."""
    return f"Alert of {_SOURCES.get(alert.source, 'Microsoft Defender')}: {alert.title or 'without a title'}"
