"""Looks at everything that IRBot needs, changes nothing, and never says a secret."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
import sqlalchemy as sa

from services.access import Role
from services.database import Database, newest_revision
from services.doctor import judge
from services.doctor.model import Check, Diagnosis, Grade
from services.doctor.sources import Sources, no_file_yet, setting_checks
from services.errors import IRBotError, UpstreamDown
from services.microsoft365 import Microsoft365, open_microsoft365
from services.microsoft365.exchange import PERMISSION as EXCHANGE_APP_ROLE
from services.microsoft365.graph_errors import permissions_in
from services.microsoft365.tokens import Tokens
from services.microsoft365.trust import trusted_authorities
from services.plain_words import explain
from services.rights import steps_of
from services.settings import Settings

_CLOCK_LIMIT = timedelta(minutes=4)  # Entra refuses a signed assertion that is five minutes off
_SECONDS = 15.0
_FEW_APPROVERS = 2

# By role template, the same in every tenant.
GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
ENTRA_ROLES = {
    "fe930be7-5e62-47db-91af-98c3a49a38b1": ("User Administrator", "sign-in and password of ordinary accounts"),
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": (
        "Privileged Authentication Administrator",
        "sign-in, password and methods of administrators",
    ),
    "7698a772-787b-4ac8-901f-60d6b08affd2": ("Cloud Device Administrator", "devices in Entra"),
    "29232cdf-9323-42fd-ade2-1d097af3e4de": ("Exchange Administrator", "mailboxes, rules and mail flow"),
}
T = TypeVar("T")


async def examine(
    environment: Settings, now: Callable[[], datetime], url: str | None = None, patience_seconds: float = 40.0
) -> Diagnosis:
    """Looks, each time for at most `patience_seconds`. Sends nothing that changes anything.

    What is judged are the settings as the running bot has them: the environment's, and what administrators set in
    Teams. `url` is where Teams reaches the bot, looked at where it is given.
    """
    sources = await Sources.read(environment, patience_seconds)
    tokens = Tokens(sources.settings)
    try:
        m365 = await open_microsoft365(sources.settings, tokens)
        try:
            return await _Examination(sources, tokens, m365, now, patience_seconds).whole(url)
        finally:
            await m365.close()
    finally:
        await tokens.close()


class _Examination:
    def __init__(
        self,
        sources: Sources,
        tokens: Tokens,
        m365: Microsoft365,
        now: Callable[[], datetime],
        patience_seconds: float,
    ) -> None:
        self._sources = sources
        self._settings = sources.settings
        self._tokens = tokens
        self._m365 = m365
        self._now = now
        self._patience_seconds = patience_seconds

    async def whole(self, url: str | None) -> Diagnosis:
        granted, exchange_role, cmdlets = await asyncio.gather(
            self._or_error(self._m365.granted),
            self._or_error(self._exchange_role),
            self._or_error(self._m365.exchange.cmdlets),
        )
        looks = {
            "Clock": self._clock(),
            "Database": self._database(),
            "Bot Framework": self._bot_token(),
            "Entra roles of the app": self._entra_roles(),
            "People": self._people(),
            "Licences": self._licences(),
            "Mailbox for warnings": self._mail_sender(),
        }
        if url is not None:
            looks["Messaging endpoint"] = self._endpoint(url)
        found = await asyncio.gather(*(self._in_time(title, look) for title, look in looks.items()))
        checks = (
            judge.credentials(granted),
            judge.program(self._settings.profile, granted),
            judge.exchange(exchange_role, cmdlets),
            *(check for part in found for check in part),
            *setting_checks(self._sources),
        )
        steps = tuple(judge.step_check(step, granted, cmdlets) for step in steps_of(self._settings.profile))
        return Diagnosis(tuple(checks), steps)

    async def _in_time(self, title: str, look: Awaitable[Sequence[Check]]) -> Sequence[Check]:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await look
        except TimeoutError:
            return (Check(title.lower().replace(" ", "-"), title, Grade.UNKNOWN, "No answer in time."),)

    async def _or_error(self, look: Callable[[], Awaitable[T]]) -> T | IRBotError:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await look()
        except IRBotError as error:
            return error
        except TimeoutError:
            return UpstreamDown(service="entra-sign-in")

    async def _exchange_role(self) -> bool | None:
        roles = permissions_in(await self._tokens.token(self._settings.exchange_scope))
        return None if roles is None else EXCHANGE_APP_ROLE in roles

    async def _clock(self) -> Sequence[Check]:
        title = "Clock"
        address = f"{self._settings.login_url}/{self._settings.tenant_id}/v2.0/.well-known/openid-configuration"
        try:
            answer = await self._get(address)
            theirs = email.utils.parsedate_to_datetime(answer.headers["Date"])
        except (httpx.HTTPError, KeyError, ValueError) as error:
            return (
                Check(
                    "clock",
                    title,
                    Grade.UNKNOWN,
                    f"The sign-in service did not say ({type(error).__name__}).",
                    f"This machine must reach {self._settings.login_url} over HTTPS.",
                ),
            )
        off = abs(self._now() - theirs)
        if off > _CLOCK_LIMIT:
            return (
                Check(
                    "clock",
                    title,
                    Grade.FAILED,
                    f"This machine's clock is {int(off.total_seconds())} s off.",
                    "Switch on time synchronisation (NTP).",
                ),
            )
        return (Check("clock", title, Grade.GOOD, "Within a few seconds of the sign-in service."),)

    async def _database(self) -> Sequence[Check]:
        title = "Database"
        database = Database.connect_to_read(self._settings.sql_url)
        try:
            async with database.read() as connection:
                query = sa.text("SELECT version_num FROM alembic_version")
                revision = (await connection.execute(query)).scalar_one()
        except sa.exc.DBAPIError as error:
            if no_file_yet(self._settings):
                where = f"There is none yet in {self._settings.data_dir.resolve()}; the first start makes it."
                return (Check("database", title, Grade.GOOD, where),)
            return (
                Check(
                    "database",
                    title,
                    Grade.FAILED,
                    f"It does not answer ({type(error.orig).__name__}).",
                    "Check IRBOT_DATABASE_URL, and that the server runs and knows the user.",
                ),
            )
        finally:
            await database.close()
        newest = await asyncio.to_thread(newest_revision)
        if revision != newest:
            return (
                Check(
                    "database",
                    title,
                    Grade.WARNING,
                    f"Its tables are of version {revision}, this is {newest}.",
                    "The next start brings them up to date. Make a copy first.",
                ),
            )
        return (Check("database", title, Grade.GOOD, "It answers, and its tables are up to date."),)

    async def _bot_token(self) -> Sequence[Check]:
        title = "Bot Framework"
        try:
            await self._tokens.token(self._settings.bot_scope)
        except IRBotError as error:
            return (
                Check(
                    "bot",
                    title,
                    judge.grade_of(error),
                    explain(error).what,
                    "The Azure Bot must be single tenant and carry this app's id.",
                ),
            )
        return (Check("bot", title, Grade.GOOD, "The app gets a token to speak in Teams."),)

    async def _entra_roles(self) -> Sequence[Check]:
        title = "Entra roles of the app"
        try:
            principal = await self._m365.own_principal()
            if principal is None:
                return (Check("entra-roles", title, Grade.UNKNOWN, "Our token does not tell who we are."),)
            held = {each.role_id.lower() for each in await self._m365.role_assignments.held_by(principal)}
        except IRBotError as error:
            return (
                Check(
                    "entra-roles",
                    title,
                    Grade.UNKNOWN,
                    explain(error).what,
                    "Grant RoleManagement.Read.Directory to see them.",
                ),
            )
        if GLOBAL_ADMINISTRATOR in held:
            return (
                Check(
                    "entra-roles",
                    title,
                    Grade.WARNING,
                    "The app is Global Administrator: more than it needs.",
                    "Give it the four roles of the administrator guide instead.",
                ),
            )
        lacking = [f"{name} (for {what_for})" for role, (name, what_for) in ENTRA_ROLES.items() if role not in held]
        if lacking:
            return (
                Check(
                    "entra-roles",
                    title,
                    Grade.WARNING,
                    f"Without {'; '.join(lacking)}.",
                    "Assign them to the service principal in Entra, or do those things by hand.",
                ),
            )
        return (Check("entra-roles", title, Grade.GOOD, "All four are there."),)

    async def _people(self) -> Sequence[Check]:
        settings = self._settings
        groups = {
            Role.RESPONDER: settings.responder_groups,
            Role.APPROVER: settings.approver_groups,
            Role.COMMUNICATOR: settings.communicator_groups,
            Role.ADMINISTRATOR: settings.administrator_groups,
        }
        return [await self._role(role, ids) for role, ids in groups.items()]

    async def _role(self, role: Role, group_ids: Sequence[str]) -> Check:
        check_id, title = f"role-{role.value.lower()}", f"{role.value}s"
        setting = f"IRBOT_{role.value.upper()}_GROUPS"
        if not group_ids:
            if self._settings.use_app_roles:
                return Check(check_id, title, Grade.GOOD, f"By the app role IRBot.{role.value}.")
            grade = Grade.FAILED if role in {Role.RESPONDER, Role.APPROVER} else Grade.WARNING
            return Check(check_id, title, grade, "No group is named.", f"Set {setting} to object ids of Entra groups.")
        people: set[str] = set()
        for group_id in group_ids:
            try:
                found = await self._m365.directory.people_in(group_id, limit=50)
            except IRBotError as error:
                found_out = f"{group_id}: {explain(error).what}"
                return Check(check_id, title, judge.grade_of(error), found_out, f"Check {setting}.")
            people |= {each.id for each in found.accounts if each.account_enabled and not each.is_guest}
        if not people:
            return Check(check_id, title, Grade.FAILED, "Nobody in these groups can act.", f"Check {setting}.")
        if role is Role.APPROVER and len(people) < _FEW_APPROVERS:
            return Check(
                check_id,
                title,
                Grade.WARNING,
                "Only one person can approve.",
                "Nobody may approve what they asked for: name a second one.",
            )
        return Check(check_id, title, Grade.GOOD, f"{len(people)} can act.")

    async def _licences(self) -> Sequence[Check]:
        title = "Licences"
        try:
            owned = await self._m365.licences.of_tenant()
        except IRBotError as error:
            return (Check("licences", title, Grade.UNKNOWN, explain(error).what, "Grant LicenseAssignment.Read.All."),)
        return (judge.licences(owned),)

    async def _mail_sender(self) -> Sequence[Check]:
        sender = self._settings.mail_from
        title = "Mailbox for warnings"
        if not sender:
            return (
                Check(
                    "mail",
                    title,
                    Grade.WARNING,
                    "None is named, so nobody outside can be warned.",
                    "Set IRBOT_MAIL_FROM to a shared mailbox.",
                ),
            )
        try:
            found = await self._m365.directory.find_accounts(sender)
        except IRBotError as error:
            return (Check("mail", title, judge.grade_of(error), explain(error).what, "Check IRBOT_MAIL_FROM."),)
        if len(found) != 1:
            return (Check("mail", title, Grade.FAILED, f"{len(found)} accounts fit it.", "Check IRBOT_MAIL_FROM."),)
        return (Check("mail", title, Grade.GOOD, "It is there."),)

    async def _endpoint(self, url: str) -> Sequence[Check]:
        title = "Messaging endpoint"
        base = url.rstrip("/").removesuffix("/api/messages")
        try:
            ready = (await self._get(f"{base}/readyz")).status_code
            unsigned = (await self._get(f"{base}/api/messages", post=True)).status_code
        except httpx.HTTPError as error:
            return (
                Check(
                    "endpoint",
                    title,
                    Grade.FAILED,
                    f"{base} does not answer ({type(error).__name__}).",
                    "Teams must reach it over HTTPS with a certificate that browsers trust.",
                ),
            )
        if unsigned not in {400, 401, 403}:
            return (
                Check(
                    "endpoint",
                    title,
                    Grade.FAILED,
                    f"A stranger's message is answered with {unsigned}.",
                    "Something else than IRBot answers there.",
                ),
            )
        if ready != httpx.codes.OK:
            return (
                Check(
                    "endpoint", title, Grade.FAILED, f"It answers, and is not ready ({ready}).", "Read the bot's log."
                ),
            )
        grade = Grade.GOOD if base.startswith("https://") else Grade.WARNING
        return (
            Check(
                "endpoint",
                title,
                grade,
                "It is ready, and refuses strangers.",
                "" if grade is Grade.GOOD else "Teams only talks to HTTPS.",
            ),
        )

    async def _get(self, url: str, *, post: bool = False) -> httpx.Response:
        authorities = await asyncio.to_thread(trusted_authorities, self._settings.ca_file)
        async with httpx.AsyncClient(verify=authorities, timeout=_SECONDS, follow_redirects=False) as http:
            return await (http.post(url, json={}) if post else http.get(url))
