"""What we know of an account, its roles and its organisation: the plain values that `directory` hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.microsoft365.reading import child, flag, moment, objects, text, texts

ACCOUNT_FIELDS = (
    "id",
    "userPrincipalName",
    "displayName",
    "mail",
    "mailNickname",
    "proxyAddresses",
    "accountEnabled",
    "userType",
    "onPremisesSyncEnabled",
    "onPremisesDomainName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "department",
    "jobTitle",
    "createdDateTime",
    "signInSessionsValidFromDateTime",
    "lastPasswordChangeDateTime",
    "assignedLicenses",
    "isManagementRestricted",
    "usageLocation",
    "otherMails",
    "mobilePhone",
)

# Roles whose holders can do no harm to others. Every other role, custom ones included, counts as privileged.
LOW_RISK_ROLES: Mapping[str, str] = {
    "4a5d8f65-41da-4de4-8968-e035b65339cf": "Reports Reader",
    "75934031-6c7e-415a-99d7-48dbd49e875e": "Usage Summary Reports Reader",
    "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b": "Message Center Reader",
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers",
    "95e79109-95c0-4d8e-aee3-d01accf2d47b": "Guest Inviter",
}


@dataclass(frozen=True)
class Account:
    """A user object of Entra. `id` is the only key; the UPN is for display and changes."""

    id: str
    upn: str
    display_name: str
    mail: str | None
    mail_nickname: str
    proxy_addresses: tuple[str, ...]
    account_enabled: bool
    user_type: str
    is_guest: bool
    synced: bool  # mastered in an on-premises directory
    on_premises_domain: str | None
    on_premises_sam: str | None
    department: str | None
    job_title: str | None
    created_at: datetime | None
    sessions_valid_from: datetime | None
    last_password_change: datetime | None
    licensed: bool
    management_restricted: bool
    on_premises_sid: str | None = None
    preferred_language: str | None = None  # read for audiences only
    usage_location: str | None = None  # the country, without which no licence can be given
    other_mails: tuple[str, ...] = ()
    mobile_phone: str | None = None


@dataclass(frozen=True)
class DirectoryRole:
    """A role that an account holds. `scope` is "/" for the whole tenant; `via_group` is a group's object id."""

    template_id: str
    name: str
    scope: str
    via_group: str | None

    @property
    def is_privileged(self) -> bool:
        return self.template_id.lower() not in LOW_RISK_ROLES


@dataclass(frozen=True)
class Roles:
    """The roles of an account. `eligible` is None where it could not be read, and `eligible_reason` says why."""

    active: tuple[DirectoryRole, ...]
    eligible: tuple[DirectoryRole, ...] | None
    eligible_reason: str | None
    role_assignable_group: bool  # member of a group that roles can be given to
    owns_role_assignable_group: bool = False  # may make anybody a member of one, themselves as well
    hidden_groups: bool = False  # Graph names groups and hides what they are

    @property
    def is_privileged(self) -> bool:
        """Whether a hand on this account is a hand on an administrator. Eligible administrators count."""
        held = (*self.active, *(self.eligible or ()))
        through_groups = self.role_assignable_group or self.owns_role_assignable_group
        return through_groups or any(role.is_privileged for role in held)


@dataclass(frozen=True)
class People:
    """The people of a group. Not `complete`: there are more than were asked for."""

    accounts: tuple[Account, ...]
    complete: bool


@dataclass(frozen=True)
class Organization:
    """The tenant."""

    id: str
    name: str
    synced: bool
    last_synced_at: datetime | None
    domains: tuple[str, ...]
    default_domain: str | None


def account_from(entry: Mapping[str, Any]) -> Account:
    upn = text(entry, "userPrincipalName")
    user_type = text(entry, "userType")
    return Account(
        id=text(entry, "id"),
        upn=upn,
        display_name=text(entry, "displayName") or upn,
        mail=text(entry, "mail") or None,
        mail_nickname=text(entry, "mailNickname"),
        proxy_addresses=texts(entry, "proxyAddresses"),
        account_enabled=flag(entry, "accountEnabled") is True,
        user_type=user_type,
        is_guest=user_type.casefold() == "guest" or "#ext#" in upn.casefold(),
        synced=flag(entry, "onPremisesSyncEnabled") is True,
        on_premises_domain=text(entry, "onPremisesDomainName") or None,
        on_premises_sam=text(entry, "onPremisesSamAccountName") or None,
        department=text(entry, "department") or None,
        job_title=text(entry, "jobTitle") or None,
        created_at=moment(entry, "createdDateTime"),
        sessions_valid_from=moment(entry, "signInSessionsValidFromDateTime"),
        last_password_change=moment(entry, "lastPasswordChangeDateTime"),
        licensed=bool(objects(entry, "assignedLicenses")),
        management_restricted=flag(entry, "isManagementRestricted") is True,
        on_premises_sid=text(entry, "onPremisesSecurityIdentifier") or None,
        preferred_language=text(entry, "preferredLanguage") or None,
        usage_location=text(entry, "usageLocation") or None,
        other_mails=texts(entry, "otherMails"),
        mobile_phone=text(entry, "mobilePhone") or None,
    )


def role_from(entry: Mapping[str, Any], via_group: str | None) -> DirectoryRole:
    """A role from an assignment. Built-in roles have the same id as their template; custom ones have their own."""
    definition = child(entry, "roleDefinition")
    identifier = text(definition, "templateId") or text(definition, "id") or text(entry, "roleDefinitionId")
    return DirectoryRole(
        template_id=identifier,
        name=text(definition, "displayName") or identifier,
        scope=text(entry, "directoryScopeId") or text(entry, "appScopeId") or "/",
        via_group=via_group,
    )


def organization_from(entry: Mapping[str, Any]) -> Organization:
    domains = objects(entry, "verifiedDomains")
    return Organization(
        id=text(entry, "id"),
        name=text(entry, "displayName"),
        synced=flag(entry, "onPremisesSyncEnabled") is True,
        last_synced_at=moment(entry, "onPremisesLastSyncDateTime"),
        domains=tuple(text(domain, "name") for domain in domains),
        default_domain=next((text(domain, "name") for domain in domains if flag(domain, "isDefault")), None),
    )
