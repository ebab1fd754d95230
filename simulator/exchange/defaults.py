"""What a tenant's Exchange looks like before anybody did anything wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from simulator.exchange.state import Organisation, Record
from simulator.ids import guid

_ACTIONS = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks."


def new_junk() -> Record:
    """Junk settings of a mailbox that nobody has touched."""
    return {
        "Enabled": True,
        "TrustedListsOnly": False,
        "ContactsTrusted": False,
        "SenderScreeningEnabled": False,
        "TrustedSendersAndDomains": [],
        "BlockedSendersAndDomains": [],
        "TrustedRecipientsAndDomains": [],
    }


def new_message_configuration() -> Record:
    """Outlook-on-the-web settings of a mailbox without a signature."""
    return {
        "SignatureHtml": "",
        "SignatureText": "",
        "SignatureTextOnMobile": "",
        "AutoAddSignature": False,
        "AutoAddSignatureOnReply": False,
        "AutoAddSignatureOnMobile": False,
        "DefaultSignature": None,
        "DefaultSignatureOnReply": None,
        "SignatureName": None,
        "SignatureHtmlBody": None,
        "UseDefaultSignatureOnMobile": False,
        "ReadReceiptResponse": "DoNotAutomaticallySend",
        "AlwaysShowBcc": False,
        "AlwaysShowFrom": False,
        "SendAddressDefault": "",
    }


def new_transport_rule(name: str, rule_guid: UUID, when: datetime, by: str, **properties: Any) -> Record:
    """A mail-flow rule; `properties` override the empty ones by their Exchange names."""
    return {
        "Name": name,
        "Identity": name,
        "Guid": rule_guid,
        "Priority": 0,
        "State": "Enabled",
        "Mode": "Enforce",
        "Comments": "",
        "Description": f"Mail flow rule {name}",
        "CreatedBy": by,
        "LastModifiedBy": by,
        "WhenChanged": when,
        "ManuallyModified": False,
        "RuleVersion": "15.0.5.1",
        "Conditions": [],
        "Exceptions": [],
        "Actions": [],
        "BlindCopyTo": [],
        "CopyTo": [],
        "RedirectMessageTo": [],
        "AddToRecipients": [],
        "AddManagerAsRecipientType": None,
        "RouteMessageOutboundConnector": None,
        "DeleteMessage": False,
        "Quarantine": False,
        "SetSCL": None,
        "FromScope": None,
        "SentToScope": None,
        "From": [],
        "SentTo": [],
        "SenderDomainIs": [],
        "SubjectContainsWords": [],
        "SubjectOrBodyContainsWords": [],
        "PrependSubject": None,
        "ApplyHtmlDisclaimerText": None,
        "SetHeaderName": None,
        "SetHeaderValue": None,
        "RemoveHeader": None,
        "StopRuleProcessing": False,
        "ActivationDate": None,
        "ExpiryDate": None,
    } | properties


def new_inbound_connector(name: str, connector_guid: UUID, when: datetime, **properties: Any) -> Record:
    """A connector for mail that comes in."""
    return {
        "Name": name,
        "Identity": name,
        "Guid": connector_guid,
        "Enabled": True,
        "ConnectorType": "Partner",
        "ConnectorSource": "AdminUI",
        "Comment": "",
        "SenderIPAddresses": [],
        "SenderDomains": ["smtp:*;1"],
        "AssociatedAcceptedDomains": [],
        "RequireTls": True,
        "RestrictDomainsToIPAddresses": False,
        "RestrictDomainsToCertificate": False,
        "TlsSenderCertificateName": None,
        "CloudServicesMailEnabled": False,
        "TreatMessagesAsInternal": False,
        "EFSkipLastIP": False,
        "EFSkipIPs": [],
        "WhenCreatedUTC": when,
        "WhenChangedUTC": when,
    } | properties


def new_outbound_connector(name: str, connector_guid: UUID, when: datetime, **properties: Any) -> Record:
    """A connector for mail that goes out."""
    return {
        "Name": name,
        "Identity": name,
        "Guid": connector_guid,
        "Enabled": True,
        "ConnectorType": "Partner",
        "ConnectorSource": "AdminUI",
        "Comment": "",
        "UseMXRecord": True,
        "SmartHosts": [],
        "RecipientDomains": [],
        "TlsSettings": None,
        "TlsDomain": None,
        "IsTransportRuleScoped": False,
        "RouteAllMessagesViaOnPremises": False,
        "AllAcceptedDomains": False,
        "CloudServicesMailEnabled": False,
        "SenderRewritingEnabled": False,
        "TestMode": False,
        "MtaStsMode": "Opportunistic",
        "SmtpDaneMode": "Opportunistic",
        "IsValidated": True,
        "LastValidationTimestamp": None,
        "WhenCreatedUTC": when,
        "WhenChangedUTC": when,
    } | properties


def _cas_plan(name: str, display_name: str, plan_guid: str, *, imap: bool) -> Record:
    identity = f"{name}-{plan_guid}"
    return {
        "Name": identity,
        "Identity": identity,
        "Guid": UUID(plan_guid),
        "DisplayName": display_name,
        "ImapEnabled": imap,
        "PopEnabled": imap,
        "ActiveSyncEnabled": True,
        "EwsEnabled": None,
        "MAPIEnabled": True,
        "OWAEnabled": True,
        "ECPEnabled": True,
        "OwaMailboxPolicy": "OwaMailboxPolicy-Default",
    }


def new_organisation(domain: str, initial_domain: str, now: datetime, seed: int) -> Organisation:
    """An older tenant: SMTP AUTH is still on, one harmless mail-flow rule, auditing on."""
    since = now - timedelta(days=1200)
    plans = [
        ("ExchangeOnlineEnterprise", "Exchange Online (Plan 2)", True),
        ("ExchangeOnline", "Exchange Online (Plan 1)", True),
        ("ExchangeOnlineDeskless", "Exchange Online Kiosk", False),
    ]
    banner = new_transport_rule(
        "External sender notice",
        UUID(guid(seed, "rule:external")),
        since,
        f"isaiah@{domain}",
        FromScope="NotInOrganization",
        ApplyHtmlDisclaimerText="This message came from outside.",
        Conditions=[_ACTIONS + "FromScopePredicate"],
        Actions=[_ACTIONS + "ApplyHtmlDisclaimerAction"],
    )
    return Organisation(
        config={
            "Name": initial_domain,
            "Identity": initial_domain,
            "DisplayName": domain.partition(".")[0].capitalize(),
            "AuditDisabled": False,
            "AutoExpandingArchiveEnabled": False,
            "EwsEnabled": None,
            "IsDehydrated": False,
            "PostponeRoamingSignaturesUntilLater": False,
            "OAuth2ClientProfileEnabled": True,
            "MailTipsExternalRecipientsTipsEnabled": True,
            "MailTipsAllTipsEnabled": True,
            "MailTipsGroupMetricsEnabled": True,
            "MailTipsLargeAudienceThreshold": 25,
            "MailTipsMailboxSourcedTipsEnabled": True,
        },
        transport_config={
            "Identity": "Transport Settings",
            "SmtpClientAuthenticationDisabled": False,
            "MaxRecipientEnvelopeLimit": "Unlimited",
            "ReplyAllStormProtectionEnabled": True,
            "AllowLegacyTLSClients": False,
            "MessageExpiration": timedelta(days=1),
            "JournalingReportNdrTo": "<>",
        },
        cas_plans=[_cas_plan(name, display, guid(seed, f"plan:{name}"), imap=imap) for name, display, imap in plans],
        audit_config={
            "Identity": "Admin Audit Log Settings",
            "UnifiedAuditLogIngestionEnabled": True,
            "UnifiedAuditLogFirstOptInDate": since,
            "AdminAuditLogEnabled": True,
            "AdminAuditLogAgeLimit": timedelta(days=90),
            "LogLevel": "None",
            "AdminAuditLogCmdlets": ["*"],
            "AdminAuditLogParameters": ["*"],
        },
        transport_rules=[banner],
        remote_domains=[
            {
                "Name": "Default",
                "Identity": "Default",
                "Guid": UUID(guid(seed, "remote-domain")),
                "DomainName": "*",
                "IsInternal": False,
                "AutoForwardEnabled": True,
                "AutoReplyEnabled": True,
                "AllowedOOFType": "External",
                "DeliveryReportEnabled": True,
                "NDREnabled": True,
            }
        ],
        outbound_spam_policies=[
            {
                "Name": "Default",
                "Identity": "Default",
                "Guid": UUID(guid(seed, "outbound-policy")),
                "IsDefault": True,
                "AutoForwardingMode": "Automatic",
                "RecipientLimitExternalPerHour": 0,
                "RecipientLimitInternalPerHour": 0,
                "RecipientLimitPerDay": 0,
                "ActionWhenThresholdReached": "BlockUserForToday",
            }
        ],
        accepted_domains=[
            {"Name": name, "Identity": name, "DomainName": name, "DomainType": "Authoritative", "Default": default}
            for name, default in ((domain, True), (initial_domain, False))
        ],
    )
