"""Within the hour: a stolen password, a hidden rule, and phishing to everybody."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.mail import DeletesTraces, GetsRestricted, ReadsMail, ReceivesMail, SendsMail
from simulator.stories.acts.mailbox import HidesRule, MakesRule
from simulator.stories.acts.signing_in import GuessesPassword, KnowsPassword, RaisesRisk, SignsIn
from simulator.stories.story import Expected, Origin, Story

_SUBJECT = "Contoso shared a document with you: Q4 payment overview"
_LAGOS = Origin(
    "203.0.113.7",
    "Lagos",
    "NG",
    asn=64511,
    browser="Firefox 128.0",
    user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    system="Linux",
)

STORY = Story(
    id="mass-phishing",
    title="Mass phishing with a hidden inbox rule",
    account="megan",
    since=timedelta(minutes=55),
    intruder=_LAGOS,
    intruder_actions=(
        ReceivesMail(
            key="bait",
            after=-timedelta(hours=3),
            subject="Your mailbox is almost full",
            sender="it-support@c0ntoso-mail.example",
            body="Sign in within 24 hours to keep your mailbox: https://c0ntoso-mail.example/login",
        ),
        GuessesPassword(key="tries", after=-timedelta(minutes=6), tries=3),
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", app="One Outlook Web", every=timedelta(minutes=11)),
        RaisesRisk(key="risk", after=timedelta(minutes=1), event="unlikelyTravel", timing="offline"),
        ReadsMail(
            key="reading", after=timedelta(minutes=2), count=45, every=timedelta(seconds=6), searches=("invoice",)
        ),
        HidesRule(
            key="hidden-rule",
            after=timedelta(minutes=6),
            name=" ",
            properties={
                "SubjectOrBodyContainsWords": ["phish", "hack", "virus", "spam", "is this you", "helpdesk"],
                "MoveToFolder": "RSS Feeds",
                "MarkAsRead": True,
                "StopProcessingRules": True,
            },
        ),
        MakesRule(
            key="rss-rule",
            after=timedelta(minutes=7),
            name="..",
            conditions={"subjectContains": ["Re: Contoso shared", "Q4 payment"]},
            actions={"moveToFolder": "rssfeeds", "markAsRead": True, "stopProcessingRules": True},
        ),
        SendsMail(
            key="phishing",
            after=timedelta(minutes=12),
            subject=_SUBJECT,
            body="Open the document: https://c0ntoso-files.example/q4",
            inside=40,
            outside=180,
            at_a_time=4,
            seconds=300,
            kept_in="recoverableitemsdeletions",
        ),
        ReceivesMail(
            key="questions",
            after=timedelta(minutes=16),
            subject=f"Re: {_SUBJECT}",
            sender="ben.{number:03d}@fabrikam.com",
            body="Is this you? It looks like phishing.",
            folder="rssfeeds",
            count=9,
            every=timedelta(minutes=2),
        ),
        DeletesTraces(key="deleting", after=timedelta(minutes=19), subject=_SUBJECT, count=20),
        GetsRestricted(key="restricted", after=timedelta(minutes=22)),
    ),
    look_alikes=(
        MakesRule(
            key="newsletters",
            after=-timedelta(days=90),
            name="Newsletters",
            conditions={"senderContains": ["newsletter@adatum.example"]},
            actions={"stopProcessingRules": True},
            own_folder="Newsletters",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "tries"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("check-inbox-rules", "hidden-rule", "remove-inbox-rules"),
        Expected("check-inbox-rules", "rss-rule", "remove-inbox-rules"),
        Expected("trace-sent-mail", "phishing"),
        Expected("review-activity", "deleting"),
        Expected("unblock-sending", "restricted"),
    ),
)
