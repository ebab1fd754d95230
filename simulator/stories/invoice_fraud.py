"""For nine days, quietly: everything forwarded through a mail contact, and one false invoice."""

from __future__ import annotations

from datetime import timedelta

from simulator.stories.acts.access import GivesFullAccess
from simulator.stories.acts.mail import ReadsMail, ReceivesMail, SendsMail
from simulator.stories.acts.mailbox import AllowsForwarding, ForwardsThroughContact, MakesRule, UsedRule
from simulator.stories.acts.signing_in import KnowsPassword, SignsIn
from simulator.stories.story import Expected, Origin, Story

# A home connection in the user's own country: no journey is impossible, and the address is on no list.
_CHICAGO = Origin(
    "203.0.113.61", "Chicago", "US", asn=64498, browser="Chrome 131.0", user_agent="Mozilla/5.0 Chrome/131.0"
)

STORY = Story(
    id="invoice-fraud",
    title="Quiet invoice fraud with forwarding through a mail contact",
    account="lee",
    since=timedelta(days=9),
    intruder=_CHICAGO,
    intruder_actions=(
        KnowsPassword(key="password"),
        SignsIn(key="sign-in", app="One Outlook Web", renewals=160, every=timedelta(minutes=81)),
        ReadsMail(
            key="reading",
            after=timedelta(minutes=4),
            count=60,
            every=timedelta(minutes=9),
            searches=("invoice", "IBAN", "payment"),
        ),
        ForwardsThroughContact(
            key="forwarding",
            after=timedelta(hours=2),
            contact="Gu, Lee (archive)",
            alias="lgu-archive",
            address="lee.gu.archive@outlook-mail.example",
        ),
        UsedRule(
            key="removed-rule",
            after=timedelta(days=1),
            name="inv",
            parameters={"SubjectContainsWords": "20931", "DeleteMessage": "True"},
        ),
        MakesRule(
            key="rule",
            after=timedelta(days=5, hours=1),
            name=".",
            conditions={"bodyOrSubjectContains": ["IBAN", "bank details", "invoice 20931"]},
            actions={"moveToFolder": "conversationhistory", "markAsRead": True, "stopProcessingRules": True},
        ),
        SendsMail(
            key="false-invoice",
            after=timedelta(days=5, hours=2),
            subject="Re: Invoice 20931 - new bank details",
            body="Please note that our bank has changed. IBAN LT60 1010 0123 4567 8901, as of today.",
            named=("accounts@fabrikam.com", "anna@fabrikam.com"),
            at_a_time=2,
            kept_in="recoverableitemsdeletions",
        ),
        ReceivesMail(
            key="answer",
            after=timedelta(days=5, hours=5),
            subject="Re: Invoice 20931 - new bank details",
            sender="accounts@fabrikam.com",
            body="Thank you, we have paid to the new account today.",
            folder="conversationhistory",
        ),
    ),
    look_alikes=(
        AllowsForwarding(key="policy", after=-timedelta(days=400)),
        GivesFullAccess(key="assistant", after=-timedelta(days=200), to="grady"),
        MakesRule(
            key="reports",
            after=-timedelta(days=150),
            name="Machine reports",
            conditions={"senderContains": ["reports@contoso.com"]},
            own_folder="Reports",
        ),
    ),
    truth=(
        Expected("review-sign-ins", "sign-in", "revoke-sessions"),
        Expected("review-sign-ins", "password", "scramble-password"),
        Expected("check-forwarding", "forwarding", "remove-forwarding"),
        Expected("check-inbox-rules", "rule", "remove-inbox-rules"),
        Expected("trace-sent-mail", "false-invoice"),
        Expected("review-activity", "reading"),
        Expected("review-activity", "removed-rule"),
    ),
)
