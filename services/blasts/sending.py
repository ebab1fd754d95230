"""One message to one person: the slot, the intent, the call, and the end in a plain word.

Only what Teams documents as passing is tried again: 412, 429, 502, 503, 504, and a connection that was never made. A
time-out and any other server error are unknown: nobody knows whether the message arrived.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.blasts.channel import Letter, MassChannel
from services.blasts.ledger import Claimed, End, Scribe
from services.blasts.model import RecipientState
from services.errors import (
    AuthBroken,
    BadInput,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    NotAllowed,
    NotFound,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.errors import Stopped as WorkStopped

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 6
_MOST_REFUSALS = 30  # "too many" in a row for one message, while others pass
_MOST_WHEN_UNKNOWN = 2
_DOCUMENTED_MAYBE_DONE = frozenset({502, 504})
_NOT_INSTALLED = frozenset({"not-installed", "not-in-conversation"})
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_OUTAGE_AFTER = 5  # failures one after another, with no message between them that went through


@dataclass
class Tally:
    """How a run goes, as its messages see it. `held_until` is by the loop's clock."""

    held_until: float = 0.0
    sent: int = 0
    failed: int = 0
    temporary_in_a_row: int = 0


class Stopped(Exception):
    """The run is over: the recipient stays claimed, and the run's end puts it back."""


@dataclass(frozen=True)
class Desk:
    """What a message needs of its run."""

    channel: MassChannel
    scribe: Scribe
    tally: Tally
    service_url: str
    letter: Callable[[str], Letter]
    turn: Callable[[], Awaitable[float]]  # reserves one more call: when it may be made, by the loop's clock
    hold: Callable[[float, bool], Awaitable[None]]  # nobody calls for so long; True where the budget must shrink
    install: Callable[[str], Awaitable[None]]
    too_late: Callable[[float], bool]
    wait_until: Callable[[float], Awaitable[None]]  # raises Stopped as soon as the run is over, as `pause` does
    pause: Callable[[float], Awaitable[None]]
    may_send: Callable[[], bool]
    now: Callable[[], datetime]
    send_unknown_again: bool


async def send(desk: Desk, recipient: Claimed, turns: Sequence[float]) -> None:
    """Sends one message and writes down how that ended. `turns` are the calls that are reserved for it already."""
    try:
        await _Message(desk, recipient, turns).until_settled()
    except Stopped:
        return


