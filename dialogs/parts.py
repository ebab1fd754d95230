"""What every dialog needs: the services, put together once by `app.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.access import Access
from services.approvals import Approvals, RuleBook
from services.blasts.answers import Answers
from services.blasts.store import Blasts
from services.channel import Channel
from services.database import Database
from services.durable import Durable
from services.guard.work import Guard
from services.incidents.report.delivery import Deliveries
from services.mailing import Mailing
from services.microsoft365 import Microsoft365
from services.partners.contacts import Contact
from services.people import People
from services.playbook.ledger import Ledger
from services.playbook.on_demand import OnDemand
from services.playbook.preparation import Preparation
from services.playbook.runner import Runner
from services.playbook.step import Step
from services.posts import Posts
from services.recovery.gates import Gates
from services.recovery.watch import Watch
from services.requests import Requests
from services.settings import Settings
from services.setup import Setup
from services.triggers.work import Triggers
from services.vault import Vault


@dataclass(frozen=True)
class Parts:
    """The running application's services, as the dialogs see them."""

    settings: Settings
    database: Database
    m365: Microsoft365
    access: Access
    approvals: Approvals
    rules: RuleBook
    durable: Durable
    ledger: Ledger
    preparation: Preparation
    on_demand: OnDemand
    runner: Runner
    gates: Gates
    guard: Guard
    watch: Watch
    triggers: Triggers
    posts: Posts
    people: People
    channel: Channel
    mailing: Mailing
    contacts: tuple[Contact, ...]
    blasts: Blasts
    answers: Answers
    vault: Vault
    requests: Requests
    deliveries: Deliveries
    setup: Setup
    steps: Sequence[Step]
    now: Callable[[], datetime]
