"""Entity types outside the directory: logs, risk, policies, mail, managed devices, security."""

from __future__ import annotations

from simulator.graph.schema import DATE, EQ, EQ_SW, TEXT, EntityType
from simulator.graph.schema import words as _words

_SIGN_IN = _words(
    "appDisplayName appId appliedConditionalAccessPolicies authenticationAppDeviceDetails clientAppUsed "
    "conditionalAccessStatus correlationId createdDateTime deviceDetail homeTenantId id ipAddress isInteractive "
    "location resourceDisplayName resourceId resourceTenantId riskDetail riskEventTypes riskEventTypes_v2 "
    "riskLevelAggregated riskLevelDuringSignIn riskState servicePrincipalId servicePrincipalName status userAgent "
    "userDisplayName userId userPrincipalName"
)
_SIGN_IN_FILTERS = {
    "id": EQ,
    "appId": EQ,
    "appDisplayName": EQ_SW - {"ne"},
    "clientAppUsed": EQ,
    "conditionalAccessStatus": EQ,
    "correlationId": EQ,
    "createdDateTime": DATE,
    "deviceDetail/browser": EQ_SW - {"ne"},
    "deviceDetail/operatingSystem": EQ_SW - {"ne"},
    "ipAddress": EQ_SW - {"ne"},
    "location/city": EQ_SW - {"ne"},
    "location/state": EQ_SW - {"ne"},
    "location/countryOrRegion": EQ_SW - {"ne"},
    "resourceDisplayName": EQ,
    "resourceId": EQ,
    "riskDetail": EQ,
    "riskLevelAggregated": EQ,
    "riskLevelDuringSignIn": EQ,
    "riskState": EQ,
    "status/errorCode": EQ,
    "userDisplayName": EQ_SW - {"ne"},
    "userId": EQ,
    "userPrincipalName": EQ_SW - {"ne"},
}
SIGN_IN = EntityType("signIn", _SIGN_IN, filterable=_SIGN_IN_FILTERS, page_size=1000, page_limit=1000)
SIGN_IN_BETA = EntityType(
    "signIn",
    (_SIGN_IN - {"riskEventTypes"})
    | _words(
        "authenticationDetails authenticationProtocol authenticationRequirement autonomousSystemNumber "
        "crossTenantAccessType incomingTokenType originalRequestId sessionId signInEventTypes "
        "uniqueTokenIdentifier userType"
    ),
    filterable=_SIGN_IN_FILTERS
    | {"signInEventTypes": EQ, "authenticationRequirement": EQ_SW - {"ne"}, "originalRequestId": EQ},
    page_size=1000,
    page_limit=1000,
)
DIRECTORY_AUDIT = EntityType(
    "directoryAudit",
    _words(
        "activityDateTime activityDisplayName additionalDetails category correlationId id initiatedBy "
        "loggedByService operationType result resultReason targetResources"
    ),
    filterable={
        "activityDateTime": DATE,
        "activityDisplayName": EQ_SW - {"ne"},
        "category": EQ,
        "correlationId": EQ,
        "loggedByService": EQ,
        "initiatedBy/user/id": EQ,
        "initiatedBy/user/displayName": EQ,
        "initiatedBy/user/userPrincipalName": EQ_SW - {"ne"},
        "initiatedBy/app/appId": EQ,
        "targetResources/id": EQ,
        "targetResources/displayName": EQ_SW - {"ne"},
    },
    page_size=1000,
    page_limit=1000,
)
REGISTRATION_DETAILS = EntityType(
    "userRegistrationDetails",
    _words(
        "id isAdmin isMfaCapable isMfaRegistered isPasswordlessCapable isSsprCapable isSsprEnabled "
        "isSsprRegistered isSystemPreferredAuthenticationMethodEnabled lastUpdatedDateTime methodsRegistered "
        "systemPreferredAuthenticationMethods userDisplayName userPreferredMethodForSecondaryAuthentication "
        "userPrincipalName userType"
    ),
    filterable={"isAdmin": EQ, "isMfaRegistered": EQ, "isMfaCapable": EQ, "userPrincipalName": EQ_SW, "id": EQ},
)
RISKY_USER = EntityType(
    "riskyUser",
    _words(
        "id isDeleted isProcessing riskDetail riskLastUpdatedDateTime riskLevel riskState userDisplayName "
        "userPrincipalName"
    ),
    _words("history"),
    (),
    {
        "id": EQ,
        "riskLevel": EQ,
        "riskState": EQ,
        "userPrincipalName": EQ_SW,
        "riskLastUpdatedDateTime": DATE,
    },
    page_limit=500,
)
RISKY_USER_HISTORY = EntityType("riskyUserHistoryItem", RISKY_USER.properties | _words("activity initiatedBy userId"))
RISK_DETECTION = EntityType(
    "riskDetection",
    _words(
        "activity activityDateTime additionalInfo correlationId detectedDateTime detectionTimingType id ipAddress "
        "lastUpdatedDateTime location requestId riskDetail riskEventType riskLevel riskState source "
        "tokenIssuerType userDisplayName userId userPrincipalName"
    ),
    filterable={
        "userId": EQ,
        "riskLevel": EQ,
        "riskEventType": EQ,
        "riskState": EQ,
        "ipAddress": EQ,
        "detectedDateTime": DATE,
        "activityDateTime": DATE,
        "userPrincipalName": EQ_SW,
    },
    page_limit=500,
)
AUDIT_QUERY = EntityType(
    "security.auditLogQuery",
    _words(
        "administrativeUnitIdFilters approximateReturnedRecordCount displayName filterEndDateTime "
        "filterStartDateTime id ipAddressFilters isRecordCountLimitExceeded keywordFilter objectIdFilters "
        "operationFilters recordCountLimit recordTypeFilters serviceFilters status userPrincipalNameFilters"
    ),
    _words("records"),
)
AUDIT_RECORD = EntityType(
    "security.auditLogRecord",
    _words(
        "administrativeUnits auditData auditLogRecordType clientIp createdDateTime id objectId operation "
        "organizationId service userId userPrincipalName userType"
    ),
    page_size=150,
)
MESSAGE_TRACE = EntityType(
    "exchangeMessageTrace",
    _words("fromIP id messageId receivedDateTime recipientAddress senderAddress size status subject toIP"),
    filterable={
        "id": EQ,
        "messageId": EQ,
        "senderAddress": EQ,
        "recipientAddress": EQ,
        "status": EQ,
        "fromIP": EQ,
        "toIP": EQ,
        "subject": TEXT - EQ - {"ne"},
        "receivedDateTime": DATE,
    },
    page_size=1000,
    page_limit=5000,
)
MESSAGE_TRACE_DETAIL = EntityType(
    "exchangeMessageTraceDetail", _words("action data dateTime description event id messageId")
)
MESSAGE = EntityType(
    "message",
    _words(
        "bccRecipients body bodyPreview categories ccRecipients changeKey conversationId conversationIndex "
        "createdDateTime flag from hasAttachments id importance inferenceClassification internetMessageHeaders "
        "internetMessageId isDeliveryReceiptRequested isDraft isRead isReadReceiptRequested lastModifiedDateTime "
        "parentFolderId receivedDateTime replyTo sender sentDateTime subject toRecipients uniqueBody webLink"
    ),
    _words("attachments extensions"),
    (),
    {
        "createdDateTime": DATE,
        "from/emailAddress/address": EQ_SW,
        "hasAttachments": EQ,
        "importance": EQ,
        "internetMessageId": EQ,
        "isDraft": EQ,
        "isRead": EQ,
        "receivedDateTime": DATE,
        "sentDateTime": DATE,
        "subject": TEXT,
    },
    page_size=10,
    page_limit=1000,
)
CONTACT = EntityType(
    "contact", _words("id displayName emailAddresses givenName surname companyName jobTitle"), page_size=10
)
PERSON = EntityType(
    "person", _words("id displayName givenName surname scoredEmailAddresses userPrincipalName jobTitle"), page_size=10
)
MANAGED_DEVICE = EntityType(
    "managedDevice",
    _words(
        "androidSecurityPatchLevel azureADDeviceId azureADRegistered complianceGracePeriodExpirationDateTime "
        "complianceState deviceActionResults deviceCategoryDisplayName deviceEnrollmentType "
        "deviceHealthAttestationState deviceName deviceRegistrationState easActivated easActivationDateTime "
        "easDeviceId emailAddress enrolledDateTime exchangeAccessState exchangeAccessStateReason "
        "exchangeLastSuccessfulSyncDateTime freeStorageSpaceInBytes iccid id imei isEncrypted isSupervised "
        "jailBroken lastSyncDateTime managedDeviceName managedDeviceOwnerType managementAgent managementState "
        "manufacturer meid model notes operatingSystem osVersion partnerReportedThreatState phoneNumber "
        "physicalMemoryInBytes serialNumber subscriberCarrier totalStorageSpaceInBytes udid userDisplayName userId "
        "userPrincipalName wiFiMacAddress"
    ),
    filterable={
        "userId": EQ,
        "userPrincipalName": EQ,
        "deviceName": EQ_SW,
        "complianceState": EQ,
        "operatingSystem": EQ,
    },
    page_size=1000,
    page_limit=1000,
)
DETECTED_APP = EntityType(
    "detectedApp",
    _words("deviceCount displayName id platform publisher sizeInByte version"),
    _words("managedDevices"),
    (),
    {"displayName": EQ_SW, "publisher": EQ_SW, "id": EQ},
)
PROTECTION_STATE = EntityType(
    "windowsProtectionState",
    _words(
        "antiMalwareVersion controlledConfigurationEnabled deviceState engineVersion fullScanOverdue "
        "fullScanRequired id isVirtualMachine lastFullScanDateTime lastFullScanSignatureVersion "
        "lastQuickScanDateTime lastQuickScanSignatureVersion lastReportedDateTime malwareProtectionEnabled "
        "networkInspectionSystemEnabled productStatus quickScanOverdue realTimeProtectionEnabled rebootRequired "
        "signatureUpdateOverdue signatureVersion tamperProtectionEnabled"
    ),
)
MALWARE_STATE = EntityType(
    "windowsDeviceMalwareState",
    _words(
        "additionalInformationUrl category detectionCount displayName executionState id initialDetectionDateTime "
        "lastStateChangeDateTime severity state threatState"
    ),
)
COMPLIANCE_STATE = EntityType(
    "deviceCompliancePolicyState", _words("displayName id platformType settingCount settingStates state version")
)
ALERT = EntityType(
    "security.alert",
    _words(
        "actorDisplayName additionalData alertPolicyId alertWebUrl assignedTo categories category classification "
        "comments createdDateTime customDetails description detectionSource detectorId determination evidence "
        "firstActivityDateTime id incidentId incidentWebUrl investigationState lastActivityDateTime "
        "lastUpdateDateTime mitreTechniques productName providerAlertId recommendedActions resolvedDateTime "
        "serviceSource severity status systemTags tenantId threatDisplayName threatFamilyName title"
    ),
    filterable={
        "assignedTo": EQ,
        "classification": EQ,
        "determination": EQ,
        "createdDateTime": DATE,
        "lastUpdateDateTime": DATE,
        "severity": EQ,
        "serviceSource": EQ,
        "status": EQ,
    },
)
INCIDENT = EntityType(
    "security.incident",
    _words(
        "assignedTo classification comments createdDateTime customTags description determination displayName id "
        "incidentWebUrl lastModifiedBy lastUpdateDateTime priorityScore redirectIncidentId resolvingComment "
        "severity status summary systemTags tenantId"
    ),
    _words("alerts"),
    (),
    {"createdDateTime": DATE, "lastUpdateDateTime": DATE, "severity": EQ, "status": EQ, "assignedTo": EQ},
    page_size=50,
)
IDENTITY_ACCOUNT = EntityType(
    "security.identityAccounts",
    _words("accounts cloudSecurityIdentifier displayName domain id isEnabled onPremisesSecurityIdentifier"),
    filterable={"id": EQ, "onPremisesSecurityIdentifier": EQ, "cloudSecurityIdentifier": EQ, "domain": EQ},
)
SECURE_SCORE = EntityType(
    "secureScore",
    _words(
        "activeUserCount averageComparativeScores azureTenantId controlScores createdDateTime currentScore "
        "enabledServices id licensedUserCount maxScore vendorInformation"
    ),
)
SCORE_PROFILE = EntityType(
    "secureScoreControlProfile",
    _words(
        "actionType actionUrl azureTenantId complianceInformation controlCategory controlStateUpdates deprecated "
        "id implementationCost lastModifiedDateTime maxScore rank remediation remediationImpact service threats "
        "tier title userImpact vendorInformation"
    ),
    filterable={"service": EQ, "controlCategory": EQ, "id": EQ},
)
ACCESS_POLICY = EntityType(
    "conditionalAccessPolicy",
    _words(
        "conditions createdDateTime deletedDateTime description displayName grantControls id modifiedDateTime "
        "sessionControls state templateId"
    ),
    filterable={"displayName": EQ_SW, "state": EQ, "id": EQ},
)
NAMED_LOCATION = EntityType(
    "ipNamedLocation", _words("createdDateTime deletedDateTime displayName id ipRanges isTrusted modifiedDateTime")
)
SECURITY_DEFAULTS = EntityType(
    "identitySecurityDefaultsEnforcementPolicy", _words("deletedDateTime description displayName id isEnabled")
)
AUTHORIZATION_POLICY = EntityType(
    "authorizationPolicy",
    _words(
        "allowEmailVerifiedUsersToJoinOrganization allowInvitesFrom allowUserConsentForRiskyApps "
        "allowedToSignUpEmailBasedSubscriptions allowedToUseSSPR blockMsolPowerShell defaultUserRolePermissions "
        "deletedDateTime description displayName guestUserRoleId id"
    ),
)
METHODS_POLICY = EntityType(
    "authenticationMethodsPolicy",
    _words(
        "authenticationMethodConfigurations description displayName id lastModifiedDateTime policyMigrationState "
        "policyVersion reconfirmationInDays registrationEnforcement"
    ),
)
TEAMS_APP = EntityType(
    "teamsApp",
    _words("displayName distributionMethod externalId id"),
    _words("appDefinitions"),
    (),
    {"externalId": EQ, "displayName": EQ_SW, "id": EQ, "distributionMethod": EQ},
)
INSTALLED_APP = EntityType(
    "userScopeTeamsAppInstallation",
    _words("consentedPermissionSet id"),
    _words("chat teamsApp teamsAppDefinition"),
    (),
    {"teamsApp/externalId": EQ, "teamsApp/id": EQ},
)
DRIVE = EntityType(
    "drive",
    _words("createdBy createdDateTime description driveType id lastModifiedDateTime name owner quota webUrl"),
    _words("items list root special"),
    (),
    {},
)
DRIVE_ITEM = EntityType(
    "driveItem",
    _words(
        "createdBy createdDateTime cTag deleted description eTag file fileSystemInfo folder id lastModifiedBy "
        "lastModifiedDateTime name package parentReference remoteItem root searchResult shared size webUrl"
    ),
    _words("children listItem permissions thumbnails versions"),
    (),
    {},
)
