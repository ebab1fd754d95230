"""Who is in the simulated tenant: the fixed cast, further people, groups, roles, apps and an intruder's session."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from random import Random

from simulator.cast import CAST, Cast, further_people
from simulator.clock import stamp
from simulator.ids import guid
from simulator.licences import assigned, assigned_plans
from simulator.permissions import KNOWN
from simulator.records import managed_laptop, ordinary
from simulator.roles import ROLES
from simulator.sizes import SIZES, Size
from simulator.tenant import (
    Device,
    FederatedCredential,
    Group,
    Json,
    RoleAssignment,
    ServicePrincipal,
    Session,
    Tenant,
    User,
)

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
MESSAGE_TRACE_APP_ID = "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"


_APPS = ("Outlook", "Microsoft Teams", "SharePoint Online", "Office 365")
_PLACES = (("Seattle, US", "198.51.100.20"), ("Berlin, DE", "198.51.100.45"), ("Madrid, ES", "198.51.100.77"))

RESPONDERS = "IRBot Responders"
APPROVERS = "IRBot Approvers"
COMMUNICATORS = "IRBot Communicators"
ADMINISTRATORS = "IRBot Administrators"
VIPS = "VIP Accounts"
HOST_IDENTITY = "IRBot host"  # the managed identity of the machine that IRBot runs on


class _Builder:
    """Fills an empty tenant, the same way for the same seed."""

    def __init__(self, tenant: Tenant, seed: int, now: datetime) -> None:
        self.tenant = tenant
        self.seed = seed
        self.now = now

    def person(self, line: Cast) -> User:
        """Adds one account with everything that belongs to it."""
        tenant, seed, random = self.tenant, self.seed, Random(f"{self.seed}:{line.alias}")
        guest, shared = line.kind == "guest", line.kind.startswith("shared")
        domain = tenant.initial_domain if guest else tenant.domain
        upn = f"{line.alias}@{domain}"
        object_id = self.object_id(line)
        first, _, last = line.name.partition(" ")
        mail = "ravi@fabrikam.com" if guest else upn
        created = self.now - timedelta(days=200 + random.randrange(900))
        synced = line.kind == "synced"
        licensed = not guest and not shared and line.kind != "break-glass"
        licences = tuple(sorted(tenant.everyday)) if licensed else ()
        properties: Json = {
            "id": object_id,
            "accountEnabled": line.kind != "shared",
            "assignedLicenses": assigned(licences),
            "assignedPlans": assigned_plans(licences, stamp(created)),
            "businessPhones": [] if shared or guest else [f"+1 425 555 {random.randrange(100, 200):04d}"],
            "companyName": "Fabrikam" if guest else tenant.name,
            "createdDateTime": stamp(created),
            "creationType": "Invitation" if guest else None,
            "department": line.department or None,
            "displayName": line.name,
            "externalUserState": "Accepted" if guest else None,
            "givenName": None if shared or line.kind == "break-glass" else first,
            "identities": [{"signInType": "userPrincipalName", "issuer": domain, "issuerAssignedId": upn}],
            "isManagementRestricted": None,
            "jobTitle": line.title or None,
            "lastPasswordChangeDateTime": stamp(created + timedelta(days=random.randrange(1, 150))),
            "mail": mail,
            "mailNickname": line.alias.replace("#", ""),
            "mobilePhone": None,
            "officeLocation": None,
            "onPremisesDomainName": "corp.contoso.local" if synced else None,
            "onPremisesExtensionAttributes": {f"extensionAttribute{n}": None for n in range(1, 16)},
            "onPremisesImmutableId": "q8qXl0ZtT0Gm3sT1y0bKXg==" if synced else None,
            "onPremisesLastSyncDateTime": stamp(self.now - timedelta(minutes=11)) if synced else None,
            "onPremisesSamAccountName": line.alias if synced else None,
            "onPremisesSecurityIdentifier": "S-1-5-21-1004336348-1177238915-682003330-1172" if synced else None,
            "onPremisesSyncEnabled": True if synced else None,
            "otherMails": ["ravi@fabrikam.com"] if guest else [],
            "passwordPolicies": None,
            "passwordProfile": None,
            "preferredLanguage": None,
            "proxyAddresses": [f"SMTP:{mail}"]
            if guest
            else [f"SMTP:{upn}", f"smtp:{line.alias}@{tenant.initial_domain}"],
            "securityIdentifier": f"S-1-12-1-{random.randrange(10**9)}-{random.randrange(10**9)}",
            "showInAddressList": None if guest else True,
            "signInSessionsValidFromDateTime": stamp(created),
            "surname": None if shared or line.kind == "break-glass" else last or None,
            "usageLocation": None if guest else "US",
            "userPrincipalName": upn,
            "userType": "Guest" if guest else "Member",
        }
        user = User(
            properties,
            mailbox=None if guest else "shared" if shared else "user",
            tags=tuple({"cloud": []}.get(line.kind, [line.kind])),
            licences=licences,
        )
        user.password.digest = hashlib.blake2b(f"{seed}:{line.alias}".encode(), salt=user.password.salt).digest()
        self._everyday_state(user, line, random)
        return user

    def object_id(self, line: Cast) -> str:
        """The object id of a person."""
        return guid(self.seed, f"user:{line.alias}")

    def expect(self, line: Cast) -> None:
        """Announces a person."""
        domain = self.tenant.initial_domain if line.kind == "guest" else self.tenant.domain
        upn = f"{line.alias}@{domain}"
        self.tenant.users.expect(self.object_id(line), upn, lambda: self.person(line), lambda: self._names(line, upn))

    def _names(self, line: Cast, upn: str) -> Json:
        """What an ordinary person of the seed is found by, as `person` writes it."""
        first, _, last = line.name.partition(" ")
        return {
            "id": self.object_id(line),
            "accountEnabled": True,
            "department": line.department,
            "displayName": line.name,
            "givenName": first,
            "jobTitle": line.title,
            "mail": upn,
            "mailNickname": line.alias,
            "onPremisesSyncEnabled": None,
            "otherMails": [],
            "proxyAddresses": [f"SMTP:{upn}", f"smtp:{line.alias}@{self.tenant.initial_domain}"],
            "surname": last,
            "userPrincipalName": upn,
            "userType": "Member",
        }

    def _everyday_state(self, user: User, line: Cast, random: Random) -> None:
        if line.kind in {"shared", "shared-open"}:
            user.mailbox_settings = _mailbox_settings("shared")
            return
        place, address = random.choice(_PLACES)
        for app in random.sample(_APPS, 2):
            started = self.now - timedelta(hours=random.uniform(1, 200))
            user.sessions.append(Session(guid(self.seed, f"{line.alias}:{app}")[:16], app, address, place, started))
        if line.kind == "guest":
            return
        user.mailbox_settings = _mailbox_settings("user")
        user.methods = [
            {
                "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
                "id": "28c10230-6103-485e-b985-444c60001490",
                "password": None,
                "createdDateTime": user.properties["lastPasswordChangeDateTime"],
            },
            {
                "@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod",
                "id": guid(self.seed, f"{line.alias}:authenticator"),
                "displayName": random.choice(("iPhone 15", "Pixel 8", "Galaxy S24")),
                "deviceTag": "SoftwareTokenActivated",
                "phoneAppVersion": "6.2506.4079",
                "createdDateTime": user.properties["createdDateTime"],
            },
        ]
        user.default_method_id = str(user.methods[1]["id"])
        device = Device(
            {
                "id": guid(self.seed, f"device:{line.alias}"),
                "deviceId": guid(self.seed, f"device-id:{line.alias}"),
                "displayName": f"LAPTOP-{random.randrange(16**6):06X}",
                "operatingSystem": "Windows",
                "operatingSystemVersion": "10.0.26100.4652",
                "trustType": "AzureAd",
                "isCompliant": True,
                "isManaged": True,
                "accountEnabled": True,
                "registrationDateTime": user.properties["createdDateTime"],
                "approximateLastSignInDateTime": stamp(self.now - timedelta(hours=random.uniform(1, 60))),
            }
        )
        self.tenant.devices[device.id] = device
        managed_laptop(self.tenant.records, user, device.properties, self.now, guid(self.seed, f"mdm:{line.alias}"))
        user.device_ids.append(device.id)
        user.registered_device_ids.append(device.id)

    def history(self, user: User) -> None:
        """The sign-in log of somebody whose sessions are known."""
        for session in user.sessions:
            city, _, country = session.place.partition(", ")
            later = min(self.now, session.started + timedelta(hours=1))
            for at, interactive in ((session.started, True), (later, False)):
                self.tenant.records.add_sign_in(
                    user,
                    at,
                    app=session.app,
                    ip_address=session.ip_address,
                    place=(city, country),
                    interactive=interactive,
                )

    def group(self, name: str, members: list[str], *, assignable: bool = False, owners: tuple[str, ...] = ()) -> Group:
        """Adds a security group; members are aliases, or names of groups that exist."""
        group = Group(
            {
                "id": guid(self.seed, f"group:{name}"),
                "displayName": name,
                "description": None,
                "createdDateTime": stamp(self.now - timedelta(days=400)),
                "groupTypes": [],
                "isAssignableToRole": True if assignable else None,
                "mail": None,
                "mailEnabled": False,
                "mailNickname": name.replace(" ", ""),
                "onPremisesSyncEnabled": None,
                "proxyAddresses": [],
                "securityEnabled": True,
                "visibility": None,
            }
        )
        for member in members:
            found = self.tenant.find_user(f"{member}@{self.tenant.domain}")
            group.members.append(found.id if found else self.tenant.group(member).id)
        group.owners.extend(self.tenant.user(owner).id for owner in owners)
        self.tenant.groups[group.id] = group
        return group

    def assign(self, principal_id: str, role: str, *, eligible: bool = False) -> None:
        """Gives a directory role."""
        kind = "eligible" if eligible else "active"
        self.tenant.role_assignments.append(
            RoleAssignment(
                guid(self.seed, f"{kind}:{principal_id}:{role}"), principal_id, ROLES[role], eligible=eligible
            )
        )

    def service_principal(
        self, name: str, app_id: str, *, first_party: bool = False, **more: object
    ) -> ServicePrincipal:
        """Adds an enterprise application."""
        service_principal = ServicePrincipal(
            {
                "id": guid(self.seed, f"sp:{name}"),
                "appId": app_id,
                "displayName": name,
                "appDisplayName": name,
                "accountEnabled": True,
                "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a" if first_party else self.tenant.id,
                "appRoles": [],
                "createdDateTime": stamp(self.now - timedelta(days=300)),
                "replyUrls": [],
                "servicePrincipalType": "Application",
                "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
                "verifiedPublisher": None,
            }
            | more
        )
        self.tenant.service_principals[service_principal.id] = service_principal
        return service_principal


def _mailbox_settings(purpose: str) -> Json:
    return {
        "archiveFolder": None,
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "none",
            "scheduledStartDateTime": None,
            "scheduledEndDateTime": None,
            "internalReplyMessage": "",
            "externalReplyMessage": "",
        },
        "dateFormat": "M/d/yyyy",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "language": {"locale": "en-US", "displayName": "English (United States)"},
        "timeFormat": "h:mm tt",
        "timeZone": "Pacific Standard Time",
        "userPurpose": purpose,
        "workingHours": None,
    }


def build(
    tenant: Tenant,
    *,
    seed: int,
    size: Size,
    now: datetime,
    app_id: str,
    app_secret: str,
    app_certificate: bytes,
    permissions: frozenset[str],
    directory_roles: tuple[str, ...],
    licences: tuple[str, ...],
    communicators: tuple[str, ...],
) -> None:
    """Fills an empty tenant."""
    builder = _Builder(tenant, seed, now)
    tenant.licences = set(licences)
    tenant.everyday = set(licences)
    people = (*CAST, *further_people(SIZES[size] - len(CAST), seed))
    tenant.synchronises = any(line.kind == "synced" for line in people)
    for line in people:
        builder.expect(line)
    ordinary(tenant.records, len(people), now, lambda name: guid(seed, name))
    for line in CAST:
        user = tenant.users[builder.object_id(line)]
        user.manager_id = tenant.user(line.manager).id if line.manager else None
        for role in line.roles:
            builder.assign(user.id, role)
    builder.group("Security Leads", ["adele"])
    builder.group(RESPONDERS, ["alex", "diego"])
    builder.group(APPROVERS, ["Security Leads", "diego"])
    builder.group(COMMUNICATORS, list(communicators))
    builder.group(ADMINISTRATORS, ["henrietta"])
    builder.group(VIPS, ["lynne"])
    builder.group("Finance", ["megan", "lynne"])
    admins = builder.group("Exchange Operators", ["lee"], assignable=True, owners=("henrietta",))
    builder.assign(admins.id, "Exchange Administrator")
    builder.assign(tenant.user("henrietta").id, "User Administrator", eligible=True)
    _apps(builder, app_id, app_secret, app_certificate, permissions, directory_roles)
    tenant.user("megan").sessions.append(
        Session(
            guid(seed, "intruder")[:16], "Office 365", "203.0.113.7", "Lagos, NG", now - timedelta(minutes=42), True
        )
    )
    _around_the_cast(builder, app_id)
    for line in CAST:
        builder.history(tenant.user(builder.object_id(line)))


def _around_the_cast(builder: _Builder, app_id: str) -> None:
    """Defender's view of the synchronised account, IRBot in the app catalogue, and an alert about the intruder."""
    tenant, records = builder.tenant, builder.tenant.records
    patti, megan = tenant.user("patti"), tenant.user("megan")
    sid = patti.properties["onPremisesSecurityIdentifier"]
    account = {
        "identifier": sid,
        "identityProvider": "activeDirectory",
        "actions": ["disable", "enable", "forcePasswordReset"],
    }
    identity_id = guid(builder.seed, "identity:patti")
    records.identity_accounts[identity_id] = {
        "id": identity_id,
        "displayName": patti.display_name,
        "domain": patti.properties["onPremisesDomainName"],
        "isEnabled": True,
        "onPremisesSecurityIdentifier": sid,
        "cloudSecurityIdentifier": patti.properties["securityIdentifier"],
        "accounts": [account],
    }
    catalogue_id = guid(builder.seed, "catalogue:IRBot")
    records.teams_apps.append(
        {
            "id": catalogue_id,
            "externalId": app_id,
            "displayName": "IRBot",
            "distributionMethod": "organization",
            "appDefinitions": [{"id": f"{catalogue_id}-1", "teamsAppId": catalogue_id, "version": "1.0.0"}],
        }
    )
    alert_id, seen = guid(builder.seed, "alert:megan"), stamp(builder.now - timedelta(minutes=35))
    records.alerts[alert_id] = {
        "id": alert_id,
        "title": "Atypical travel",
        "severity": "medium",
        "status": "new",
        "serviceSource": "azureAdIdentityProtection",
        "createdDateTime": seen,
        "lastUpdateDateTime": seen,
        "incidentId": "1",
        "tenantId": tenant.id,
        "evidence": [
            {
                "@odata.type": "#microsoft.graph.security.userEvidence",
                "userAccount": {"azureAdUserId": megan.id, "userPrincipalName": megan.upn},
            }
        ],
    }
    records.incidents["1"] = {
        "id": "1",
        "displayName": "Atypical travel involving one user",
        "severity": "medium",
        "status": "active",
        "createdDateTime": seen,
        "lastUpdateDateTime": seen,
        "tenantId": tenant.id,
    }
    records.add_risk(megan, builder.now - timedelta(minutes=35), "medium", "atRisk")
    records.risk_detections.append(
        {
            "id": guid(builder.seed, "detection:megan"),
            "userId": megan.id,
            "userDisplayName": megan.display_name,
            "userPrincipalName": megan.upn,
            "riskEventType": "unlikelyTravel",
            "riskLevel": "medium",
            "riskState": "atRisk",
            "riskDetail": "none",
            "ipAddress": "203.0.113.7",
            "location": {"city": "Lagos", "countryOrRegion": "NG"},
            "activity": "signin",
            "activityDateTime": stamp(builder.now - timedelta(minutes=42)),
            "detectedDateTime": seen,
            "lastUpdatedDateTime": seen,
            "detectionTimingType": "offline",
            "source": "IdentityProtection",
            "tokenIssuerType": "AzureAD",
        }
    )


