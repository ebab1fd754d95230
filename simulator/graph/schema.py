"""The entity types that the simulated Graph knows: their properties, defaults and what may be filtered."""

from __future__ import annotations

from dataclasses import dataclass, field

EQ = frozenset({"eq", "in"})
EQ_NE = EQ | {"ne"}
EQ_SW = EQ | {"ne", "startswith"}
EQ_SW_EW = EQ_SW | {"endswith"}
DATE = frozenset({"eq", "ge", "le", "gt", "lt"})
TEXT = EQ_SW_EW | {"contains"}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class EntityType:
    """One type. An empty `default_select` gives every property; `advanced` types know ConsistencyLevel."""

    name: str
    properties: frozenset[str]
    navigation: frozenset[str] = frozenset()
    default_select: tuple[str, ...] = ()
    filterable: dict[str, frozenset[str]] = field(default_factory=dict)
    searchable: frozenset[str] = frozenset()
    advanced: bool = False
    page_size: int = 100
    page_limit: int = 999
    needs_advanced: frozenset[str] = frozenset()  # properties whose filters need ConsistencyLevel at all


USER = EntityType(
    "user",
    words(
        "id deletedDateTime aboutMe accountEnabled ageGroup assignedLicenses assignedPlans authorizationInfo "
        "birthday businessPhones city companyName consentProvidedForMinor country createdDateTime creationType "
        "customSecurityAttributes department deviceEnrollmentLimit displayName employeeHireDate employeeId "
        "employeeLeaveDateTime employeeOrgData employeeType externalUserState externalUserStateChangeDateTime "
        "faxNumber givenName hireDate identities identityParentId imAddresses interests isManagementRestricted "
        "isResourceAccount jobTitle lastPasswordChangeDateTime legalAgeGroupClassification licenseAssignmentStates "
        "mail mailboxSettings mailNickname mobilePhone mySite officeLocation onPremisesDistinguishedName "
        "onPremisesDomainName onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime "
        "onPremisesProvisioningErrors onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled "
        "onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile pastProjects postalCode "
        "preferredDataLocation preferredLanguage preferredName print provisionedPlans proxyAddresses "
        "responsibilities schools securityIdentifier serviceProvisioningErrors showInAddressList signInActivity "
        "signInSessionsValidFromDateTime skills state streetAddress surname usageLocation userPrincipalName "
        "userType"
    ),
    words("manager memberOf transitiveMemberOf ownedDevices registeredDevices ownedObjects onPremisesSyncBehavior"),
    (
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ),
    {
        "id": EQ_NE,
        "accountEnabled": EQ_NE,
        "assignedLicenses/skuId": EQ_NE,
        "companyName": EQ_SW,
        "createdDateTime": DATE | EQ_NE,
        "department": EQ_SW,
        "displayName": EQ_SW,
        "givenName": EQ_SW,
        "jobTitle": EQ_SW,
        "mail": EQ_SW_EW,
        "mailNickname": EQ_SW,
        "onPremisesImmutableId": EQ_NE,
        "onPremisesSamAccountName": EQ_SW,
        "onPremisesSecurityIdentifier": EQ_NE,
        "onPremisesSyncEnabled": EQ_NE,
        "otherMails": EQ_SW_EW,
        "proxyAddresses": EQ_SW_EW,
        "surname": EQ_SW,
        "usageLocation": EQ_SW,
        "userPrincipalName": EQ_SW_EW,
        "userType": EQ_NE,
    },
    words("displayName givenName mail mailNickname otherMails surname userPrincipalName"),
    advanced=True,
    needs_advanced=words("onPremisesSamAccountName companyName"),
)
GROUP = EntityType(
    "group",
    words(
        "id deletedDateTime classification createdDateTime description displayName expirationDateTime groupTypes "
        "isAssignableToRole isManagementRestricted mail mailEnabled mailNickname membershipRule "
        "membershipRuleProcessingState onPremisesDomainName onPremisesLastSyncDateTime onPremisesSamAccountName "
        "onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation proxyAddresses renewedDateTime "
        "securityEnabled securityIdentifier theme uniqueName visibility"
    ),
    words("members transitiveMembers owners memberOf transitiveMemberOf"),
    (),
    {
        "id": EQ_NE,
        "displayName": EQ_SW,
        "isAssignableToRole": EQ_NE,
        "mail": EQ_SW_EW,
        "mailEnabled": EQ_NE,
        "mailNickname": EQ_SW,
        "onPremisesSyncEnabled": EQ_NE,
        "proxyAddresses": EQ_SW_EW,
        "securityEnabled": EQ_NE,
    },
    words("displayName description mail mailNickname"),
    advanced=True,
)
DIRECTORY_ROLE = EntityType("directoryRole", words("id deletedDateTime description displayName roleTemplateId"))
SERVICE_PRINCIPAL = EntityType(
    "servicePrincipal",
    words(
        "id deletedDateTime accountEnabled addIns alternativeNames appDescription appDisplayName appId "
        "applicationTemplateId appOwnerOrganizationId appRoleAssignmentRequired appRoles description "
        "disabledByMicrosoftStatus displayName homepage info keyCredentials loginUrl logoutUrl notes "
        "notificationEmailAddresses oauth2PermissionScopes passwordCredentials preferredSingleSignOnMode replyUrls "
        "resourceSpecificApplicationPermissions servicePrincipalNames servicePrincipalType signInAudience tags "
        "tokenEncryptionKeyId verifiedPublisher"
    ),
    words("appRoleAssignedTo appRoleAssignments oauth2PermissionGrants owners memberOf"),
    (),
    {
        "id": EQ_NE,
        "accountEnabled": EQ_NE,
        "appId": EQ_NE,
        "displayName": EQ_SW,
        "servicePrincipalType": EQ_NE,
        "tags": EQ_SW,
    },
    words("displayName"),
    advanced=True,
)
APPLICATION = EntityType(
    "application",
    words(
        "id deletedDateTime addIns api appId appRoles applicationTemplateId certification createdDateTime description "
        "displayName groupMembershipClaims identifierUris info isDeviceOnlyAuthSupported isFallbackPublicClient "
        "keyCredentials notes optionalClaims passwordCredentials publicClient publisherDomain requiredResourceAccess "
        "serviceManagementReference servicePrincipalLockConfiguration signInAudience spa tags tokenEncryptionKeyId "
        "uniqueName verifiedPublisher web"
    ),
    words("owners federatedIdentityCredentials extensionProperties"),
    (),
    {"id": EQ_NE, "appId": EQ_NE, "displayName": EQ_SW},
    words("displayName"),
    advanced=True,
)
DEVICE = EntityType(
    "device",
    words(
        "id deletedDateTime accountEnabled alternativeSecurityIds approximateLastSignInDateTime "
        "complianceExpirationDateTime deviceCategory deviceId deviceMetadata deviceOwnership deviceVersion "
        "displayName enrollmentProfileName enrollmentType isCompliant isManaged isManagementRestricted isRooted "
        "managementType manufacturer mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier "
        "onPremisesSyncEnabled operatingSystem operatingSystemVersion physicalIds profileType registrationDateTime "
        "systemLabels trustType"
    ),
    words("registeredOwners registeredUsers memberOf"),
    (),
    {
        "id": EQ_NE,
        "accountEnabled": EQ_NE,
        "approximateLastSignInDateTime": DATE,
        "deviceId": EQ_NE,
        "displayName": EQ_SW,
        "isCompliant": EQ_NE,
        "operatingSystem": EQ_SW,
        "trustType": EQ_NE,
    },
    words("displayName"),
    advanced=True,
)
ROLE_ASSIGNMENT = EntityType(
    "unifiedRoleAssignment",
    words("id appScopeId condition directoryScopeId principalId roleDefinitionId"),
    words("roleDefinition principal directoryScope appScope"),
    (),
    {"principalId": EQ, "roleDefinitionId": EQ, "directoryScopeId": EQ, "id": EQ},
)
ROLE_DEFINITION = EntityType(
    "unifiedRoleDefinition",
    words(
        "id allowedPrincipalTypes description displayName isBuiltIn isEnabled isPrivileged resourceScopes "
        "rolePermissions templateId version"
    ),
    words("inheritsPermissionsFrom"),
    (),
    {"id": EQ, "displayName": EQ_SW, "isBuiltIn": EQ, "isPrivileged": EQ, "templateId": EQ},
)
ROLE_SCHEDULE_INSTANCE = EntityType(
    "unifiedRoleScheduleInstance",
    words(
        "id appScopeId assignmentType directoryScopeId endDateTime memberType principalId roleDefinitionId "
        "roleEligibilityScheduleId roleAssignmentScheduleId roleAssignmentOriginId startDateTime"
    ),
    words("roleDefinition principal directoryScope appScope"),
    (),
    {"principalId": EQ, "roleDefinitionId": EQ, "directoryScopeId": EQ, "id": EQ},
)
ORGANIZATION = EntityType(
    "organization",
    words(
        "id assignedPlans businessPhones city country countryLetterCode createdDateTime deletedDateTime "
        "displayName marketingNotificationEmails mobileDeviceManagementAuthority onPremisesLastSyncDateTime "
        "onPremisesSyncEnabled partnerTenantType postalCode preferredLanguage privacyProfile provisionedPlans "
        "securityComplianceNotificationMails securityComplianceNotificationPhones state street "
        "technicalNotificationMails tenantType verifiedDomains"
    ),
    words("branding certificateBasedAuthConfiguration extensions"),
)
DOMAIN = EntityType(
    "domain",
    words(
        "id authenticationType availabilityStatus isAdminManaged isDefault isInitial isRoot isVerified "
        "manufacturer model passwordNotificationWindowInDays passwordValidityPeriodInDays state supportedServices"
    ),
)
LICENSE_DETAILS = EntityType("licenseDetails", words("id servicePlans skuId skuPartNumber"))
SUBSCRIBED_SKU = EntityType(
    "subscribedSku",
    words(
        "id accountId accountName appliesTo capabilityStatus consumedUnits prepaidUnits servicePlans skuId "
        "skuPartNumber subscriptionIds"
    ),
)
APP_ROLE_ASSIGNMENT = EntityType(
    "appRoleAssignment",
    words(
        "id appRoleId createdDateTime deletedDateTime principalDisplayName principalId principalType "
        "resourceDisplayName resourceId"
    ),
    filterable={
        "resourceId": EQ,
        "principalId": EQ,
        "principalDisplayName": EQ_SW,
        "appRoleId": EQ,
        "principalType": EQ,
    },
)
PERMISSION_GRANT = EntityType(
    "oAuth2PermissionGrant",
    words("id clientId consentType principalId resourceId scope"),
    filterable={"clientId": EQ, "consentType": EQ, "principalId": EQ, "resourceId": EQ},
)
AUTHENTICATION_METHOD = EntityType(
    "authenticationMethod",
    words(
        "id createdDateTime displayName deviceTag phoneAppVersion clientAppName phoneNumber phoneType "
        "smsSignInState emailAddress password aaGuid attestationCertificates attestationLevel model passkeyType "
        "keyStrength secretKey isUsable isUsableOnce lifetimeInMinutes methodUsabilityReason startDateTime "
        "temporaryAccessPass platform configurationId"
    ),
    words("device"),
)
MESSAGE_RULE = EntityType(
    "messageRule", words("id actions conditions displayName exceptions hasError isEnabled isReadOnly sequence")
)
MAIL_FOLDER = EntityType(
    "mailFolder",
    words("id childFolderCount displayName isHidden parentFolderId totalItemCount unreadItemCount"),
    words("childFolders messages messageRules"),
    (),
    {"displayName": EQ_SW},
    page_size=10,
    page_limit=1000,
)
MAILBOX_SETTINGS = EntityType(
    "mailboxSettings",
    words(
        "archiveFolder automaticRepliesSetting dateFormat delegateMeetingMessageDeliveryOptions language "
        "timeFormat timeZone userPurpose workingHours"
    ),
)
