"""A shared mailbox into which one can sign in: no second factor, old protocols, and nobody who notices."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess, GivesSendAs, SharesFolder
from simulator.stories.acts.mail import PURGED, SendsMail
from simulator.stories.acts.mailbox import MakesSweepRule
from simulator.stories.acts.signing_in import GuessesPassword, KnowsPassword, SignsIn
from simulator.stories.story import Expected, Origin, Story

_HANOI = Origin("203.0.113.77", "Hanoi", "VN", asn=64509, system="", browser="", user_agent="BAV2ROPC")

STORY = Story(
    id="shared-mailbox",
    title="Shared mailbox with sign-in enabled, over IMAP and SMTP",
    account="reception",
    since=timedelta(days=12),
    intruder=_HANOI,
    intruder_actions=(
        GuessesPassword(key="spray", after=-timedelta(days=1), tries=30, every=timedelta(minutes=45), client="IMAP4"),
        KnowsPassword(key="password"),
        SignsIn(
            key="sign-in",
            app="Office 365 Exchange Online",
            client="IMAP4",
            renewals=90,
            every=timedelta(hours=3, minutes=11),
        ),
        SharesFolder(key="open-inbox", after=timedelta(hours=1), to="Default", folder="Inbox", right="Reviewer"),
        MakesSweepRule(key="sweep", after=timedelta(hours=2), name="Tidy up", sender="postmaster@contoso.com"),
        SendsMail(
            key="spam",
            after=timedelta(days=3),
            subject="Your parcel could not be delivered",
            body="Pay the customs fee here: https://parcel-fee.example",
            outside=240,
            at_a_time=12,
            seconds=900,
            kept_in=PURGED,
            client="SMTP",
        ),
    ),
    look_alikes=(
        GivesFullAccess(key="desk", after=-timedelta(days=500), to="joni.sherman2"),
        GivesSendAs(key="desk-sends", after=-timedelta(days=500), to="joni.sherman2"),
    ),
    truth=(
        Expected("review-sign-ins", "spray"),
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("check-delegates", "open-inbox", "remove-delegates"),
        Expected("check-forwarding", "sweep", "remove-forwarding"),
        Expected("trace-sent-mail", "spam"),
    ),
)
