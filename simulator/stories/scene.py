"""Where a story takes place: the tenant, the account, the times, and ids that the same seed always gives."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from simulator.clock import stamp
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import USUAL_DELAY, log
from simulator.exchange.state import Mailbox, TracedMessage
from simulator.ids import guid
from simulator.stories.story import Action, Journey, Origin, Story
from simulator.tenant import Json, User
from simulator.world import World

_DIRECTORY_DELAY = timedelta(minutes=30)
_INTERACTIVE_DELAY, _NON_INTERACTIVE_DELAY = timedelta(minutes=4), timedelta(minutes=18)
APPS: dict[str, str] = {
    "Azure Portal": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "Microsoft Authentication Broker": "29d9ed98-a469-4536-ade2-f981bc1d605e",
    "Microsoft Teams": "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
    "My Signins": "19db86c3-b2b9-44cc-b339-36da233a3be2",
    "Office 365 Exchange Online": "00000002-0000-0ff1-ce00-000000000000",
    "Office 365 SharePoint Online": "00000003-0000-0ff1-ce00-000000000000",
    "OfficeHome": "4765445b-32c6-49b0-83e6-1d93765276ca",
    "One Outlook Web": "9199bf20-a13f-4107-85dc-02114787ef48",
    "Outlook Mobile": "27922004-5251-4030-b22d-91ecd9a37ea4",
}
HOME = Origin("", "", "")  # where the user is: for what an intruder lets the user do
_NO_HOME = Origin("198.51.100.20", "Seattle", "US")


class Scene:
    """One story in one tenant. `now` is when the story was told, so that it can be looked at again later."""

    def __init__(self, story: Story, world: World, now: datetime, password_version: int | None = None) -> None:
        self.story = story
        self.world = world
        self.tenant = world.tenant
        self.records = world.tenant.records
        self.exchange = exchange_of(world)
        self.organisation = self.exchange.organisation
        self.now = now
        self.entered = now - story.since
        self.account = self.person(story.account)
        self.password_version = self.account.password.version if password_version is None else password_version
        self._serial = 0

    # -- who, when, which ------------------------------------------------------------------------------------------

    def person(self, name: str) -> User:
        """Somebody of the cast, by what stands before the @. Raises KeyError."""
        found = self.tenant.find_user(f"{name}@{self.tenant.initial_domain}")
        return found if found is not None else self.tenant.user(name)

    def mailbox(self, user: User | None = None) -> Mailbox:
        """The mailbox of the account, or of somebody else."""
        found = self.exchange.mailbox_of((user or self.account).id)
        assert found is not None, "this account has no mailbox"
        return found

    def address(self, user: User | None = None) -> str:
        """The address that mail shows."""
        return self.exchange.primary_address(user or self.account)

    def id(self, *names: str) -> str:
        """A GUID that the seed, the story and the names give."""
        return guid(self.world.config.seed, ":".join(("story", self.story.id, *names)))

    def next_id(self) -> str:
        """A GUID for a row of a log: the same row of the same story always gets the same one."""
        self._serial += 1
        return self.id("row", str(self._serial))

    def random(self, name: str) -> Random:
        """Chance that the seed decides."""
        return Random(f"{self.world.config.seed}:{self.story.id}:{name}")

    def when(self, action: Action) -> datetime:
        """The time of a deed; nothing happens in the future."""
        return min(self.entered + action.after, self.now)

    def home(self, user: User | None = None) -> Origin:
        """Where somebody usually works, and on which device."""
        person = user or self.account
        own = next((session for session in person.sessions if not session.intruder), None)
        if own is None:
            return _NO_HOME
        city, _, country = own.place.partition(", ")
        devices = (self.tenant.devices.get(device_id) for device_id in person.device_ids)
        device = next((device for device in devices if device is not None), None)
        if device is None:
            return Origin(own.ip_address, city, country)
        name, number = device.display_name, str(device.properties["deviceId"])
        return Origin(own.ip_address, city, country, device=name, device_id=number)

    def whereabouts(self, user: User, at: datetime) -> Origin | None:
        """Where somebody works at a moment: at home, or on a journey of the story; None on the way there and back."""
        for act in self.story.look_alikes if user.id == self.account.id else ():
            if isinstance(act, Journey):
                start, end = self.when(act), self.when(act) + timedelta(days=act.days)
                if start <= at < end:
                    return act.origin
                if start - act.flight <= at < end + act.flight:
                    return None
        return self.home(user)

    def colleagues(self, count: int) -> list[User]:
        """People with a mailbox, always the same ones; a large tenant makes no more of them than asked for."""
        found: list[User] = []
        for object_id in self.tenant.users:
            if len(found) == count:
                break
            user = self.tenant.users[object_id]
            if user.id != self.account.id and self.exchange.has_mailbox(user):
                found.append(user)
        return found

    # -- what is written down --------------------------------------------------------------------------------------

    def sign_in(
        self,
        user: User,
        at: datetime,
        by: Origin,
        *,
        app: str = "OfficeHome",
        client: str = "Browser",
        error: int = 0,
        failure: str = "Other.",
        interactive: bool = True,
        session: str = "",
        **more: Any,
    ) -> Json:
        """A line of the sign-in log, which shows it minutes later."""
        known = bool(by.device_id)
        app_id = str(more.pop("appId", APPS.get(app, APPS["Office 365 Exchange Online"])))
        row = self.records.add_sign_in(
            user,
            at,
            app=app,
            client=client,
            ip_address=by.ip,
            place=(by.city, by.country),
            error=error,
            interactive=interactive,
            **(
                {
                    "id": self.next_id(),
                    "appId": app_id,
                    "autonomousSystemNumber": by.asn,
                    "correlationId": self.next_id(),
                    "deviceDetail": {
                        "deviceId": by.device_id,
                        "displayName": by.device,
                        "operatingSystem": by.system,
                        "browser": by.browser,
                        "isCompliant": known,
                        "isManaged": known,
                        "trustType": "Azure AD joined" if known else "",
                    },
                    "sessionId": session or self.next_id(),
                    "status": {"errorCode": error, "failureReason": failure, "additionalDetails": None},
                    "uniqueTokenIdentifier": self.next_id(),
                    "userAgent": by.user_agent,
                }
                | more
            ),
        )
        self.records.sign_in_arrivals[row["id"]] = at + (_INTERACTIVE_DELAY if interactive else _NON_INTERACTIVE_DELAY)
        return row

    def audit(
        self,
        at: datetime,
        operation: str,
        *,
        record_type: str = "ExchangeItem",
        workload: str = "Exchange",
        upn: str | None = None,
        ip: str = "",
        object_id: str = "",
        **data: object,
    ) -> None:
        """A record of the unified audit log, which arrives late."""
        log(
            self.exchange,
            at,
            operation,
            record_id=self.next_id(),
            upn=self.account.upn if upn is None else upn,
            record_type=record_type,
            workload=workload,
            ip_address=ip,
            object_id=object_id,
            delay=_DIRECTORY_DELAY if workload == "AzureActiveDirectory" else USUAL_DELAY,
            **data,
        )

    def cmdlet(self, at: datetime, name: str, by: Origin, target: str = "", **parameters: object) -> None:
        """The record of a cmdlet, which carries its parameters and the caller's port."""
        shown = [{"Name": key, "Value": _text(value)} for key, value in parameters.items()]
        self.audit(
            at,
            name,
            record_type="ExchangeAdmin",
            ip=f"{by.ip}:4431",
            object_id=target or self.address(),
            Parameters=shown,
        )

    def directory_audit(
        self,
        at: datetime,
        activity: str,
        by: Origin,
        *,
        category: str,
        targets: list[Json],
        service: str = "Core Directory",
    ) -> None:
        """A line of the directory's own log, done by the account, and its record in the unified log."""
        actor = {
            "id": self.account.id,
            "displayName": self.account.display_name,
            "userPrincipalName": self.account.upn,
            "ipAddress": by.ip,
        }
        self.records.directory_audits.append(
            {
                "id": self.next_id(),
                "activityDateTime": stamp(at),
                "activityDisplayName": activity,
                "category": category,
                "correlationId": self.next_id(),
                "initiatedBy": {"user": actor, "app": None},
                "loggedByService": service,
                "operationType": "Add",
                "result": "success",
                "resultReason": "",
                "additionalDetails": [{"key": "User-Agent", "value": by.user_agent}],
                "targetResources": targets,
            }
        )
        self.audit(
            at,
            f"{activity}.",
            record_type="AzureActiveDirectory",
            workload="AzureActiveDirectory",
            ip=by.ip,
            object_id=str(targets[0].get("displayName") or targets[0]["id"]) if targets else "",
            Target=[{"ID": target["id"], "Type": target.get("type")} for target in targets],
        )

    def trace(self, at: datetime, sender: str, recipient: str, subject: str, message_id: str, **more: Any) -> None:
        """A line of the message trace."""
        number = UUID(self.next_id())
        message = TracedMessage(number, message_id, at, sender, recipient, subject, **more)
        self.organisation.traced.append(message)

    def message(self, user: User, at: datetime, *, subject: str, sender: str, to: tuple[str, ...], **more: Any) -> Json:
        """A mail in somebody's mailbox, with ids that the seed gives."""
        number = self.next_id()
        return self.records.add_message(
            user,
            at,
            subject=subject,
            sender=sender,
            to=to,
            **(
                {
                    "id": f"AAMk{number.replace('-', '')}",
                    "internetMessageId": f"<{number}@{sender.rpartition('@')[2]}>",
                    "conversationId": self.id("conversation", subject).replace("-", ""),
                }
                | more
            ),
        )


def _text(value: object) -> str:
    return ";".join(str(each) for each in value) if isinstance(value, (list, tuple)) else str(value)


def target(thing_id: str, name: str, kind: str, **changed: str) -> Json:
    """What a directory change was done to, with the values that it set."""
    return {
        "id": thing_id,
        "displayName": name,
        "type": kind,
        "modifiedProperties": [
            {"displayName": name, "oldValue": "[]", "newValue": value} for name, value in changed.items()
        ],
    }
