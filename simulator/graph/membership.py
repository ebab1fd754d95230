"""Who belongs to what: groups, members and the membership checks, all of them transitive where Graph says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.graph.apps import with_owners
from simulator.graph.errors import bad_request, denied, not_found
from simulator.graph.operation import NO_CONTENT, Answer, Call, Operation
from simulator.graph.query import check_expand
from simulator.graph.schema import DEVICE, GROUP, SERVICE_PRINCIPAL, USER, EntityType
from simulator.ids import guid
from simulator.roles import NAMES
from simulator.tenant import DirectoryObject, Group, Json

_CHECK = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Device.Read.All",
    "Device.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "User.Read.All",
    "User.ReadWrite.All",
)
_GET_GROUPS = tuple(name for name in _CHECK if name != "User.ReadWrite.All")
_MEMBER_OF = ("Directory.Read.All", "Directory.ReadWrite.All")
_TRANSITIVE_MEMBER_OF = (
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "GroupMember.Read.All",
    "User.Read.All",
)
_GROUP_READ = (
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
)
_MEMBERS_READ = (
    "Directory.Read.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
)
_LIMIT = 20


def mixed(name: str, *kinds: EntityType) -> EntityType:
    """The union of several types, for lists of directory objects."""
    return EntityType(
        name,
        frozenset().union(*(kind.properties for kind in kinds)),
        filterable={"id": frozenset({"eq", "ne", "in"})} | kinds[0].filterable if len(kinds) == 1 else {},
        searchable=kinds[0].searchable if len(kinds) == 1 else frozenset({"displayName"}),
        advanced=True,
    )


OBJECTS = mixed("directoryObject", USER, GROUP, SERVICE_PRINCIPAL, DEVICE)


def role_object(call: Call, role_id: str) -> Json:
    """An activated directory role as memberOf shows it."""
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": guid(call.world.config.seed, f"directory-role:{role_id}"),
        "displayName": NAMES[role_id],
        "description": NAMES[role_id],
        "roleTemplateId": role_id,
    }


def _direct_roles(call: Call, object_id: str) -> list[str]:
    return [a.role_id for a in call.tenant.role_assignments if a.principal_id == object_id and not a.eligible]


def _belongs(call: Call, object_id: str, *, transitive: bool) -> list[Json]:
    groups = [call.typed(group) for group in call.tenant.groups_of(object_id, transitive=transitive)]
    roles = call.tenant.active_roles(object_id) if transitive else _direct_roles(call, object_id)
    return groups + [role_object(call, role_id) for role_id in sorted(roles)]


def _list_of(items: Iterable[Json], call: Call, kind: str | None) -> Answer:
    """A list of directory objects, narrowed by a cast segment such as microsoft.graph.group."""
    if kind is None:
        return call.collection(items, OBJECTS, "directoryObjects", strict=False)
    chosen = [item for item in items if item["@odata.type"] == f"#{kind}"]
    entity = {"microsoft.graph.group": GROUP, "microsoft.graph.user": USER, "microsoft.graph.device": DEVICE}[kind]
    return call.collection(chosen, entity, f"directoryObjects/{kind}")


def member_of(call: Call) -> Answer:
    """GET /users/{id}/memberOf."""
    return _list_of(_belongs(call, call.user().id, transitive=False), call, None)


def member_of_groups(call: Call) -> Answer:
    """GET /users/{id}/memberOf/microsoft.graph.group."""
    return _list_of(_belongs(call, call.user().id, transitive=False), call, "microsoft.graph.group")


def transitive_member_of(call: Call) -> Answer:
    """GET /users/{id}/transitiveMemberOf."""
    return _list_of(_belongs(call, call.user().id, transitive=True), call, None)


def transitive_member_of_groups(call: Call) -> Answer:
    """GET /users/{id}/transitiveMemberOf/microsoft.graph.group."""
    return _list_of(_belongs(call, call.user().id, transitive=True), call, "microsoft.graph.group")


def _ids(value: Any, name: str) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise bad_request(f"Invalid value specified for property '{name}'.")
    if len(value) > _LIMIT:
        raise bad_request(f"The number of ids in '{name}' must not exceed {_LIMIT}.")
    return [item.lower() for item in value]


def _strings(call: Call, values: Iterable[str]) -> Answer:
    return Answer(body={"@odata.context": call.context("Collection(Edm.String)"), "value": list(values)})


def check_member_groups(call: Call) -> Answer:
    """POST /users/{id}/checkMemberGroups: at most 20, transitive."""
    user = call.user()
    wanted = _ids(call.parameters_of_action("groupIds")["groupIds"], "groupIds")
    mine = {group.id for group in call.tenant.groups_of(user.id)}
    return _strings(call, (group_id for group_id in wanted if group_id in mine))


def check_member_objects(call: Call) -> Answer:
    """POST /users/{id}/checkMemberObjects: groups and directory roles, at most 20, transitive."""
    user = call.user()
    wanted = _ids(call.parameters_of_action("ids")["ids"], "ids")
    roles = call.tenant.active_roles(user.id)
    mine = {group.id for group in call.tenant.groups_of(user.id)}
    mine |= roles | {str(role_object(call, role_id)["id"]) for role_id in roles}
    return _strings(call, (object_id for object_id in wanted if object_id in mine))


def _security_only(call: Call) -> bool:
    value = call.parameters_of_action("securityEnabledOnly")["securityEnabledOnly"]
    if not isinstance(value, bool):
        raise bad_request("Invalid value specified for property 'securityEnabledOnly'.")
    return value


def get_member_groups(call: Call) -> Answer:
    """POST /users/{id}/getMemberGroups: ids of all groups, transitive."""
    user = call.user()
    only = _security_only(call)
    groups = call.tenant.groups_of(user.id)
    return _strings(call, (g.id for g in groups if not only or g.properties["securityEnabled"]))


def get_member_objects(call: Call) -> Answer:
    """POST /users/{id}/getMemberObjects: ids of groups and directory roles, transitive."""
    user = call.user()
    only = _security_only(call)
    groups = [g.id for g in call.tenant.groups_of(user.id) if not only or g.properties["securityEnabled"]]
    roles = [str(role_object(call, role_id)["id"]) for role_id in sorted(call.tenant.active_roles(user.id))]
    return _strings(call, groups + roles)


def owned_groups(call: Call) -> Answer:
    """GET /users/{id}/ownedObjects/microsoft.graph.group."""
    user = call.user()
    owned = [call.typed(group) for group in call.tenant.groups.values() if user.id in group.owners]
    return _list_of(owned, call, "microsoft.graph.group")


def owned_objects(call: Call) -> Answer:
    """GET /users/{id}/ownedObjects."""
    user = call.user()
    owned = [call.typed(group) for group in call.tenant.groups.values() if user.id in group.owners]
    return _list_of(owned, call, None)


def _group(call: Call) -> Group:
    key = call.parameters["group-id"]
    group = call.tenant.groups.get(key.lower())
    if group is None:
        raise not_found(key)
    return group


def list_groups(call: Call) -> Answer:
    """GET /groups."""
    return call.collection((call.shown(group) for group in call.tenant.groups.values()), GROUP, "groups")


def get_group(call: Call) -> Answer:
    """GET /groups/{id}."""
    check_expand(call.options, GROUP, frozenset({"owners"}))
    group = _group(call)
    return call.entity(with_owners(call, call.shown(group), group.owners), GROUP, "groups/$entity")


def _members(call: Call, *, transitive: bool) -> list[Json]:
    members: list[DirectoryObject] = call.tenant.members_of(_group(call).id, transitive=transitive)
    return [call.typed(member) for member in members]


def members(call: Call) -> Answer:
    """GET /groups/{id}/members."""
    return _list_of(_members(call, transitive=False), call, None)


def member_users(call: Call) -> Answer:
    """GET /groups/{id}/members/microsoft.graph.user."""
    return _list_of(_members(call, transitive=False), call, "microsoft.graph.user")


def add_member(call: Call) -> Answer:
    """POST /groups/{id}/members/$ref; 400 for somebody who is in."""
    group = _group(call)
    body = call.body if isinstance(call.body, dict) else {}
    object_id = str(body.get("@odata.id", "")).rstrip("/").rpartition("/")[2]
    member = call.tenant.find(object_id)
    if member is None:
        raise not_found(object_id)
    if member.id in group.members:
        raise bad_request("One or more added object references already exist for: 'members'.")
    _guard_assignable(call, group)
    group.members.append(member.id)
    call.tenant.note(member, "Add member to group", "groups", None, group.display_name, call.by)
    return NO_CONTENT


def remove_member(call: Call) -> Answer:
    """DELETE /groups/{id}/members/{id}/$ref."""
    group = _group(call)
    object_id = call.parameters["directoryObject-id"].lower()
    if object_id not in group.members:
        raise not_found(object_id)
    _guard_assignable(call, group)
    group.members.remove(object_id)
    member = call.tenant.find(object_id)
    if member is not None:
        call.tenant.note(member, "Remove member from group", "groups", group.display_name, None, call.by)
    return NO_CONTENT


def _guard_assignable(call: Call, group: Group) -> None:
    """Role-assignable groups are changed with the right to assign roles only."""
    assignable = group.properties.get("isAssignableToRole") is True
    if assignable and "RoleManagement.ReadWrite.Directory" not in call.caller.permissions:
        raise denied()


def transitive_members(call: Call) -> Answer:
    """GET /groups/{id}/transitiveMembers."""
    return _list_of(_members(call, transitive=True), call, None)


def transitive_member_users(call: Call) -> Answer:
    """GET /groups/{id}/transitiveMembers/microsoft.graph.user."""
    return _list_of(_members(call, transitive=True), call, "microsoft.graph.user")


_OWNED = ("Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "User.ReadWrite.All")
_MEMBERS_WRITE = ("Directory.ReadWrite.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All")
_USER = "/users/{user-id}"
_GROUP = "/groups/{group-id}"
OPERATIONS = (
    Operation("GET", f"{_USER}/memberOf", member_of, _MEMBER_OF, cost=2),
    Operation("GET", f"{_USER}/memberOf/microsoft.graph.group", member_of_groups, _MEMBER_OF, cost=2),
    Operation("GET", f"{_USER}/transitiveMemberOf", transitive_member_of, _TRANSITIVE_MEMBER_OF, cost=2),
    Operation(
        "GET",
        f"{_USER}/transitiveMemberOf/microsoft.graph.group",
        transitive_member_of_groups,
        _TRANSITIVE_MEMBER_OF,
        cost=2,
    ),
    Operation("POST", f"{_USER}/checkMemberGroups", check_member_groups, _CHECK, cost=4),
    Operation("POST", f"{_USER}/checkMemberObjects", check_member_objects, _CHECK, cost=4),
    Operation("POST", f"{_USER}/getMemberGroups", get_member_groups, _GET_GROUPS, cost=2),
    Operation("POST", f"{_USER}/getMemberObjects", get_member_objects, _CHECK, cost=2),
    Operation("GET", f"{_USER}/ownedObjects", owned_objects, _OWNED),
    Operation("GET", f"{_USER}/ownedObjects/microsoft.graph.group", owned_groups, _OWNED),
    Operation("GET", "/groups", list_groups, _GROUP_READ),
    Operation("GET", _GROUP, get_group, _GROUP_READ),
    Operation("GET", f"{_GROUP}/members", members, _MEMBERS_READ, cost=3),
    Operation("POST", f"{_GROUP}/members/$ref", add_member, _MEMBERS_WRITE),
    Operation("DELETE", f"{_GROUP}/members/{{directoryObject-id}}/$ref", remove_member, _MEMBERS_WRITE),
    Operation("GET", f"{_GROUP}/members/microsoft.graph.user", member_users, _MEMBERS_READ, cost=3),
    Operation("GET", f"{_GROUP}/transitiveMembers", transitive_members, _MEMBERS_READ, cost=5),
    Operation(
        "GET", f"{_GROUP}/transitiveMembers/microsoft.graph.user", transitive_member_users, _MEMBERS_READ, cost=5
    ),
)
