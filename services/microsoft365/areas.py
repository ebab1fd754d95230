"""Microsoft 365 as the rest of the bot sees it: one object with an area for each thing one may ask about."""

from __future__ import annotations

from services.microsoft365 import (
    address_book,
    alerts,
    audit,
    consents,
    devices,
    directory,
    files,
    licences,
    mail_flow,
    mailbox,
    messages,
    on_premises,
    own_app,
    policies,
    risk,
    role_assignments,
    scores,
    sign_in_methods,
    sign_ins,
    teams_apps,
)
from services.microsoft365.address_book import AddressBook
from services.microsoft365.alerts import Alerts
from services.microsoft365.audit import Audit
from services.microsoft365.consents import Consents
from services.microsoft365.devices import Devices
from services.microsoft365.directory import Directory
from services.microsoft365.exchange import ExchangeBackend, backend
from services.microsoft365.files import Files
from services.microsoft365.graph import Graph
from services.microsoft365.licences import Licences
from services.microsoft365.mail_flow import MailFlow
from services.microsoft365.mailbox import Mailboxes
from services.microsoft365.messages import Messages
from services.microsoft365.on_premises import OnPremisesAccounts
from services.microsoft365.operations import Gate, Needs, always_open
from services.microsoft365.own_app import OwnAppReader
from services.microsoft365.policies import Policies
from services.microsoft365.risk import Risk
from services.microsoft365.role_assignments import RoleAssignments
from services.microsoft365.scores import Scores
from services.microsoft365.sign_in_methods import SignInMethods
from services.microsoft365.sign_ins import SignIns
from services.microsoft365.teams_apps import TeamsApps
from services.microsoft365.tokens import Tokens
from services.settings import Settings

# What each function of each area needs of Graph: "directory.block_sign_in" and so on. Guides and `doctor` read it.
GRAPH_NEEDS: Needs = {
    f"{area}.{function}": permissions
    for area, needs in {
        "address_book": address_book.NEEDS,
        "alerts": alerts.NEEDS,
        "audit": audit.NEEDS,
        "consents": consents.NEEDS,
        "devices": devices.NEEDS,
        "directory": directory.NEEDS,
        "files": files.NEEDS,
        "licences": licences.NEEDS,
        "mail_flow": mail_flow.NEEDS,
        "mailbox": mailbox.NEEDS,
        "messages": messages.NEEDS,
        "on_premises": on_premises.NEEDS,
        "own_app": own_app.NEEDS,
        "policies": policies.NEEDS,
        "risk": risk.NEEDS,
        "role_assignments": role_assignments.NEEDS,
        "scores": scores.NEEDS,
        "sign_in_methods": sign_in_methods.NEEDS,
        "sign_ins": sign_ins.NEEDS,
        "teams_apps": teams_apps.NEEDS,
    }.items()
    for function, permissions in needs.items()
}


class Microsoft365:
    """The areas of one tenant, on one Graph client. `exchange` is what the functions of `exchange/` take first."""

    def __init__(self, graph: Graph, app_id: str, exchange: ExchangeBackend) -> None:
        self._graph = graph
        self.exchange = exchange
        self.address_book = AddressBook(graph)
        self.alerts = Alerts(graph)
        self.audit = Audit(graph)
        self.consents = Consents(graph)
        self.devices = Devices(graph)
        self.directory = Directory(graph, app_id)
        self.files = Files(graph)
        self.licences = Licences(graph)
        self.mail_flow = MailFlow(graph)
        self.mailbox = Mailboxes(graph)
        self.messages = Messages(graph)
        self.on_premises = OnPremisesAccounts(graph)
        self.own_app = OwnAppReader(graph, app_id)
        self.policies = Policies(graph)
        self.risk = Risk(graph)
        self.role_assignments = RoleAssignments(graph, self.directory)
        self.scores = Scores(graph)
        self.sign_in_methods = SignInMethods(graph)
        self.sign_ins = SignIns(graph)
        self.teams_apps = TeamsApps(graph)

    async def granted(self) -> frozenset[str] | None:
        """The application permissions that administrators have granted us; None where it cannot be told.

        A permission granted now shows when the token is renewed, within the hour.
        """
        return await self._graph.granted()

    async def own_principal(self) -> str | None:
        """The object id of our own service principal; None where our token does not tell it."""
        return await self._graph.own_principal()

    async def close(self) -> None:
        """Closes the connections. The tokens belong to who made them."""
        await self.exchange.close()
        await self._graph.close()


async def open_microsoft365(settings: Settings, tokens: Tokens, gate: Gate = always_open) -> Microsoft365:
    """Opens Microsoft 365. Sends nothing yet. `gate` is asked right before each call that changes something."""
    graph = await Graph.open(settings, tokens, gate)
    return Microsoft365(graph, settings.app_id, backend(settings, tokens, gate))
