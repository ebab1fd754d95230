"""Directory roles: definitions, active assignments and eligible ones (PIM)."""

from __future__ import annotations

from uuid import uuid4

from simulator.clock import stamp
from simulator.graph.errors import GraphError, bad_request, not_found
from simulator.graph.filters import parse
from simulator.graph.membership import OBJECTS, role_object
from simulator.graph.operation import NO_CONTENT, Answer, Call, Licence, Operation
from simulator.graph.schema import DIRECTORY_ROLE, ROLE_ASSIGNMENT, ROLE_DEFINITION, ROLE_SCHEDULE_INSTANCE
from simulator.roles import NAMES, is_privileged
from simulator.tenant import Json, RoleAssignment

_READ = (
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
)
_DEFINITIONS = (*_READ, "RoleManagement.Read.All")
_ELIGIBLE = (
    "RoleEligibilitySchedule.Read.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
)
_SCHEDULED = (
    "RoleAssignmentSchedule.Read.Directory",
    "RoleAssignmentSchedule.ReadWrite.Directory",
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
)
_EXPAND = frozenset({"roleDefinition", "principal"})


def definition(role_id: str, version: str) -> Json:
    """A role as `roleDefinitions` shows it; isPrivileged is beta only."""
    row: Json = {
        "id": role_id,
        "displayName": NAMES[role_id],
        "description": NAMES[role_id],
        "isBuiltIn": True,
        "isEnabled": True,
        "resourceScopes": ["/"],
        "templateId": role_id,
        "version": "1",
    }
    if version == "beta":
        row["isPrivileged"] = is_privileged({NAMES[role_id]}, in_role_assignable_group=False)
    return row


def _row(call: Call, assignment: RoleAssignment, principal_id: str | None = None) -> Json:
    holder = principal_id or assignment.principal_id
    row: Json = {
        "id": assignment.id,
        "principalId": holder,
        "roleDefinitionId": assignment.role_id,
        "directoryScopeId": assignment.scope,
    }
    for part in call.options.expand:
        if part.startswith("roleDefinition"):
            row["roleDefinition"] = definition(assignment.role_id, call.version)
        elif part.startswith("principal"):
            principal = call.tenant.find(holder)
            row["principal"] = call.typed(principal) if principal else None
    return row


def role_assignments(call: Call) -> Answer:
    """GET /roleManagement/directory/roleAssignments: the direct ones."""
    rows = [_row(call, assignment) for assignment in call.tenant.role_assignments if not assignment.eligible]
    return call.collection(rows, ROLE_ASSIGNMENT, "roleManagement/directory/roleAssignments", expand=_EXPAND)


def _assignment(call: Call) -> RoleAssignment:
    key = call.parameters["unifiedRoleAssignment-id"]
    found = next((a for a in call.tenant.role_assignments if a.id == key and not a.eligible), None)
    if found is None:
        raise not_found(key)
    return found


def get_role_assignment(call: Call) -> Answer:
    """GET one assignment."""
    return call.entity(_row(call, _assignment(call)), ROLE_ASSIGNMENT, "roleManagement/directory/roleAssignments")


def create_role_assignment(call: Call) -> Answer:
    """POST: refused where the principal has the role at that scope already."""
    values = call.parameters_of_action("principalId", "roleDefinitionId", optional=("directoryScopeId",))
    principal = call.tenant.find(str(values["principalId"]))
    role_id, scope = str(values["roleDefinitionId"]).lower(), str(values.get("directoryScopeId", "/"))
    if principal is None:
        raise not_found(str(values["principalId"]))
    if role_id not in NAMES:
        raise bad_request("The role definition does not exist.")
    if any(
        (a.principal_id, a.role_id, a.scope, a.eligible) == (principal.id, role_id, scope, False)
        for a in call.tenant.role_assignments
    ):
        raise bad_request("A conflicting object with one or more of the specified property values is present.")
    assignment = RoleAssignment(str(uuid4()), principal.id, role_id, scope)
    call.tenant.role_assignments.append(assignment)
    call.tenant.note(principal, "Add member to role", "roles", None, NAMES[role_id], call.by)
    answer = call.entity(_row(call, assignment), ROLE_ASSIGNMENT, "roleManagement/directory/roleAssignments/$entity")
    return Answer(201, answer.body)


