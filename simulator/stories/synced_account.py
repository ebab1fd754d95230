"""An account that is mastered on-premises: the cloud can block it, the password has to change at home."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess
from simulator.stories.acts.mailbox import ForwardsToAddress, MakesRule, SetsAutoReply
from simulator.stories.acts.signing_in import GuessesPassword, KnowsPassword, RaisesRisk, SignsIn
from simulator.stories.story import Expected, Origin, Story

_SAO_PAULO = Origin(
    "203.0.113.33", "Sao Paulo", "BR", asn=64507, browser="Edge 131.0", user_agent="Mozilla/5.0 Edg/131.0"
)

STORY = Story(
    id="synced-account",
    title="Synchronised account after a password spray",
    account="patti",
    since=timedelta(hours=30),
    intruder=_SAO_PAULO,
    intruder_actions=(
        GuessesPassword(key="spray", after=-timedelta(hours=9), tries=11, every=timedelta(minutes=48)),
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", app="One Outlook Web", renewals=30),
        RaisesRisk(key="risk", after=timedelta(hours=1), level="medium", event="passwordSpray", timing="offline"),
        ForwardsToAddress(key="forwarding", after=timedelta(minutes=12), address="plant.orders@outlook-mail.example"),
        SetsAutoReply(
            key="auto-reply",
            after=timedelta(minutes=30),
            text="We moved to a new order portal: https://contoso-orders.example. Please sign in there.",
            days=30,
        ),
    ),
    look_alikes=(
        GivesFullAccess(key="deputy", after=-timedelta(days=400), to="jose"),
        MakesRule(
            key="shift-plans",
            after=-timedelta(days=120),
            name="Shift plans",
            conditions={"subjectContains": ["Shift plan"]},
            own_folder="Shift plans",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "spray"),
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("check-forwarding", "forwarding", "remove-forwarding"),
        Expected("check-forwarding", "auto-reply", "remove-forwarding"),
    ),
)
