"""Every setting of IRBot, read once from the environment (`IRBOT_…`). Nothing else reads the environment.

An unknown `IRBOT_` name stops the start: a typo must not silently leave a safety setting at its default.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_PREFIX = "IRBOT_"
_MAILBOX = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")

_CHANNEL = re.compile(r"19:[\w.=-]+@thread\.(?:tacv2|skype)")
_HOUR = r"(?:[01]?\d|2[0-3])(?::[0-5]\d)?"
_QUIET_HOURS = re.compile(rf"{_HOUR}-{_HOUR}")
AUTO_LOCK_RULES = frozenset({"alert:high", "alert:low", "alert:medium", "risk:high", "risk:medium"})


def _split(value: object) -> object:
    """Lists are written with commas; JSON is not asked of an administrator."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_split)]


class Cloud(StrEnum):
    """The Microsoft clouds. Every base URL is derived from it, and each can be set by hand."""

    CHINA = "china"
    DOD = "dod"
    GCC_HIGH = "gcc-high"
    GLOBAL = "global"


class Profile(StrEnum):
    """How much an organisation wants IRBot to be able to do: each profile needs fewer rights than the next."""

    EVERYTHING = "everything"
    INVESTIGATE = "investigate"  # lock accounts, and look
    LOCK = "lock"  # lock accounts, and nothing else


_BASES: dict[Cloud, dict[str, str]] = {
    Cloud.GLOBAL: {
        "login_url": "https://login.microsoftonline.com",
        "graph_url": "https://graph.microsoft.com",
        "exchange_url": "https://outlook.office365.com",
        "bot_openid_url": "https://login.botframework.com/v1/.well-known/openidconfiguration",
        "bot_issuer": "https://api.botframework.com",
        "bot_scope": "https://api.botframework.com/.default",
    },
    Cloud.GCC_HIGH: {
        "login_url": "https://login.microsoftonline.us",
        "graph_url": "https://graph.microsoft.us",
        "exchange_url": "https://outlook.office365.us",
        "bot_openid_url": "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        "bot_issuer": "https://api.botframework.us",
        "bot_scope": "https://api.botframework.us/.default",
    },
    Cloud.DOD: {
        "login_url": "https://login.microsoftonline.us",
        "graph_url": "https://dod-graph.microsoft.us",
        "exchange_url": "https://outlook-dod.office365.us",
        "bot_openid_url": "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        "bot_issuer": "https://api.botframework.us",
        "bot_scope": "https://api.botframework.us/.default",
    },
    Cloud.CHINA: {
        "login_url": "https://login.partner.microsoftonline.cn",
        "graph_url": "https://microsoftgraph.chinacloudapi.cn",
        "exchange_url": "https://partner.outlook.cn",
        "bot_openid_url": "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
        "bot_issuer": "https://api.botframework.azure.cn",
        "bot_scope": "https://api.botframework.azure.cn/.default",
    },
}
_SERVICE_URLS: dict[Cloud, tuple[str, ...]] = {
    Cloud.GLOBAL: ("https://smba.trafficmanager.net/",),
    Cloud.GCC_HIGH: ("https://smba.infra.gcch.teams.microsoft.us/", "https://smba.infra.gov.teams.microsoft.us/"),
    Cloud.DOD: ("https://smba.infra.dod.teams.microsoft.us/", "https://smba.infra.gov.teams.microsoft.us/"),
    Cloud.CHINA: ("https://smba.partner.infra.teams.microsoft.cn/", "https://smba.infra.teams.microsoftonline.cn/"),
}

_FILE_HOSTS: dict[Cloud, tuple[str, ...]] = {
    Cloud.GLOBAL: (".sharepoint.com",),
    Cloud.GCC_HIGH: (".sharepoint.us",),
    Cloud.DOD: (".sharepoint-mil.us",),
    Cloud.CHINA: (".sharepoint.cn",),
}