def delete_role_assignment(call: Call) -> Answer:
    """DELETE one assignment; the last Global Administrator stays."""
    assignment = _assignment(call)
    same = [a for a in call.tenant.role_assignments if a.role_id == assignment.role_id and not a.eligible]
    if NAMES[assignment.role_id] == "Global Administrator" and len(same) == 1:
        raise bad_request("The last Global Administrator cannot be removed.")
    call.tenant.role_assignments.remove(assignment)
    principal = call.tenant.find(assignment.principal_id)
    if principal is not None:
        name = NAMES[assignment.role_id]
        call.tenant.note(principal, "Remove member from role", "roles", name, None, call.by)
    return NO_CONTENT


def transitive_role_assignments(call: Call) -> Answer:
    """GET (beta) /roleManagement/directory/transitiveRoleAssignments: through groups too, for one principal."""
    if not call.options.eventual or not call.options.count or not call.options.filter:
        raise bad_request("transitiveRoleAssignments needs $filter on principalId, $count=true and ConsistencyLevel.")
    wanted = dict(parse(call.options.filter, ROLE_ASSIGNMENT).equals).get("principalId")
    if not isinstance(wanted, str):
        raise bad_request("transitiveRoleAssignments needs a $filter on principalId.")
    holders = {wanted} | {group.id for group in call.tenant.groups_of(wanted)}
    rows = [
        _row(call, assignment, wanted)
        for assignment in call.tenant.role_assignments
        if assignment.principal_id in holders and not assignment.eligible
    ]
    return call.collection(rows, ROLE_ASSIGNMENT, "roleManagement/directory/transitiveRoleAssignments", expand=_EXPAND)


def role_definitions(call: Call) -> Answer:
    """GET /roleManagement/directory/roleDefinitions."""
    rows = [definition(role_id, call.version) for role_id in NAMES]
    return call.collection(rows, ROLE_DEFINITION, "roleManagement/directory/roleDefinitions")


def role_definition(call: Call) -> Answer:
    """GET /roleManagement/directory/roleDefinitions/{id}."""
    role_id = call.parameters["unifiedRoleDefinition-id"].lower()
    if role_id not in NAMES:
        raise not_found(role_id)
    return call.entity(
        definition(role_id, call.version), ROLE_DEFINITION, "roleManagement/directory/roleDefinitions/$entity"
    )


def directory_roles(call: Call) -> Answer:
    """GET /directoryRoles: those that somebody holds."""
    held = {assignment.role_id for assignment in call.tenant.role_assignments if not assignment.eligible}
    return call.collection((role_object(call, role_id) for role_id in sorted(held)), DIRECTORY_ROLE, "directoryRoles")


def directory_role_members(call: Call) -> Answer:
    """GET /directoryRoles/{id}/members: direct, active holders."""
    key = call.parameters["directoryRole-id"].lower()
    role_id = next((each for each in NAMES if key in {each, str(role_object(call, each)["id"])}), None)
    if role_id is None:
        raise not_found(key)
    holders = [a.principal_id for a in call.tenant.role_assignments if a.role_id == role_id and not a.eligible]
    members = [member for member in (call.tenant.find(holder) for holder in holders) if member is not None]
    return call.collection((call.typed(member) for member in members), OBJECTS, "directoryObjects", strict=False)


def _instances(call: Call, *, eligible: bool) -> list[Json]:
    return [
        _row(call, assignment)
        | {
            "startDateTime": stamp(call.world.clock.now()),
            "endDateTime": None,
            "memberType": "Direct",
        }
        | ({"roleEligibilityScheduleId": assignment.id} if eligible else {"assignmentType": "Assigned"})
        for assignment in call.tenant.role_assignments
        if assignment.eligible is eligible
    ]


def eligibility_instances(call: Call) -> Answer:
    """GET /roleManagement/directory/roleEligibilityScheduleInstances (P2)."""
    context = "roleManagement/directory/roleEligibilityScheduleInstances"
    return call.collection(_instances(call, eligible=True), ROLE_SCHEDULE_INSTANCE, context, expand=_EXPAND)


