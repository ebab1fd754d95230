"""No password stolen: the user agreed that an app of strangers may read and write their mail."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.apps import AppSignsIn, BringsApp, Consents
from simulator.stories.acts.mail import ReadsMail, ReceivesMail
from simulator.stories.scene import HOME
from simulator.stories.story import Expected, Origin, Story

_SERVERS = Origin(
    "203.0.113.140", "Amsterdam", "NL", asn=64496, system="", browser="", user_agent="python-requests/2.32"
)

STORY = Story(
    id="consent-phishing",
    title="Consent phishing with an app of an unverified publisher",
    account="miriam.o'connor",
    since=timedelta(days=3),
    intruder=_SERVERS,
    intruder_actions=(
        ReceivesMail(
            key="bait",
            after=-timedelta(hours=1),
            subject="Action needed: back up your mailbox",
            sender="no-reply@mailbackup-pro.example",
            body="Connect your mailbox to Mail Backup Pro with one click.",
        ),
        BringsApp(
            key="app",
            name="Mail Backup Pro",
            owner="mailbackup-pro.example",
            reply_url="https://mailbackup-pro.example/callback",
            origin=HOME,
        ),
        Consents(
            key="consent",
            after=timedelta(seconds=4),
            app="app",
            scope="Mail.ReadWrite Contacts.Read User.Read offline_access openid profile",
            origin=HOME,
        ),
        AppSignsIn(key="token", after=timedelta(minutes=3), app="app", renewals=70),
        ReadsMail(key="reading", after=timedelta(minutes=5), count=90, every=timedelta(minutes=20), app="app"),
    ),
    look_alikes=(
        BringsApp(
            key="genuine-app",
            after=-timedelta(days=200),
            name="Adatum Travel",
            owner="adatum.example",
            publisher="Adatum Corporation",
            reply_url="https://travel.adatum.example/signed-in",
        ),
        Consents(
            key="genuine-consent",
            after=-timedelta(days=200),
            app="genuine-app",
            scope="User.Read Calendars.Read openid profile",
        ),
    ),
    truth=(
        Expected("revoke-app-consents", "app", "revoke-app-consents"),
        Expected("revoke-app-consents", "consent", "revoke-app-consents"),
        Expected("review-sign-ins", "token", "revoke-sessions"),
        Expected("review-activity", "reading"),
    ),
)
