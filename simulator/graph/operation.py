"""What an operation of the simulated Graph is: one row of a table, and the call that its handler gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.graph import query
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.query import Options
from simulator.graph.schema import EntityType
from simulator.tenant import DirectoryObject, Json, Tenant, User
from simulator.tokens import Caller
from simulator.world import World

# Who sees more than ids in lists of directory objects.
_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_DETAILS: dict[str, tuple[str, ...]] = {
    "#microsoft.graph.device": ("Device.Read.All", "Device.ReadWrite.All", *_DIRECTORY),
    "#microsoft.graph.group": ("Group.Read.All", "GroupMember.Read.All", "GroupMember.ReadWrite.All", *_DIRECTORY),
    "#microsoft.graph.servicePrincipal": ("Application.Read.All", "Application.ReadWrite.All", *_DIRECTORY),
    "#microsoft.graph.user": ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY),
}


class Row(StrEnum):
    """The row of the throttling table that an operation counts against."""

    DIRECTORY = "identity and access"
    INTUNE = "intune"
    NONE = "none"
    OUTLOOK = "outlook"
    PROTECTION = "identity protection and conditional access"
    REPORTS = "identity and access reports"
    SECURITY = "security"
    TEAMS = "teams"
    TRACE = "message trace"


class Licence(StrEnum):
    """What the tenant must own, by service plan."""

    CLOUD_APPS = "ADALLOM_S_STANDALONE"
    DEFENDER_ENDPOINT = "WINDEFATP"
    DEFENDER_OFFICE = "THREAT_INTELLIGENCE"
    INTUNE = "INTUNE_A"
    P1 = "AAD_PREMIUM"
    P2 = "AAD_PREMIUM_P2"


@dataclass(frozen=True)
class Answer:
    """What a handler gives back; None as body is an empty answer."""

    status: int = 200
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


NO_CONTENT = Answer(204)


@dataclass(frozen=True)
class Call:
    """One request, authenticated and matched."""

    world: World
    caller: Caller
    version: str
    method: str
    path: str
    parameters: dict[str, str]
    options: Options
    headers: dict[str, str]
    body: Any
    root: str  # http://host:port/graph
    lagging: bool  # this read reaches a replica that has not seen the newest writes

    @property
    def tenant(self) -> Tenant:
        """The tenant's state."""
        return self.world.tenant

    @property
    def by(self) -> str:
        """Who acts, for the tenant's own record."""
        app = self.tenant.app(self.caller.app_id)
        return app.display_name if app else self.caller.app_id

    def context(self, what: str) -> str:
        """The `@odata.context` of an answer."""
        return f"{self.root}/{self.version}/$metadata#{what}"

    def user(self, name: str = "user-id") -> User:
        """The user that the path names. Raises GraphError 404."""
        key = self.parameters[name]
        user = self.tenant.find_user(key)
        if user is None:
            raise not_found(key)
        return user

    def shown(self, thing: DirectoryObject) -> Json:
        """The properties of an object as this request's replica knows them."""
        return self.tenant.seen_by(thing, lagging=self.lagging)

    def typed(self, thing: DirectoryObject) -> Json:
        """The same with its type, for lists of mixed types. What the caller may not read is a bare id."""
        shown = self.shown(thing)
        if not self.caller.permissions.intersection(_DETAILS[thing.odata_type]):
            shown = dict.fromkeys(shown) | {"id": thing.id}
        return {"@odata.type": thing.odata_type} | shown

    def entity(self, item: Json, entity: EntityType, context: str) -> Answer:
        """One entity as the answer."""
        return Answer(body={"@odata.context": self.context(context)} | query.shape(item, entity, self.options))

    def collection(
        self,
        items: Iterable[Json],
        entity: EntityType,
        context: str,
        *,
        strict: bool = True,
        expand: frozenset[str] = frozenset(),
        searched: bool = False,
    ) -> Answer:
        """A page of a list as the answer. `searched` where the handler did $search and the order itself."""
        url = f"{self.root}/{self.version}{self.path}"
        return Answer(
            body=query.collection(
                items,
                entity,
                self.options,
                url=url,
                context=self.context(context),
                strict=strict,
                expand=expand,
                searched=searched,
            )
        )

    def json_object(self) -> Json:
        """The body, which must be a JSON object. OData annotations are dropped. Raises GraphError 400."""
        if not isinstance(self.body, dict):
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid "
                "JSON format.",
                "BadRequest",
            )
        return {name: value for name, value in self.body.items() if "@odata." not in name}

    def parameters_of_action(self, *required: str, optional: tuple[str, ...] = ()) -> Json:
        """The parameters of an action by their documented names; OData matches them without regard to case."""
        known = {name.lower(): name for name in (*required, *optional)}
        found: Json = {}
        for name, value in self.json_object().items():
            if name.lower() not in known:
                raise bad_request(
                    f"The parameter '{name}' in the request payload is not a valid parameter for the operation.",
                    "BadRequest",
                )
            found[known[name.lower()]] = value
        for name in required:
            if name not in found:
                raise bad_request(f"The parameter '{name}' is missing in the request payload.", "BadRequest")
        return found


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Operation:
    """One row: method and path template in the contract's spelling, handler, and what the caller needs.

    `any_of` names the application permissions of which one is enough; `all_of` those that are needed besides. An
    empty `any_of` is checked by the handler itself.
    """

    method: str
    template: str
    handler: Handler
    any_of: tuple[str, ...]
    all_of: tuple[str, ...] = ()
    row: Row = Row.DIRECTORY
    cost: int = 1
    versions: tuple[str, ...] = ("v1.0", "beta")
    licence: Licence | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The template in pieces."""
        return tuple(self.template.strip("/").split("/"))


__all__ = ["NO_CONTENT", "Answer", "Call", "GraphError", "Handler", "Licence", "Operation", "Row"]