class Settings(BaseSettings):
    """All settings, with units in the names. Lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    # Who we are
    tenant_id: str = Field(min_length=1)
    app_id: str = Field(min_length=1)
    app_secret: SecretStr | None = None
    certificate_file: Path | None = None  # PEM with the private key and the certificate
    managed_identity_client_id: str = ""  # the host's identity, trusted by our app; goes before the other two
    bot_name: str = "IRBot"
    profile: Profile = Profile.EVERYTHING  # which steps there are at all

    # Where Microsoft is
    cloud: Cloud = Cloud.GLOBAL
    login_url: str = ""
    graph_url: str = ""
    exchange_url: str = ""
    exchange_powershell_domain: str = ""  # contoso.onmicrosoft.com: by Microsoft's PowerShell module; empty: HTTPS
    bot_openid_url: str = ""
    bot_issuer: str = ""
    bot_scope: str = ""
    service_urls: Names = ()  # prefixes that the bot may answer to
    file_hosts: Names = ()  # where files may be uploaded: ends of host names (".sharepoint.com") or whole URLs
    ca_file: Path | None = None  # an extra certificate authority to trust

    # Where we are
    host: str = "127.0.0.1"
    port: int = 3978
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0  # where Prometheus finds /metrics; 0: nowhere. Never open it to the internet
    otlp_url: str = ""  # an OpenTelemetry collector (OTLP over HTTP); empty: no traces
    data_dir: Path = Path("var")
    data_keys: Secrets = ()  # Fernet keys for evidence, newest first; empty: a key file in data_dir
    evidence_days: float = Field(default=180, gt=0)  # how long evidence is kept
    record_days: float = Field(default=1095, ge=0)  # how long closed incidents, lessons and people are; 0: for good
    database_url: SecretStr = SecretStr("")  # empty: SQLite in data_dir; it may carry a password

    # Who may do what: Entra group object ids, members counted transitively
    responder_groups: Names = ()
    approver_groups: Names = ()
    communicator_groups: Names = ()
    administrator_groups: Names = ()
    use_app_roles: bool = False  # also honour the app roles IRBot.Responder, IRBot.Approver, …
    allowed_teams: Names = ()  # team ids; empty: every team of the tenant

    # Whom to protect: object ids of people and groups
    vip_users: Names = ()
    vip_groups: Names = ()
    break_glass_users: Names = ()
    break_glass_groups: Names = ()

    # Who keeps IMAP, POP and SMTP AUTH when they are switched off for everybody: object ids of accounts
    legacy_mail_exclusions: Names = ()

    # Approval rules that the organisation tightens or loosens: "step-id=second-person"
    approval_rules: Names = ()
    allow_loosening: Names = ()  # step ids whose rule may be loosened
    approval_minutes: float = Field(default=30, gt=0)

    # What starts by itself: risks and alerts that Microsoft reports, and messages that people report
    incident_channel: str = ""  # the Teams channel for cards that nobody asked for (19:…@thread.tacv2); empty: none
    trigger_seconds: float = Field(default=60, ge=0)  # how often Microsoft is asked; 0: never
    trigger_risk_level: Literal["high", "medium"] = "high"  # of Identity Protection, and above
    trigger_alert_severity: Literal["high", "medium", "low"] = "high"  # of Defender's alerts, and above
    trigger_quiet_hours: str = ""  # "22-06" or "21:30-06:15" in `time_zone`: cards wait; empty: none
    trigger_wake_for_high: bool = True  # a high risk does not wait for the morning
    auto_lock_rules: Names = ()  # "risk:high" and such: lock without a person; empty: never

    # Whether IRBot itself, or a group that gives its roles, was changed
    guard_minutes: float = Field(default=15, ge=0)  # how often it looks; 0: never
    guard_new_members: bool = True  # who is new in such a group has no role before an administrator confirms it

    # Mail to the outside, and to partners
    mail_from: str = ""  # the mailbox that IRBot sends from: object id or address; empty: IRBot sends no mail
    partners_file: Path | None = None  # TOML with the contacts: provider, insurer, lawyers, bank
    webhook_hosts: Names = ()  # the hosts that partners' webhooks may be on

    # Warnings and lessons
    helpdesk: str = Field(default="", max_length=80)  # whom people ask, as they know it: "the helpdesk, extension 4000"
    time_zone: str = "UTC"  # IANA name; for people whose own zone cannot be read
    lesson_test_group: str = ""  # Entra group object id; gets a lesson before all others

    # Message blasts: calls to Teams a second, of all replicas together. Teams takes 50 from one app in one tenant.
    blast_messages_per_second: float = Field(default=35, gt=0)
    teams_calls_per_second: float = Field(default=50, gt=0)  # only where Microsoft gave you another limit

    # Patience
    answer_seconds: float = Field(default=1.2, gt=0, le=5)
    stop_seconds: float = Field(default=5, ge=0, le=60)  # what running work gets when IRBot is told to stop
    call_timeout_seconds: float = Field(default=30, gt=0)
    verify_patience_seconds: float = Field(default=120, ge=0)
    check_timeout_seconds: float = Field(default=180, gt=0)  # one check of the investigation
    look_back_days: float = Field(default=10, gt=0, le=30)  # how far back the investigation looks
    pass_shown_minutes: float = Field(default=15, gt=0)  # how long a Temporary Access Pass stays in the chat
    watch_days: int = Field(default=30, ge=1, le=365)  # how long an account is watched for the intruder's return
    task_reminder_hours: float = Field(default=24, gt=0)  # how long a human task may stay open before a reminder
    log_level: str = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _cloud_gives_the_bases(cls, values: dict[str, object]) -> dict[str, object]:
        cloud = Cloud(str(values.get("cloud") or Cloud.GLOBAL))
        for name, url in _BASES[cloud].items():
            values[name] = values.get(name) or url
        values["service_urls"] = values.get("service_urls") or _SERVICE_URLS[cloud]
        values["file_hosts"] = values.get("file_hosts") or _FILE_HOSTS[cloud]
        return values

    @model_validator(mode="after")
    def _credentials_are_there(self) -> Self:
        if self.app_secret is None and self.certificate_file is None and not self.managed_identity_client_id:
            raise ValueError(
                "set IRBOT_MANAGED_IDENTITY_CLIENT_ID or IRBOT_CERTIFICATE_FILE (better), or IRBOT_APP_SECRET: "
                "IRBot never runs without credentials"
            )
        return self

    @model_validator(mode="after")
    def _the_database_is_one_that_we_know(self) -> Self:
        kind = self.database_url.get_secret_value().partition(":")[0].partition("+")[0]
        if kind not in {"", "postgresql", "sqlite"}:
            raise ValueError("IRBOT_DATABASE_URL begins with sqlite:/// or postgresql://")
        return self

    @model_validator(mode="after")
    def _the_sender_is_one_mailbox(self) -> Self:
        if self.mail_from and not _MAILBOX.fullmatch(self.mail_from):
            raise ValueError("IRBOT_MAIL_FROM is the object id or the address of one mailbox")
        return self

    @model_validator(mode="after")
    def _messages_fit_the_organisation(self) -> Self:
        if self.time_zone not in available_timezones():
            raise ValueError("IRBOT_TIME_ZONE is the IANA name of a time zone, such as Europe/Berlin")
        if re.search(r"https?:|www\.|[<>]", self.helpdesk, re.IGNORECASE):
            raise ValueError("IRBOT_HELPDESK names people or a number: warnings hold no links")
        return self

    @model_validator(mode="after")
    def _triggers_can_be_followed(self) -> Self:
        if self.incident_channel and not _CHANNEL.fullmatch(self.incident_channel):
            raise ValueError("IRBOT_INCIDENT_CHANNEL is the id of a Teams channel, such as 19:…@thread.tacv2")
        if self.trigger_quiet_hours and not _QUIET_HOURS.fullmatch(self.trigger_quiet_hours):
            raise ValueError("IRBOT_TRIGGER_QUIET_HOURS is two hours of the day, such as 22-06 or 21:30-06:15")
        unknown = sorted(set(self.auto_lock_rules) - AUTO_LOCK_RULES)
        if unknown:
            raise ValueError(f"IRBOT_AUTO_LOCK_RULES knows {', '.join(sorted(AUTO_LOCK_RULES))}; not {unknown[0]}")
        return self

    @model_validator(mode="after")
    def _blasts_leave_room(self) -> Self:
        if self.blast_messages_per_second > 0.96 * self.teams_calls_per_second:
            raise ValueError("IRBOT_BLAST_MESSAGES_PER_SECOND is at most 48 of the 50 calls that Teams takes a second")
        return self

    @property
    def graph_scope(self) -> str:
        """What a token for Graph is asked for. It follows the cloud, not `graph_url`, which may be a gateway."""
        return f"{_BASES[self.cloud]['graph_url']}/.default"

    @property
    def exchange_scope(self) -> str:
        """What a token for Exchange Online is asked for."""
        return f"{_BASES[self.cloud]['exchange_url']}/.default"

    @property
    def sql_url(self) -> str:
        """The SQLAlchemy URL of our own tables."""
        return self.database_url.get_secret_value() or f"sqlite+aiosqlite:///{self.data_dir / 'irbot.sqlite'}"


def load() -> Settings:
    """Reads the environment. Raises ValueError that names every unknown or wrong setting."""
    unknown = [
        name
        for name in os.environ
        if name.upper().startswith(_PREFIX) and name[len(_PREFIX) :].lower() not in Settings.model_fields
    ]
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    return Settings()  # type: ignore[call-arg]  # the fields come from the environment
