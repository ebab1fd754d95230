"""Recognising an account: what kind it is, and how carefully it must be handled."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from services.errors import IRBotError, MissingLicence, MissingPermission
from services.incidents.model import Subject
from services.microsoft365 import Microsoft365
from services.microsoft365.accounts import Account, Roles
from services.plain_words import explain
from services.settings import Settings
from services.together import together

T = TypeVar("T")

_GROUPS = "GroupMember.Read.All"
_ELIGIBLE = "RoleEligibilitySchedule.Read.Directory"


async def recognise(m365: Microsoft365, settings: Settings, object_id: str) -> tuple[Subject, Account]:
    """Reads one account and all that decides how it is handled; changes nothing.

    Raises what the account's own look-up raises (Gone, …). Any other look-up that fails counts as the worse case and
    is named in `unknowns`.
    """
    unknowns: list[str] = []

    async def or_unknown(what: str, look_up: Awaitable[T]) -> T | None:
        try:
            return await look_up
        except IRBotError as error:
            unknowns.append(f"{what}: {explain(error).what}")
            return None

    protected_groups = (*settings.vip_groups, *settings.break_glass_groups)
    account, roles, groups, purpose = await together(
        m365.directory.account(object_id),
        or_unknown("Directory roles", m365.directory.directory_roles(object_id)),
        or_unknown("VIP and break-glass groups", m365.directory.groups_of(object_id, protected_groups)),
        or_unknown("Kind of mailbox", _purpose(m365, object_id)),
    )
    privileged, active, eligible = _privilege(roles, unknowns)
    return (
        Subject(
            object_id=account.id,
            name=account.display_name,
            upn=account.upn,
            mail=account.mail,
            department=account.department,
            job_title=account.job_title,
            guest=account.is_guest,
            synced=account.synced,
            on_premises_name=account.on_premises_sam,
            shared_mailbox=purpose == "shared",
            active_roles=active,
            eligible_roles=eligible,
            role_assignable_group=bool(roles and roles.role_assignable_group),
            management_restricted=account.management_restricted,
            privileged=privileged,
            vip=_listed(account, settings.vip_users) or groups is None or bool(groups & set(settings.vip_groups)),
            break_glass=_listed(account, settings.break_glass_users)
            or (groups is None and bool(settings.break_glass_groups))
            or bool(groups and groups & set(settings.break_glass_groups)),
            unknowns=tuple(sorted(unknowns)),
        ),
        account,
    )


def _listed(account: Account, names: Iterable[str]) -> bool:
    """Whether the settings name this account. Object ids are asked for; a slip into a UPN must not cost protection."""
    return not {account.id.casefold(), account.upn.casefold()}.isdisjoint(name.casefold() for name in names)


def _privilege(roles: Roles | None, unknowns: list[str]) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    if roles is None:
        return True, (), ()
    # Without the licence for eligible roles there are none; unread for any other reason, there may be some.
    unread = roles.eligible is None and roles.eligible_reason != MissingLicence.code
    if unread:
        missing = roles.eligible_reason == MissingPermission.code
        why = explain(MissingPermission(permissions=[_ELIGIBLE])).what if missing else "They could not be read."
        unknowns.append(f"Eligible roles: {why}")
    if roles.hidden_groups:
        unknowns.append(f"Groups: {explain(MissingPermission(permissions=[_GROUPS])).what}")
    active = tuple(sorted({role.name for role in roles.active}))
    eligible = tuple(sorted({role.name for role in roles.eligible or ()}))
    return roles.is_privileged or unread, active, eligible


async def _purpose(m365: Microsoft365, object_id: str) -> str | None:
    # No mailbox, or one that gives no answer, only costs the word "shared"; it changes nothing in how we lock.
    try:
        return (await m365.mailbox.settings(object_id)).purpose
    except MissingPermission:
        raise  # nobody would ever know
    except IRBotError:
        return None