def _apps(
    builder: _Builder,
    app_id: str,
    app_secret: str,
    app_certificate: bytes,
    permissions: frozenset[str],
    directory_roles: tuple[str, ...],
) -> None:
    app_roles = [
        {
            "id": role_id,
            "value": name,
            "displayName": name,
            "description": name,
            "isEnabled": True,
            "allowedMemberTypes": ["Application"],
        }
        for name, role_id in sorted(KNOWN.items())
    ]
    builder.service_principal("Microsoft Graph", GRAPH_APP_ID, first_party=True, appRoles=app_roles)
    builder.service_principal("Office 365 Exchange Online", EXCHANGE_APP_ID, first_party=True)
    builder.service_principal("Message Trace", MESSAGE_TRACE_APP_ID, first_party=True)
    own_roles = [
        {
            "id": guid(builder.seed, f"app-role:{name}"),
            "value": f"IRBot.{name}",
            "displayName": name,
            "description": name,
            "isEnabled": True,
            "allowedMemberTypes": ["User"],
        }
        for name in ("Administrator", "Approver", "Communicator", "Responder")
    ]
    bot = builder.service_principal("IRBot", app_id, appRoles=own_roles)
    bot.permissions = set(permissions)
    bot.exchange_roles = {"Exchange.ManageAsApp"}
    bot.registration = {
        "id": guid(builder.seed, "registration:IRBot"),
        "appId": app_id,
        "displayName": "IRBot",
        "signInAudience": "AzureADMyOrg",
        "passwordCredentials": [
            {
                "keyId": guid(builder.seed, "secret:IRBot"),
                "displayName": "made at installation",
                "hint": "abc",
                "secretText": None,
                "startDateTime": stamp(builder.now - timedelta(days=30)),
                "endDateTime": stamp(builder.now + timedelta(days=150)),
                "customKeyIdentifier": None,
            }
        ],
        "keyCredentials": [],
        "web": {"redirectUris": []},
        "spa": {"redirectUris": []},
        "publicClient": {"redirectUris": []},
    }
    bot.secret_digest = hashlib.sha256(app_secret.encode()).hexdigest()
    bot.certificate_pem = app_certificate
    host = builder.service_principal(
        HOST_IDENTITY, guid(builder.seed, f"app:{HOST_IDENTITY}"), servicePrincipalType="ManagedIdentity", tags=[]
    )
    issuer = f"https://login.microsoftonline.com/{builder.tenant.id}/v2.0"
    bot.federated_credentials = [FederatedCredential(issuer, subject=host.id)]
    for role in directory_roles:
        builder.assign(bot.id, role)
