"""Signing in: by hand, with a stolen token, by guessing; and knowing the password."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from simulator.clock import stamp
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene
from simulator.stories.story import Action, Journey, Origin
from simulator.tenant import Session


@dataclass(frozen=True, kw_only=True)
class SignsIn(Action):
    """Comes in by hand and stays: a session, one interactive line in the log, then renewals without a hand."""

    lasting: ClassVar[bool] = True
    app: str = "OfficeHome"
    client: str = "Browser"
    renewals: int = 6
    every: timedelta = timedelta(minutes=47)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, session = scene.when(self), scene.id(self.key, "session")
        scene.sign_in(
            scene.account,
            at,
            by,
            app=self.app,
            client=self.client,
            session=session,
            authenticationRequirement="multiFactorAuthentication",
        )
        _renew(scene, self, by, session)
        scene.account.sessions.append(Session(session, self.app, by.ip, by.place, at, intruder=True))
        scene.audit(
            at,
            "UserLoggedIn",
            record_type="AzureActiveDirectoryStsLogon",
            workload="AzureActiveDirectory",
            ip=by.ip,
            ApplicationId=self.app,
        )
        return names(session, by.ip, by.place)

    def remains(self, scene: Scene) -> bool:
        return _session_remains(scene, self.key)


@dataclass(frozen=True, kw_only=True)
class ReplaysToken(Action):
    """Uses a token stolen from the user's own device: no interactive line at all, and the device's name in each."""

    lasting: ClassVar[bool] = True
    app: str = "Office 365 Exchange Online"
    client: str = "Browser"
    renewals: int = 24
    every: timedelta = timedelta(minutes=31)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        own = next((each.id for each in scene.account.sessions if not each.intruder), "")
        session = scene.id(self.key, "session")
        home = scene.home()
        _renew(scene, self, replace(by, device=home.device, device_id=home.device_id), own or session)
        place = Session(session, self.app, by.ip, by.place, scene.when(self), intruder=True)
        scene.account.sessions.append(place)
        return names(session, by.ip, by.place)

    def remains(self, scene: Scene) -> bool:
        return _session_remains(scene, self.key)


def _renew(scene: Scene, action: SignsIn | ReplaysToken, by: Origin, session: str) -> None:
    for number in range(action.renewals):
        at = scene.when(action) + number * action.every + timedelta(minutes=2)
        if at > scene.now:
            return
        scene.sign_in(
            scene.account,
            at,
            by,
            app=action.app if number % 3 else "Office 365 Exchange Online",
            client=action.client,
            interactive=False,
            session=session,
        )


def _session_remains(scene: Scene, key: str) -> bool:
    session = scene.id(key, "session")
    return any(each.id == session for each in scene.account.active_sessions())


@dataclass(frozen=True, kw_only=True)
class GuessesPassword(Action):
    """Tries passwords or asks for approval again and again; every try is a failure in the log."""

    tries: int = 9
    every: timedelta = timedelta(minutes=1)
    error: int = 50126
    failure: str = "Error validating credentials due to invalid username or password."
    client: str = "Browser"
    app: str = "OfficeHome"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        for number in range(self.tries):
            at = scene.when(self) + number * self.every
            scene.sign_in(
                scene.account, at, by, app=self.app, client=self.client, error=self.error, failure=self.failure
            )
        return names(by.ip)


@dataclass(frozen=True, kw_only=True)
class TriesOthers(Action):
    """Tries the same password on colleagues from the same address. Who let the intruder in is another incident."""

    count: int = 12
    lets_in: tuple[str, ...] = ()  # by what stands before the @

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, wrong = scene.when(self), "Error validating credentials due to invalid username or password."
        for number, colleague in enumerate(scene.colleagues(self.count)):
            moment = at + timedelta(minutes=7 * number)
            scene.sign_in(colleague, moment, by, error=50126, failure=wrong)
        others = [scene.person(name) for name in self.lets_in]
        for other in others:
            moment = at + timedelta(minutes=7 * self.count)
            scene.sign_in(other, moment, by, app="OfficeHome")
            session = Session(scene.id(self.key, other.id), "OfficeHome", by.ip, by.place, moment, intruder=True)
            other.sessions.append(session)
        return names(by.ip, *(other.upn for other in others), *(other.id for other in others))


@dataclass(frozen=True, kw_only=True)
class KnowsPassword(Action):
    """Has the password: it works until it is changed, for a synchronised account on-premises."""

    lasting: ClassVar[bool] = True

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        return names(scene.account.upn, "password")

    def remains(self, scene: Scene) -> bool:
        if scene.account.password.version != scene.password_version:
            return False
        sid = scene.account.properties.get("onPremisesSecurityIdentifier")
        done = scene.records.on_premises_actions
        return not any(each["accountId"] == sid and each["action"] == "forcePasswordReset" for each in done)


@dataclass(frozen=True, kw_only=True)
class Travels(Journey):
    """The user at another place with the same device; from home there is nothing meanwhile."""

    each_day: int = 6

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        return _elsewhere(scene, self, by, round(self.days * self.each_day), timedelta(days=self.days))


@dataclass(frozen=True, kw_only=True)
class UsesVpn(Action):
    """The user at home with the same device, through an exit that the log places in another country."""

    count: int = 8
    within: timedelta = timedelta(hours=30)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        return _elsewhere(scene, self, by, self.count, self.within)


@dataclass(frozen=True, kw_only=True)
class KeepsWorking(Action):
    """The user at home, hour after hour, whatever day it is."""

    count: int = 20
    within: timedelta = timedelta(hours=20)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        return _elsewhere(scene, self, by, self.count, self.within)


def _elsewhere(scene: Scene, action: Action, there: Origin, count: int, within: timedelta) -> frozenset[str]:
    home = scene.home()
    by = replace(there, device=home.device, device_id=home.device_id)
    for number in range(count):
        at = scene.when(action) + within * number / count
        if at > scene.now:
            break
        scene.sign_in(scene.account, at, by, app="Microsoft Teams" if number % 2 else "OfficeHome")
        scene.sign_in(scene.account, at + timedelta(minutes=20), by, app="One Outlook Web", interactive=False)
    return names(by.ip, by.place)


@dataclass(frozen=True, kw_only=True)
class TrustedAddress(Action):
    """The organisation names an address as its own, as one does with the exit of a VPN."""

    name: str
    cidr: str

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        assert by
        number = scene.id(self.key)
        scene.records.named_locations[number] = {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": number,
            "displayName": self.name,
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": self.cidr}],
            "createdDateTime": None,
            "modifiedDateTime": None,
        }
        return names(number, self.name, self.cidr)


@dataclass(frozen=True, kw_only=True)
class RaisesRisk(Action):
    """Identity Protection notices something; who owns the licence sees it. In real time it marks the sign-in, too."""

    level: str = "high"
    event: str = "unfamiliarFeatures"
    timing: str = "realtime"

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, account, number = scene.when(self), scene.account, scene.id(self.key)
        theirs = [row for row in scene.records.sign_ins if row["userId"] == account.id and row["ipAddress"] == by.ip]
        risky = [row for row in theirs if row["status"]["errorCode"] == 0][:1] if self.timing == "realtime" else []
        for row in risky:
            row |= {"riskLevelDuringSignIn": self.level, "riskState": "atRisk", "riskEventTypes_v2": [self.event]}
        scene.records.add_risk(account, at, self.level, "atRisk")
        scene.records.risk_detections.append(
            {
                "id": number,
                "userId": account.id,
                "userDisplayName": account.display_name,
                "userPrincipalName": account.upn,
                "riskEventType": self.event,
                "riskLevel": self.level,
                "riskState": "atRisk",
                "riskDetail": "none",
                "ipAddress": by.ip,
                "location": {"city": by.city, "countryOrRegion": by.country},
                "activity": "signin",
                "activityDateTime": stamp(at),
                "detectedDateTime": stamp(at + timedelta(minutes=3)),
                "lastUpdatedDateTime": stamp(at + timedelta(minutes=3)),
                "detectionTimingType": self.timing,
                "source": "IdentityProtection",
                "tokenIssuerType": "AzureAD",
            }
        )
        return names(number, self.event)
