"""Nobody came in: an account of which everything looks like something, to count false alarms."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess, GivesSendOnBehalf, SharesFolder
from simulator.stories.acts.apps import BringsApp, Consents
from simulator.stories.acts.identity import AddsMethod, PairsPhone, RegistersDevice
from simulator.stories.acts.mail import OpensFiles, SendsMail
from simulator.stories.acts.mailbox import MakesRule, SetsAutoReply
from simulator.stories.acts.signing_in import GuessesPassword, Travels, TrustedAddress, UsesVpn
from simulator.stories.story import Origin, Story

_LISBON = Origin("198.51.100.211", "Lisbon", "PT", asn=64520)
_VPN_EXIT = Origin("192.0.2.130", "Amsterdam", "NL", asn=64501)

STORY = Story(
    id="clean",
    title="A clean account with every look-alike",
    account="jose",
    since=timedelta(days=5),
    intruder=_LISBON,
    intruder_actions=(),
    look_alikes=(
        TrustedAddress(key="vpn", after=-timedelta(days=300), name="Contoso VPN", cidr="192.0.2.128/28"),
        UsesVpn(key="vpn-use", after=-timedelta(days=3), origin=_VPN_EXIT),
        Travels(key="journey", after=timedelta(days=1), days=2.5, origin=_LISBON),
        GuessesPassword(key="typing-error", after=-timedelta(hours=30), tries=3),
        SetsAutoReply(
            key="out-of-office",
            after=timedelta(hours=12),
            text="I am at a customer in Lisbon and read mail in the evening. Urgent matters: reception@contoso.com.",
            days=10,
        ),
        GivesFullAccess(key="assistant", after=-timedelta(days=260), to="joni.sherman2"),
        GivesSendOnBehalf(key="assistant-sends", after=-timedelta(days=260), to="joni.sherman2"),
        SharesFolder(key="calendar", after=-timedelta(days=250), to="lynne", folder="Calendar"),
        MakesRule(
            key="newsletters",
            after=-timedelta(days=90),
            name="Newsletters",
            conditions={"senderContains": ["newsletter@adatum.example"]},
            actions={"stopProcessingRules": True},
            own_folder="Newsletters",
        ),
        MakesRule(
            key="copy-to-team",
            after=-timedelta(days=80),
            name="Orders to reception",
            conditions={"subjectContains": ["New order"]},
            actions={"forwardTo": [{"emailAddress": {"name": "Reception", "address": "reception@contoso.com"}}]},
        ),
        AddsMethod(key="own-number", after=-timedelta(days=40), kind="phone", value="+1 4255550177"),
        RegistersDevice(key="own-laptop", after=-timedelta(days=45), name="JOSE-LAPTOP2", managed=True),
        PairsPhone(
            key="own-phone",
            after=-timedelta(days=45),
            device_id="7AB1C2D3E4F50617",
            model="Outlook for iOS and Android",
            system="iOS 18.3",
            client="REST",
        ),
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
        SendsMail(
            key="invitation",
            after=-timedelta(days=2),
            subject="Sales kick-off: please answer until Friday",
            body="See you in room 4.",
            inside=30,
            at_a_time=30,
        ),
        OpensFiles(
            key="price-lists",
            after=-timedelta(days=1),
            files=tuple(f"Prices/{year}.xlsx" for year in range(2019, 2027)),
            operation="FileAccessed",
        ),
    ),
    truth=(),
)
