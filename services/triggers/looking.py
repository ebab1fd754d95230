"""Asking Microsoft what is new: accounts at risk and alerts, as signs about one account each."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import IRBotError, Unavailable
from services.microsoft365 import Microsoft365
from services.microsoft365.alerts import Alert, NamedAccount
from services.microsoft365.risk import RiskyAccount
from services.settings import Settings
from services.triggers import words
from services.triggers.model import Sign, SignSource, reaches

log = logging.getLogger(__name__)

_MOST = 10_000
_MOST_DETECTIONS = 20
_DETECTIONS_SINCE = timedelta(days=30)
_SETTLES = timedelta(minutes=2)
_MOST_REMEMBERED = 20_000
_LONGEST_ID = 128
_SETTLED = frozenset({"falsePositive", "informationalExpectedActivity"})
HIDDEN = "Microsoft hides how high a risk is: that takes Microsoft Entra ID P2."
TOO_MANY = "There was more than could be read at once."
NO_ACCOUNT = "An account that an alert names could not be looked up."


@dataclass(frozen=True)
class Seen:
    """What was seen about one account. `name` and `upn` are what the source says, where it says so."""

    account_id: str
    name: str
    upn: str
    level: str
    signs: tuple[Sign, ...]


class Looking:
    """Looks at one source after the other. `problem` says afterwards what kept a look from seeing everything.

    With `look_again` set, what it did not see must be looked for once more.
    """

    def __init__(self, m365: Microsoft365, settings: Settings) -> None:
        self._m365 = m365
        self._settings = settings
        self._read: dict[str, datetime | None] = {}
        self.problem = ""
        self.look_again = False

    async def look(self, source: SignSource, since: datetime, now: datetime) -> AsyncIterator[Seen]:
        """All that is at the threshold or above and changed since then. Raises what the list's call raises."""
        self.problem, self.look_again = "", False
        found = self._risks(since, now) if source is SignSource.RISK else self._alerts(since)
        async for seen in found:
            yield seen

    async def _risks(self, since: datetime, now: datetime) -> AsyncIterator[Seen]:
        listing = await self._m365.risk.changed(since, _MOST)
        if not listing.complete:
            self.problem, self.look_again = TOO_MANY, True
        if len(self._read) > _MOST_REMEMBERED:
            self._read.clear()
        for account in listing:
            risk = account.risk
            if account.deleted or risk.state != "atRisk" or not account.object_id:
                continue
            if risk.level == "hidden":
                self.problem = self.problem or HIDDEN
            if not reaches(risk.level, self._settings.trigger_risk_level):
                continue
            # Looks overlap in time; what is as it was needs no second reading. Rows decide, this only saves calls.
            if risk.updated_at is not None and self._read.get(account.object_id) == risk.updated_at:
                continue
            signs, whole = await self._detections(account, now)
            yield Seen(account.object_id, account.name, account.upn, risk.level, signs)
            # More may come within the second that the stamp names, and reasons come late.
            if whole and risk.updated_at is not None and risk.updated_at < now - _SETTLES:
                self._read[account.object_id] = risk.updated_at

    async def _detections(self, account: RiskyAccount, now: datetime) -> tuple[tuple[Sign, ...], bool]:
        """Why the account is at risk, and whether that could be read; where not, the risk itself is the sign."""
        risk = account.risk
        try:
            found = await self._m365.risk.detections(account.object_id, now - _DETECTIONS_SINCE, _MOST_DETECTIONS)
            signs = tuple(
                Sign(SignSource.RISK, _short(each.id), each.level, words.of_detection(each), each.at)
                for each in found
                if each.id and each.state in {"", "atRisk"}
            )
            whole = True
        except Unavailable as error:
            log.warning("why an account is at risk could not be read: %s", error.code)
            signs, whole = (), False
        if signs:
            return signs, whole
        stamp = risk.updated_at.isoformat() if risk.updated_at else "unknown"
        return (
            Sign(
                SignSource.RISK, f"level:{risk.level}:{stamp}", risk.level, words.of_risk(risk.level), risk.updated_at
            ),
        ), whole

    async def _alerts(self, since: datetime) -> AsyncIterator[Seen]:
        listing = await self._m365.alerts.changed(since, _MOST)
        if not listing.complete:
            self.problem, self.look_again = TOO_MANY, True
        for each in listing:
            alert = each.alert
            if alert.status == "resolved" or alert.classification in _SETTLED:
                continue
            if not alert.id or not reaches(alert.severity, self._settings.trigger_alert_severity):
                continue
            sign = Sign(SignSource.ALERT, _short(alert.id), alert.severity, words.of_alert(alert), alert.at)
            for account_id in [found for named in each.accounts if (found := await self._id_of(named, alert))]:
                yield Seen(account_id, "", "", alert.severity, (sign,))

    async def _id_of(self, named: NamedAccount, alert: Alert) -> str | None:
        """The object id of an account that an alert names; None where it is none of ours, or not surely one."""
        if named.object_id:
            return named.object_id
        try:
            found = await self._m365.directory.find_accounts(named.address)
        except IRBotError as error:
            log.warning("an account that the alert %s names could not be looked up: %s", alert.id, error.code)
            self.problem, self.look_again = NO_ACCOUNT, True
            return None
        return found[0].id if len(found) == 1 else None


def _short(identifier: str) -> str:
    if len(identifier) <= _LONGEST_ID:
        return identifier
    return hashlib.sha256(identifier.encode()).hexdigest()
