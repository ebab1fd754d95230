"""The account of a Global Administrator: the intruder reaches the mail of the whole organisation."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess, GivesSendOnBehalf
from simulator.stories.acts.identity import AddsMethod
from simulator.stories.acts.mail_flow import MakesInboundConnector, MakesTransportRule
from simulator.stories.acts.signing_in import KnowsPassword, RaisesRisk, SignsIn
from simulator.stories.story import Expected, Origin, Story

_BUCHAREST = Origin(
    "203.0.113.200", "Bucharest", "RO", asn=64506, browser="Chrome 130.0", user_agent="Mozilla/5.0 Chrome/130.0"
)
_ACTION = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks."

STORY = Story(
    id="global-administrator",
    title="Global Administrator with transport rules, a connector and a new delegate",
    account="isaiah",
    since=timedelta(hours=20),
    intruder=_BUCHAREST,
    intruder_actions=(
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", app="Azure Portal", renewals=22),
        RaisesRisk(key="risk", after=timedelta(minutes=1)),
        AddsMethod(key="number", after=timedelta(minutes=4), kind="phone", value="+40 721555019"),
        MakesTransportRule(
            key="copy-rule",
            after=timedelta(minutes=15),
            name="Compliance archive",
            properties={
                "BlindCopyTo": ["archive@contoso-compliance.example"],
                "SubjectOrBodyContainsWords": ["payment", "wire", "invoice"],
                "Conditions": [_ACTION + "SubjectOrBodyContainsPredicate"],
                "Actions": [_ACTION + "BlindCopyToAction"],
            },
        ),
        MakesTransportRule(
            key="bypass-rule",
            after=timedelta(minutes=18),
            name="Allow partner",
            properties={
                "SenderDomainIs": ["contoso-compliance.example"],
                "SetSCL": -1,
                "Conditions": [_ACTION + "SenderDomainIsPredicate"],
                "Actions": [_ACTION + "SetSclAction"],
            },
        ),
        MakesInboundConnector(
            key="connector",
            after=timedelta(minutes=25),
            name="Inbound relay",
            addresses=("203.0.113.201", "203.0.113.202"),
            properties={"ConnectorType": "OnPremises", "RequireTls": False, "TreatMessagesAsInternal": True},
        ),
        GivesFullAccess(key="delegate", after=timedelta(minutes=40), to="reception"),
        GivesSendOnBehalf(key="on-behalf", after=timedelta(minutes=41), to="reception"),
    ),
    look_alikes=(
        MakesInboundConnector(
            key="scanner",
            after=-timedelta(days=700),
            name="Scanners in the offices",
            addresses=("198.51.100.20",),
            properties={"ConnectorType": "OnPremises"},
        ),
        MakesTransportRule(
            key="footer",
            after=-timedelta(days=500),
            name="Legal footer",
            properties={
                "FromScope": "InOrganization",
                "ApplyHtmlDisclaimerText": "Contoso Ltd, registered in Seattle.",
                "Actions": [_ACTION + "ApplyHtmlDisclaimerAction"],
            },
        ),
        GivesFullAccess(key="manager", after=-timedelta(days=300), to="henrietta"),
    ),
    truth=(
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("remove-sign-in-methods", "number", "remove-sign-in-methods"),
        Expected("check-mail-flow", "copy-rule", "disable-mail-flow"),
        Expected("check-mail-flow", "bypass-rule", "disable-mail-flow"),
        Expected("check-mail-flow", "connector", "disable-mail-flow"),
        Expected("check-delegates", "delegate", "remove-delegates"),
        Expected("check-delegates", "on-behalf", "remove-delegates"),
    ),
)
