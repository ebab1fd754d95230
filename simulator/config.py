"""What a simulated tenant is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from simulator.consent import GRANTED
from simulator.sizes import Size


class SyncedWrite(StrEnum):
    """What the directory does with a write to an account that is mastered on-premises; both have been seen."""

    ACCEPTED = "accepted"  # 204 now, flowed back at the next directory-sync tick
    REFUSED = "refused"  # 400 Request_BadRequest at once


@dataclass(frozen=True)
class SimulatorConfig:
    """Everything is optional; port 0 takes a free port."""

    seed: int = 7
    size: Size = Size.SMALL
    host: str = "127.0.0.1"
    port: int = 0
    login_port: int = 0
    domain: str = "contoso.com"

    latency: str = "none"  # none | realistic | slow:<seconds>
    throttling: bool = False
    teams_calls_per_second: int = 50  # Teams' own limit for one app in one tenant, which it always keeps
    replication_seconds: float = 0.0  # how long a lagging replica shows old values at most
    synced_write: SyncedWrite = SyncedWrite.REFUSED

    permissions: frozenset[str] = field(default_factory=lambda: GRANTED)
    directory_roles: tuple[str, ...] = (
        "Privileged Authentication Administrator",
        "Cloud Device Administrator",
        "Exchange Administrator",
    )
    licences: tuple[str, ...] = ("SPE_E5",)
    communicators: tuple[str, ...] = ("grady",)  # by alias: who may warn and teach many people
    sharepoint: bool = True  # whether the tenant owns SharePoint, in which OneDrive lives

    stories: tuple[str, ...] = ()  # compromises that the tenant starts with, and has again after a reset

    audit_query_seconds: float = 4.0  # how long a query of the unified audit log runs
    device_seconds: float = 20.0  # how long a managed device takes to do what Intune asks of it
    remediation_seconds: float = 0.0  # how long Defender takes to pull delivered mail back

    journal_limit: int | None = None
    folder: Path | None = None  # where the CA file and the certificate go; None takes a temporary folder
    bot_url: str = "http://127.0.0.1:3978/api/messages"
