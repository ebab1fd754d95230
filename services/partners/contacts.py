"""The partners as an administrator writes them down in a TOML file; whatever is wrong with it stops the start.

[[contact]]
id = "northwind"
kind = "msp"                  # csp, msp, insurer, legal or bank
name = "Northwind IT"
phone = "+1 425 555 0100"
mail = "soc@northwind.example"
webhook = "https://hooks.northwind.example/irbot"
secret_file = "northwind.key" # signs what the webhook gets; at least 32 characters
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.mailing.mail import is_address
from services.secrets import Secret
from services.settings import Settings

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FIELDS = frozenset({"id", "kind", "name", "phone", "mail", "webhook", "secret_file"})
_SHORTEST_SECRET = 32
_LONGEST_NAME = 80
MOST_CONTACTS = 20


class Kind(StrEnum):
    """What a partner is to the organisation."""

    BANK = "bank"
    CSP = "csp"
    INSURER = "insurer"
    LEGAL = "legal"
    MSP = "msp"


@dataclass(frozen=True)
class Contact:
    """One partner. Empty ways are ways that there are not. `secret` signs what the webhook gets."""

    id: str
    kind: Kind
    name: str
    phone: str = ""
    mail: str = ""
    webhook: str = ""
    secret: Secret | None = field(default=None, repr=False)

    @property
    def can_be_sent_to(self) -> bool:
        return bool(self.mail or self.webhook)


def contacts_of(settings: Settings) -> tuple[Contact, ...]:
    """The configured partners, in the file's order; none without a file. Raises ValueError that says what is wrong."""
    if settings.partners_file is None:
        return ()
    try:
        read = tomllib.loads(settings.partners_file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"IRBOT_PARTNERS_FILE cannot be read ({type(error).__name__})") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"IRBOT_PARTNERS_FILE is not TOML: {error}") from None
    entries = read.pop("contact", [])
    if read or not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ValueError("IRBOT_PARTNERS_FILE holds [[contact]] entries and nothing else")
    if len(entries) > MOST_CONTACTS:
        raise ValueError(f"IRBOT_PARTNERS_FILE holds at most {MOST_CONTACTS} contacts")
    contacts = tuple(_contact(entry, settings.partners_file.parent, settings.webhook_hosts) for entry in entries)
    ids = [contact.id for contact in contacts]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise ValueError(f"IRBOT_PARTNERS_FILE names a contact twice: {', '.join(twice)}")
    return contacts


def _contact(entry: Mapping[str, Any], folder: Path, hosts: Sequence[str]) -> Contact:
    contact_id = str(entry.get("id", ""))
    where = f"IRBOT_PARTNERS_FILE, contact {contact_id or '(without an id)'}"
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        raise ValueError(f"{where}: unknown {', '.join(unknown)}")
    if not all(isinstance(value, str) for value in entry.values()):
        raise ValueError(f"{where}: every value is a text")
    if not _ID.fullmatch(contact_id):
        raise ValueError(f"{where}: the id is made of small letters, digits and hyphens")
    if entry.get("kind") not in set(Kind):
        raise ValueError(f"{where}: the kind is one of {', '.join(Kind)}")
    name, phone, mail, webhook = (str(entry.get(key, "")).strip() for key in ("name", "phone", "mail", "webhook"))
    if not name or len(name) > _LONGEST_NAME:
        raise ValueError(f"{where}: the name has 1 to {_LONGEST_NAME} characters")
    if not (phone or mail or webhook):
        raise ValueError(f"{where}: it needs a phone, a mail address or a webhook")
    if mail and not is_address(mail):
        raise ValueError(f"{where}: the mail is one address")
    secret = _secret(entry, folder, hosts, where) if webhook else None
    if not webhook and "secret_file" in entry:
        raise ValueError(f"{where}: a secret_file without a webhook")
    return Contact(contact_id, Kind(entry["kind"]), name, phone, mail, webhook, secret)


def _secret(entry: Mapping[str, Any], folder: Path, hosts: Sequence[str], where: str) -> Secret:
    """What signs for this webhook, which must be safe to send to."""
    try:
        parts = urlsplit(entry["webhook"])
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{where}: the webhook is not an address") from None
    if parts.scheme != "https" or not host or parts.username or parts.password or parts.fragment:
        raise ValueError(f"{where}: the webhook begins with https:// and carries no name or password")
    if host not in {each.casefold() for each in hosts}:
        raise ValueError(f"{where}: the webhook's host {host} is not in IRBOT_WEBHOOK_HOSTS")
    if not entry.get("secret_file"):
        raise ValueError(f"{where}: a webhook needs a secret_file")
    try:
        secret = (folder / entry["secret_file"]).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{where}: its secret_file cannot be read ({type(error).__name__})") from None
    if len(secret) < _SHORTEST_SECRET:
        raise ValueError(f"{where}: the secret has at least {_SHORTEST_SECRET} characters")
    return Secret(secret)
