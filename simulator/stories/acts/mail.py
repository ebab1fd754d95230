"""Mail that is sent, read, received and done away with, as trace, mailbox and audit log show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.exchange.cmdlets.mail_flow import restrict
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene
from simulator.stories.story import Action, Origin
from simulator.tenant import User

OUTSIDE = ("fabrikam.com", "northwind.example", "adatum.example", "proseware.example", "tailspin.example")
PURGED = "purged"  # no folder: what was sent is nowhere any more


@dataclass(frozen=True, kw_only=True)
class SendsMail(Action):
    """Sends one text to many. `kept_in` is where the copies lie afterwards: an intruder seldom leaves them.

    `seconds` is how long the burst takes. `named` are addresses besides the counted ones inside and outside.
    """

    subject: str
    body: str
    inside: int = 0
    outside: int = 0
    named: tuple[str, ...] = ()
    at_a_time: int = 1
    seconds: int = 240
    kept_in: str = "sentitems"
    client: str = "OWA"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        colleagues = {scene.address(user): user for user in scene.colleagues(self.inside)}
        random = scene.random(self.key)
        strangers = [f"{_stranger(number)}@{random.choice(OUTSIDE)}" for number in range(self.outside)]
        everybody = [*self.named, *colleagues, *strangers]
        batches = [everybody[start : start + self.at_a_time] for start in range(0, len(everybody), self.at_a_time)]
        pause = timedelta(seconds=self.seconds / max(1, len(batches)))
        for number, batch in enumerate(batches):
            self._send(scene, by, scene.when(self) + number * pause, batch, colleagues)
        return names(self.subject, scene.address())

    def _send(self, scene: Scene, by: Origin, at: datetime, batch: list[str], colleagues: dict[str, User]) -> None:
        sender = scene.address()
        message_id = f"<{scene.next_id()}@{scene.tenant.domain}>"
        common = {"subject": self.subject, "sender": sender, "body": self.body, "internetMessageId": message_id}
        if self.kept_in != PURGED:
            scene.message(scene.account, at, to=tuple(batch), folder=self.kept_in, **common)
        for recipient in batch:
            scene.trace(at, sender, recipient, self.subject, message_id, from_ip=by.ip, size=48_211)
            if recipient in colleagues:
                scene.message(colleagues[recipient], at, to=(recipient,), **common)
        item = {"Subject": self.subject, "InternetMessageId": message_id}
        scene.audit(at, "Send", ip=by.ip, Item=item, ClientInfoString=f"Client={self.client}")


def _stranger(number: int) -> str:
    return f"{('anna', 'ben', 'carla', 'dirk', 'elena', 'finn', 'greta', 'hugo')[number % 8]}.{number:03d}"


@dataclass(frozen=True, kw_only=True)
class ReceivesMail(Action):
    """Mail that comes in: the bait, questions from people who wonder, or what there is to be stolen."""

    subject: str
    body: str
    sender: str
    folder: str = "inbox"
    count: int = 1
    every: timedelta = timedelta(minutes=5)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        address = scene.address()
        for number in range(self.count):
            at = min(scene.when(self) + number * self.every, scene.now)
            sender = self.sender.format(number=number)
            got = scene.message(
                scene.account,
                at,
                subject=self.subject,
                sender=sender,
                to=(address,),
                body=self.body,
                folder=self.folder,
                isRead=True,
            )
            scene.trace(at, sender, address, self.subject, got["internetMessageId"], from_ip="192.0.2.25")
        return names(self.subject)


@dataclass(frozen=True, kw_only=True)
class ReadsMail(Action):
    """Opens mail: only the audit log knows. `app` is the key of the deed that brought the app which does it."""

    count: int = 40
    every: timedelta = timedelta(seconds=40)
    app: str = ""
    searches: tuple[str, ...] = ()

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        app = scene.tenant.service_principals[scene.id(self.app)].app_id if self.app else ""
        more = {"ClientAppId": app} if app else {}
        for number in range(self.count):
            at = min(scene.when(self) + number * self.every, scene.now)
            properties = [{"Name": "MailAccessType", "Value": "Bind"}]
            scene.audit(at, "MailItemsAccessed", ip=by.ip, OperationCount=1, OperationProperties=properties, **more)
        for text in self.searches:
            scene.audit(scene.when(self), "SearchQueryInitiatedExchange", ip=by.ip, QueryText=text)
        return names(by.ip, app)


@dataclass(frozen=True, kw_only=True)
class DeletesTraces(Action):
    """Deletes what could be noticed."""

    subject: str
    count: int = 12

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        for number in range(self.count):
            at = min(scene.when(self) + timedelta(seconds=number), scene.now)
            scene.audit(at, "HardDelete", ip=by.ip, AffectedItems=[{"Subject": self.subject}])
        return names(self.subject)


@dataclass(frozen=True, kw_only=True)
class GetsRestricted(Action):
    """Exchange stops the account from sending, because it sent too much."""

    external: int = 500

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        address = scene.address()
        scene.organisation.blocked_senders.append(restrict(scene.when(self), address, self.external))
        return names(address)


@dataclass(frozen=True, kw_only=True)
class OpensFiles(Action):
    """Opens or takes files, and may share one with whoever has the link."""

    files: tuple[str, ...]
    operation: str = "FileDownloaded"
    site: str = "https://contoso.sharepoint.com/sites/Projects/"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        for number, name in enumerate(self.files):
            at = min(scene.when(self) + timedelta(seconds=20 * number), scene.now)
            scene.audit(
                at,
                self.operation,
                record_type="SharePointFileOperation",
                workload="SharePoint",
                ip=by.ip,
                object_id=self.site + name,
                SourceFileName=name,
            )
        return names(*self.files)