class _Message:
    def __init__(self, desk: Desk, recipient: Claimed, turns: Sequence[float]) -> None:
        self._desk = desk
        self._recipient = recipient
        self._turns = list(turns)
        self._chat = recipient.chat
        self._attempts = recipient.attempts
        self._refusals = 0
        self._under_way = False
        self._renewed = False
        self._installed = False

    async def until_settled(self) -> None:
        tally = self._desk.tally
        while True:
            sent_before = tally.sent
            try:
                activity_id = await self._deliver()
            except (Throttled, UpstreamDown, AuthBroken, UnknownOutcome) as error:
                if not await self._again(error, others_passed=tally.sent > sent_before):
                    return
            except WorkStopped:
                await self._back()
                raise Stopped from None
            except IRBotError as error:
                log.info("a message was refused: %s %s", error.code, dict(error.data))
                tally.failed += 1
                tally.temporary_in_a_row = 0
                await self._end(RecipientState.FAILED, reason_of(error))
                return
            else:
                tally.sent += 1
                tally.temporary_in_a_row = 0
                await self._end(RecipientState.SENT, activity_id=activity_id)
                return

    async def _deliver(self) -> str:
        """The call, after what it needs: a chat that is there, and our app at the person's."""
        while True:
            try:
                if self._chat is None:
                    await self._open()
                return await self._post()
            except NotFound:
                if self._renewed or self._chat is None:
                    raise
                await self._back()
                self._renewed = True
                self._chat = None
                await self._desk.scribe.keep_chat(self._recipient, None)
            except NotAllowed as error:
                if self._installed or error.data.get("reason") not in _NOT_INSTALLED:
                    raise
                await self._back()
                self._installed = True
                await self._desk.install(self._recipient.address)

    async def _open(self) -> None:
        desk, person = self._desk, self._recipient
        await self._turn()
        chat = await desk.channel.open_chat(person.address, person.service_url or desk.service_url)
        await desk.scribe.keep_chat(person, chat)
        self._chat = chat

    async def _post(self) -> str:
        desk = self._desk
        assert self._chat is not None
        letter = desk.letter(self._recipient.language)
        await self._turn()
        if not desk.may_send() or not await desk.scribe.begin(self._recipient):
            raise Stopped
        self._under_way = True
        return await desk.channel.post(self._chat, letter)

    async def _turn(self) -> None:
        """Waits for the next call that is reserved; not used is what a hold or a busy moment has overtaken."""
        desk = self._desk
        while True:
            turn = self._turns.pop(0) if self._turns else await desk.turn()
            if turn >= desk.tally.held_until:
                await desk.wait_until(turn)
            if turn >= desk.tally.held_until and not desk.too_late(turn):
                return

    async def _again(self, error: IRBotError, *, others_passed: bool) -> bool:
        """Whether it is tried again, after a pause; else it has ended."""
        desk, tally = self._desk, self._desk.tally
        maybe_done = self._under_way and isinstance(error, UnknownOutcome)
        documented = not maybe_done or error.data.get("status") in _DOCUMENTED_MAYBE_DONE
        tally.temporary_in_a_row += 1
        outage = tally.temporary_in_a_row >= _OUTAGE_AFTER and not others_passed
        # While nothing at all goes through, it is not this message that is at fault.
        if maybe_done or not (outage or isinstance(error, Throttled)):
            self._attempts += 1
        self._refusals += isinstance(error, Throttled)
        by_policy = desk.send_unknown_again and self._attempts < _MOST_WHEN_UNKNOWN
        over = self._attempts >= MOST_ATTEMPTS or self._refusals >= _MOST_REFUSALS
        if over or not (documented or by_policy):
            if maybe_done:
                await self._end(RecipientState.UNKNOWN, "no-answer")
            else:
                tally.failed += 1
                await self._end(RecipientState.FAILED, "teams-not-available")
            return False
        await self._back()
        if isinstance(error, Throttled):
            await desk.hold(error.retry_after or _FIRST_PAUSE_SECONDS, True)
            return True
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** max(0, self._attempts - 1))
        if outage:
            pause = min(_LONGEST_PAUSE_SECONDS, 2.0 ** min(9, tally.temporary_in_a_row - _OUTAGE_AFTER))
            await desk.hold(pause, False)
        await desk.pause(pause * random.uniform(0.8, 1.2))  # noqa: S311  # spreads the load, guards nothing
        return True

    async def _back(self) -> None:
        """Surely not under way any more: a kill from here on leaves it to be sent."""
        if self._under_way:
            await self._end(RecipientState.CLAIMED)
            self._under_way = False

    async def _end(self, state: RecipientState, reason: str | None = None, activity_id: str | None = None) -> None:
        desk = self._desk
        sent_at = desk.now() if state is RecipientState.SENT else None
        end = End(state, self._attempts, reason, self._chat if activity_id else None, activity_id, sent_at)
        await desk.scribe.end(self._recipient, end)


def reason_of(error: IRBotError) -> str:
    """Why a person cannot be reached, as a stable word; the words for people are in `REASONS`."""
    match error:
        case NotAllowed():
            word = str(error.data.get("reason"))
            return word if word in REASONS else "refused-by-teams"
        case NotFound():
            return "app-not-in-catalogue" if error.data.get("what") == "app" else "chat-gone"
        case Gone():
            return "no-such-person"
        case MissingPermission():
            return "app-cannot-be-installed"
        case MissingLicence():
            return "no-teams-licence"
        case BadInput():
            return "refused-by-teams"
        case _:
            return "not-sent"


REASONS: dict[str, str] = {
    "app-cannot-be-installed": "IRBot may not install itself in Teams (TeamsAppInstallation.ReadWriteSelfForUser.All).",
    "app-not-in-catalogue": "IRBot is not in the organisation's app catalogue, so it cannot be installed.",
    "blocked-by-user": "The person has blocked IRBot.",
    "bounced": "The mail came back.",
    "chat-gone": "The chat was deleted and could not be made again.",
    "disabled-by-administrator": "An administrator has switched IRBot off for this person.",
    "interrupted": "IRBot was stopped while it sent this. It may have arrived.",
    "mail-sender-missing": "IRBot has no mailbox to send from (IRBOT_MAIL_FROM).",
    "mail-refused": "Exchange did not take the mail.",
    "no-answer": "Teams did not answer. It may have arrived.",
    "no-such-person": "There is no such account any more.",
    "no-teams-licence": "The person has no licence for Teams.",
    "not-in-conversation": "IRBot is not installed for this person.",
    "not-installed": "IRBot is not installed for this person.",
    "not-sent": "It could not be sent.",
    "recall-failed": "Teams did not let IRBot take this back.",
    "refused-by-teams": "Teams refused this message.",
    "subject-of-incident": "The account is the subject of an open incident.",
    "teams-not-available": "Teams could not be reached.",
}
