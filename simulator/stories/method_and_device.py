"""Worn down by approval requests, the user approved one; the intruder made sure of coming back."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.identity import AddsMethod, PairsPhone, RegistersDevice
from simulator.stories.acts.mail import ReadsMail
from simulator.stories.acts.signing_in import GuessesPassword, KnowsPassword, RaisesRisk, SignsIn
from simulator.stories.story import Expected, Origin, Story

_WARSAW = Origin(
    "203.0.113.52", "Warsaw", "PL", asn=64505, browser="Chrome 131.0", user_agent="Mozilla/5.0 Chrome/131.0"
)

STORY = Story(
    id="method-and-device",
    title="Sign-in method, device and phone added by the intruder",
    account="joni.sherman2",
    since=timedelta(days=2),
    intruder=_WARSAW,
    intruder_actions=(
        GuessesPassword(
            key="requests",
            after=-timedelta(minutes=14),
            tries=13,
            error=500121,
            failure="Authentication failed during strong authentication request.",
        ),
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", renewals=40),
        RaisesRisk(key="risk", after=timedelta(minutes=1)),
        AddsMethod(
            key="authenticator",
            after=timedelta(minutes=3),
            kind="authenticator",
            value="SM-A145F",
            becomes_default=True,
        ),
        AddsMethod(
            key="reset-mail", after=timedelta(minutes=5), kind="email", value="j.sherman.help@outlook-mail.example"
        ),
        RegistersDevice(key="device", after=timedelta(minutes=8), name="DESKTOP-7K2QF1M"),
        PairsPhone(
            key="phone",
            after=timedelta(minutes=20),
            device_id="ANDROID8F21C4D0A7",
            model="Android",
            system="Android 12",
        ),
        ReadsMail(key="reading", after=timedelta(minutes=22), count=70, every=timedelta(minutes=11)),
    ),
    look_alikes=(
        AddsMethod(key="own-number", after=-timedelta(days=70), kind="phone", value="+1 4255550142"),
        RegistersDevice(key="own-tablet", after=-timedelta(days=65), name="JONI-TABLET", managed=True),
        PairsPhone(
            key="own-phone",
            after=-timedelta(days=210),
            device_id="5EEC4E94B0A17733",
            model="Outlook for iOS and Android",
            system="iOS 18.3",
            client="REST",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "requests"),
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("remove-sign-in-methods", "authenticator", "remove-sign-in-methods"),
        Expected("remove-sign-in-methods", "reset-mail", "remove-sign-in-methods"),
        Expected("check-devices", "device", "disable-devices"),
        Expected("check-devices", "phone", "disable-devices"),
    ),
)
