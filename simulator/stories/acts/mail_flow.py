"""What an administrator's account can do to the mail of everybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from simulator.exchange.defaults import new_inbound_connector, new_transport_rule
from simulator.stories.acts.labels import names
from simulator.stories.scene import Scene
from simulator.stories.story import Action, Origin


@dataclass(frozen=True, kw_only=True)
class MakesTransportRule(Action):
    """A mail-flow rule for the whole organisation."""

    lasting: ClassVar[bool] = True
    name: str
    properties: dict[str, Any] = field(default_factory=dict)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, number = scene.when(self), UUID(scene.id(self.key))
        rules = scene.organisation.transport_rules
        rule = new_transport_rule(self.name, number, at, scene.account.upn, Priority=len(rules), **self.properties)
        rules.append(rule)
        scene.cmdlet(at, "New-TransportRule", by, self.name, Name=self.name, **self.properties)
        return names(number, self.name)

    def remains(self, scene: Scene) -> bool:
        number = UUID(scene.id(self.key))
        rules = scene.organisation.transport_rules
        return any(rule["Guid"] == number and rule["State"] == "Enabled" for rule in rules)


@dataclass(frozen=True, kw_only=True)
class MakesInboundConnector(Action):
    """A connector that lets mail of the named addresses in without a look at it."""

    lasting: ClassVar[bool] = True
    name: str
    addresses: tuple[str, ...]
    properties: dict[str, Any] = field(default_factory=dict)

    def happen(self, scene: Scene, by: Origin) -> frozenset[str]:
        at, number, addresses = scene.when(self), UUID(scene.id(self.key)), list(self.addresses)
        more = {"SenderIPAddresses": addresses, "RestrictDomainsToIPAddresses": True, **self.properties}
        scene.organisation.inbound_connectors.append(new_inbound_connector(self.name, number, at, **more))
        scene.cmdlet(at, "New-InboundConnector", by, self.name, Name=self.name, SenderIPAddresses=addresses)
        return names(number, self.name, *addresses)

    def remains(self, scene: Scene) -> bool:
        number = UUID(scene.id(self.key))
        return any(each["Guid"] == number and each["Enabled"] for each in scene.organisation.inbound_connectors)