def assignment_instances(call: Call) -> Answer:
    """GET /roleManagement/directory/roleAssignmentScheduleInstances (P2)."""
    context = "roleManagement/directory/roleAssignmentScheduleInstances"
    return call.collection(_instances(call, eligible=False), ROLE_SCHEDULE_INSTANCE, context, expand=_EXPAND)


def request_eligibility(call: Call) -> Answer:
    """POST /roleManagement/directory/roleEligibilityScheduleRequests (P2): adminAssign and adminRemove, at once."""
    names = ("action", "principalId", "roleDefinitionId", "directoryScopeId")
    values = call.parameters_of_action(*names, optional=("justification", "scheduleInfo"))
    principal = call.tenant.find(str(values["principalId"]))
    role_id, scope = str(values["roleDefinitionId"]).lower(), str(values["directoryScopeId"])
    if principal is None or role_id not in NAMES:
        raise bad_request("The principal or the role definition does not exist.")
    held = next(
        (
            a
            for a in call.tenant.role_assignments
            if (a.principal_id, a.role_id, a.scope, a.eligible) == (principal.id, role_id, scope, True)
        ),
        None,
    )
    if values["action"] == "adminRemove":
        if held is None:
            raise GraphError(400, "RoleAssignmentDoesNotExist", "The Role assignment does not exist.")
        call.tenant.role_assignments.remove(held)
        call.tenant.note(principal, "Remove eligible member from role", "roles", NAMES[role_id], None, call.by)
    elif values["action"] == "adminAssign":
        if held is not None:
            raise GraphError(400, "RoleAssignmentExists", "The Role assignment already exists.")
        if not isinstance(values.get("scheduleInfo"), dict):
            raise bad_request("scheduleInfo is required.")
        call.tenant.role_assignments.append(RoleAssignment(str(uuid4()), principal.id, role_id, scope, eligible=True))
        call.tenant.note(principal, "Add eligible member to role", "roles", None, NAMES[role_id], call.by)
    else:
        raise bad_request(f"The action '{values['action']}' is not supported.")
    body = {key: values[key] for key in names} | {"id": str(uuid4()), "status": "Provisioned"}
    return Answer(201, {"@odata.context": call.context("roleEligibilityScheduleRequests/$entity")} | body)


_ROOT = "/roleManagement/directory"
_ONE = f"{_ROOT}/roleAssignments/{{unifiedRoleAssignment-id}}"
OPERATIONS = (
    Operation("GET", f"{_ROOT}/roleAssignments", role_assignments, _READ),
    Operation("GET", "/directoryRoles", directory_roles, _READ),
    Operation("GET", "/directoryRoles/{directoryRole-id}/members", directory_role_members, _READ),
    Operation("GET", _ONE, get_role_assignment, _READ),
    Operation("POST", f"{_ROOT}/roleAssignments", create_role_assignment, ("RoleManagement.ReadWrite.Directory",)),
    Operation("DELETE", _ONE, delete_role_assignment, ("RoleManagement.ReadWrite.Directory",)),
    Operation("GET", f"{_ROOT}/transitiveRoleAssignments", transitive_role_assignments, _READ, versions=("beta",)),
    Operation("GET", f"{_ROOT}/roleDefinitions", role_definitions, _DEFINITIONS),
    Operation(
        "GET",
        f"{_ROOT}/roleDefinitions/{{unifiedRoleDefinition-id}}",
        role_definition,
        _DEFINITIONS,
        versions=("v1.0",),
    ),
    Operation("GET", f"{_ROOT}/roleEligibilityScheduleInstances", eligibility_instances, _ELIGIBLE, licence=Licence.P2),
    Operation(
        "POST",
        f"{_ROOT}/roleEligibilityScheduleRequests",
        request_eligibility,
        ("RoleEligibilitySchedule.ReadWrite.Directory", "RoleManagement.ReadWrite.Directory"),
        licence=Licence.P2,
    ),
    Operation("GET", f"{_ROOT}/roleAssignmentScheduleInstances", assignment_instances, _SCHEDULED, licence=Licence.P2),
)
