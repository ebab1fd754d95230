"""A token taken from the user's own browser: nobody signs in by hand, so v1.0 of the sign-in log shows nothing."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.mail import OpensFiles, ReadsMail
from simulator.stories.acts.signing_in import KeepsWorking, RaisesRisk, ReplaysToken, TrustedAddress, UsesVpn
from simulator.stories.story import Expected, Origin, Story

_RENTED_SERVER = Origin(
    "203.0.113.90",
    "Frankfurt am Main",
    "DE",
    asn=64497,
    system="Linux",
    browser="Chrome 118.0",
    user_agent="Chrome/118.0",
)
_VPN_EXIT = Origin("192.0.2.130", "Amsterdam", "NL", asn=64501)

STORY = Story(
    id="token-replay",
    title="Token replay, seen only in non-interactive sign-ins",
    account="joni",
    since=timedelta(hours=26),
    intruder=_RENTED_SERVER,
    intruder_actions=(
        ReplaysToken(key="token", renewals=48),
        RaisesRisk(key="risk", after=timedelta(hours=3), level="medium", event="anomalousToken", timing="offline"),
        ReadsMail(
            key="reading",
            after=timedelta(minutes=9),
            count=120,
            every=timedelta(minutes=4),
            searches=("password", "settlement", "confidential"),
        ),
        OpensFiles(
            key="files",
            after=timedelta(hours=5),
            files=tuple(f"Case-{number}/Statement-{number}.docx" for number in range(301, 341)),
            site="https://contoso.sharepoint.com/sites/Legal/",
        ),
    ),
    look_alikes=(
        TrustedAddress(key="vpn", after=-timedelta(days=300), name="Contoso VPN", cidr="192.0.2.128/28"),
        UsesVpn(key="vpn-use", after=-timedelta(days=2), origin=_VPN_EXIT),
        KeepsWorking(key="at-work", after=timedelta(hours=1)),
    ),
    truth=(
        Expected("review-sign-ins", "token", "revoke-sessions"),
        Expected("review-activity", "reading"),
        Expected("review-activity", "files"),
    ),
)
