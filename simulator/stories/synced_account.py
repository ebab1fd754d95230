"""An account that is mastered on-premises: the cloud can block it, the password has to change at home."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess
from simulator.stories.acts.mailbox import ForwardsToAddress, MakesRule, SetsAutoReply, UsesLanguage
from simulator.stories.acts.signing_in import GuessesPassword, KnowsPassword, RaisesRisk, SignsIn, TriesOthers
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
        TriesOthers(key="others", after=-timedelta(hours=4), lets_in=("joni",)),
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", app="One Outlook Web", renewals=30),
        RaisesRisk(key="risk", after=timedelta(hours=1), level="medium", event="passwordSpray", timing="offline"),
        ForwardsToAddress(key="forwarding", after=timedelta(minutes=12), address="plant.orders@outlook-mail.example"),
        MakesRule(
            key="calendar-rule",
            after=timedelta(minutes=16),
            name="...",
            conditions={"bodyOrSubjectContains": ["Lieferung", "Rechnung", "Passwort"]},
            actions={"markAsRead": True, "stopProcessingRules": True},
            standard_folder="Calendar",
        ),
        MakesRule(
            key="null-rule",
            after=timedelta(minutes=18),
            name="\u200b",  # looks as if it had no name
            conditions={"senderContains": ["\0"]},  # a null character, which some readers stop at
            actions={"delete": True},
        ),
        SetsAutoReply(
            key="auto-reply",
            after=timedelta(minutes=30),
            text="We moved to a new order portal: https://contoso-orders.example. Please sign in there.",
            days=30,
        ),
    ),
    look_alikes=(
        UsesLanguage(key="german", after=-timedelta(days=600), locale="de-DE", language="German (Germany)"),
        GivesFullAccess(key="deputy", after=-timedelta(days=400), to="jose"),
        MakesRule(
            key="shift-plans",
            after=-timedelta(days=120),
            name="Schichtpläne",
            conditions={"subjectContains": ["Schichtplan"]},
            own_folder="Schichtpläne",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "spray"),
        Expected("review-sign-ins", "others"),
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("check-inbox-rules", "calendar-rule", "remove-inbox-rules"),
        Expected("check-inbox-rules", "null-rule", "remove-inbox-rules"),
        Expected("check-forwarding", "forwarding", "remove-forwarding"),
        Expected("check-forwarding", "auto-reply", "remove-forwarding"),
    ),
)
