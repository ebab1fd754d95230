"""What makes an automatic reply or a sweep rule suspicious. The texts of replies stay here: only hosts leave."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.microsoft365.exchange.auto_replies import AutoReply
from services.microsoft365.exchange.sweep_rules import SweepRule

_LINK = re.compile(r"(?:https?://|\bwww\.)([^\s/\"'<>()\[\],;:?#]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
# Who warns people: bounces, the helpdesk, the service itself.
_WARNERS = ("postmaster", "mailer-daemon", "security", "helpdesk", "support", "abuse", "alert", "admin", "noreply")
_SERVICE = ("microsoft.com", "microsoftonline.com", "office.com", "office365.com")


def reply_reasons(reply: AutoReply, own_domains: frozenset[str]) -> tuple[str, ...]:
    """Why an automatic reply could be the intruder's: it leads people outside. Empty for a plain absence."""
    text = f"{reply.internal_message}\n{reply.external_message}"
    links = _outside(_LINK.findall(text), own_domains)
    addresses = _outside(_ADDRESS.findall(text), own_domains)
    reasons = []
    if links:
        reasons.append(f"It links to {', '.join(links[:3])}")
    if addresses:
        reasons.append(f"It gives an address at {', '.join(addresses[:3])}")
    return tuple(reasons)


def reply_to_json(reply: AutoReply) -> dict[str, Any]:
    """A reply as plain JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(reply).items()}


def reply_from_json(value: Mapping[str, Any]) -> AutoReply:
    """Reads what `reply_to_json` wrote."""
    moments = {name: datetime.fromisoformat(value[name]) if value[name] else None for name in ("start", "end")}
    return AutoReply(**{**value, **moments})


def sweep_reasons(rule: SweepRule, own_domains: frozenset[str]) -> tuple[str, ...]:
    """Why a sweep rule could be the intruder's: it hides mail of colleagues or warnings. Empty for newsletters."""
    if not rule.sender:
        return ("It takes mail of everybody",)
    name, _, domain = rule.sender.lower().rpartition("@")
    if domain in own_domains:
        return (f"It hides mail from inside: {rule.sender}",)
    if name.startswith(_WARNERS) and _is_within(domain, frozenset(_SERVICE)):
        return (f"It hides warnings: {rule.sender}",)
    return ()


def _outside(hosts: list[str], own_domains: frozenset[str]) -> list[str]:
    found = dict.fromkeys(host.lower().rstrip(".") for host in hosts)
    return [host for host in found if not _is_within(host, own_domains)]


def _is_within(host: str, domains: frozenset[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
