"""Reading what is guarded: each area on its own, so that one that cannot be read hides no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.access import Role
from services.errors import IRBotError
from services.guard.model import (
    APP,
    APP_ROLES,
    MEMBER,
    PERMISSIONS,
    REGISTRATION,
    ROLES,
    Change,
    Facts,
    area_of_group,
)
from services.microsoft365 import Microsoft365
from services.microsoft365.audit import DirectoryChange
from services.microsoft365.own_app import OwnApp
from services.plain_words import explain
from services.settings import Settings
from services.together import together

_MOST_MEMBERS = 2000
_MOST_CHANGES = 50
_LOG_RUNS_BEHIND = timedelta(hours=1)
_APP_ROLE = "IRBot."

_WHERE = {
    APP: "IRBot's app in Entra",
    REGISTRATION: "IRBot's app registration",
    PERMISSIONS: "the permissions of IRBot's app",
    ROLES: "the directory roles of IRBot's app",
    APP_ROLES: "IRBot's app roles",
}


@dataclass(frozen=True)
class Picture:
    """What one look saw: the facts of each area that could be read, with its words, and why the others could not."""

    facts: Mapping[str, Facts]
    where: Mapping[str, str]
    unread: Mapping[str, str]
    ids: Mapping[str, str]  # the object that the audit log knows an area by


class _TooMany(Exception):
    """A group is too large to be kept as a list of people."""


class Looking:
    """Reads Entra. Changes nothing."""

    def __init__(self, m365: Microsoft365, settings: Settings) -> None:
        self._m365 = m365
        self._settings = settings

    def groups(self) -> dict[str, str]:
        """The configured groups that are guarded, each with what it is for."""
        chosen = self._settings
        uses: dict[str, list[str]] = {}
        for groups, use in (
            (chosen.responder_groups, f"gives the role {Role.RESPONDER.value}"),
            (chosen.approver_groups, f"gives the role {Role.APPROVER.value}"),
            (chosen.communicator_groups, f"gives the role {Role.COMMUNICATOR.value}"),
            (chosen.administrator_groups, f"gives the role {Role.ADMINISTRATOR.value}"),
            (chosen.break_glass_groups, "holds the break-glass accounts"),
            (chosen.vip_groups, "holds the VIPs"),
        ):
            for group in groups:
                uses.setdefault(group.lower(), []).append(use)
        return {group: " and ".join(each) for group, each in uses.items()}

    async def look(self) -> Picture:
        """Everything that is guarded, as it is now."""
        facts: dict[str, Facts] = {}
        where, unread, ids = dict(_WHERE), dict[str, str](), dict[str, str]()
        groups = self.groups()

        async def keep(area: str, read: Callable[[], Awaitable[Facts]]) -> None:
            try:
                facts[area] = await read()
            except IRBotError as error:
                unread[area] = explain(error).what
            except _TooMany:
                unread[area] = f"It has more than {_MOST_MEMBERS:,} people."

        async def principal() -> Facts:
            app = await self._m365.own_app.principal()
            ids[APP] = ids[PERMISSIONS] = ids[ROLES] = ids[APP_ROLES] = app.id
            return {**_app(app), "enabled": "sign-in allowed" if app.enabled else "sign-in blocked"}

        async def registration() -> Facts:
            app = await self._m365.own_app.registration()
            ids[REGISTRATION] = app.id
            return _app(app)

        async def app_roles() -> Facts:
            given = await self._m365.own_app.app_roles_given()
            for each in given:
                if each.is_group and each.role.startswith(_APP_ROLE):
                    role = each.role.removeprefix(_APP_ROLE)
                    groups.setdefault(each.principal_id, f"gives the role {role}")
            return {f"{each.role}/{each.principal_id}": f"{each.role} for {each.principal_name}" for each in given}

        await together(keep(APP, principal), keep(REGISTRATION, registration), keep(APP_ROLES, app_roles))
        if APP in ids:
            own = ids[APP]
            await together(keep(PERMISSIONS, lambda: self._permissions(own)), keep(ROLES, lambda: self._roles(own)))
        else:
            unread |= dict.fromkeys((PERMISSIONS, ROLES), unread[APP])

        async def group(group_id: str) -> None:
            area = area_of_group(group_id)
            ids[area] = group_id
            where[area] = f"the group {group_id}, which {groups[group_id]}"

            async def read() -> Facts:
                name, found = await self._group(group_id)
                where[area] = f"the group {name}, which {groups[group_id]}"
                return found

            await keep(area, read)

        await together(*(group(each) for each in list(groups)))
        return Picture(facts, where, unread, ids)

    async def _permissions(self, own: str) -> Facts:
        held = await self._m365.own_app.permissions(own)
        return {key: f"the permission {name}" for key, name in held.items()}

    async def _roles(self, own: str) -> Facts:
        held = await self._m365.role_assignments.held_by(own)
        return {f"{each.role_id.lower()}{each.scope}": each.name or each.role_id for each in held}

    async def _group(self, group_id: str) -> tuple[str, Facts]:
        group, people = await together(
            self._m365.own_app.group(group_id), self._m365.directory.people_in(group_id, limit=_MOST_MEMBERS)
        )
        if not people.complete:
            raise _TooMany
        facts = {f"{MEMBER}{each.id.lower()}": f"{each.display_name} ({each.upn})" for each in people.accounts}
        facts |= {f"owner:{key}": f"the owner {name or key}" for key, name in group.owners.items()}
        facts["rule"] = f"its members by the rule {group.rule}" if group.rule else "its members chosen by hand"
        return group.name or group_id, facts

    # -- who did it ------------------------------------------------------------------------------------------------

    async def attributed(self, changes: tuple[Change, ...], picture: Picture, now: datetime) -> tuple[Change, ...]:
        """The changes with who made them and when, as far as the directory's audit log tells."""
        since = now - timedelta(minutes=self._settings.guard_minutes) - _LOG_RUNS_BEHIND
        found: dict[str, tuple[DirectoryChange, ...] | str] = {}
        for change in changes:
            for about in self._about(change, picture):
                if about not in found:
                    found[about] = await self._log(about, since)
        return tuple(
            replace(change, who=_who([found[about] for about in self._about(change, picture)], change))
            for change in changes
        )

    @staticmethod
    def _about(change: Change, picture: Picture) -> tuple[str, ...]:
        """The objects about which the log may tell of a change: the area's own, and who came or went."""
        ids = [picture.ids.get(change.area, "")]
        if change.key.startswith(MEMBER):
            ids.insert(0, change.key.removeprefix(MEMBER))
        return tuple(each for each in ids if each)

    async def _log(self, about: str, since: datetime) -> tuple[DirectoryChange, ...] | str:
        try:
            return (await self._m365.audit.changes_of(about, since, _MOST_CHANGES)).values
        except IRBotError as error:
            return explain(error).what


def _app(app: OwnApp) -> dict[str, str]:
    facts = {
        f"credential:{each.id}": f"the {each.kind} “{each.name or each.id}”, which ends {each.ends or 'never'}"
        for each in app.credentials
    }
    facts |= {f"owner:{key}": f"the owner {name or key}" for key, name in app.owners.items()}
    return facts | {f"address:{each}": f"the address {each}" for each in app.addresses}


def _who(logs: list[tuple[DirectoryChange, ...] | str], change: Change) -> str:
    """The newest entry that may be this change; else why nobody can be named."""
    entries = [entry for log in logs if not isinstance(log, str) for entry in log if entry.succeeded and entry.at]
    if change.key.startswith(MEMBER):
        entries = [entry for entry in entries if "group" in entry.activity.casefold()] or entries
    if entries:
        newest = max(entries, key=lambda entry: str(entry.at))
        return f"{newest.activity}, by {newest.by or 'nobody named'}, {newest.at:%d %b %H:%M} UTC"
    reasons = [log for log in logs if isinstance(log, str)]
    return f"Not evaluated who: {reasons[0]}" if reasons else "The directory's log does not tell who yet."
