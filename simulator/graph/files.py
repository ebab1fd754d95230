"""OneDrive: the drive of a person, and the search in it. A drive comes with the first licence that holds SharePoint."""

from __future__ import annotations

from simulator.graph.errors import GraphError, item_not_found
from simulator.graph.operation import Answer, Call, Operation
from simulator.graph.schema_workloads import DRIVE, DRIVE_ITEM
from simulator.tenant import Json, User

_READ = ("Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All")


def _drive_id(user: User) -> str:
    return f"b!{user.id.replace('-', '')}"


def _owner(call: Call) -> User:
    wanted = call.parameters["drive-id"]
    for user_id in call.tenant.records.files:
        user = call.tenant.find_user(user_id)
        if user is not None and _drive_id(user) == wanted:
            return user
    raise item_not_found()


def get_drive(call: Call) -> Answer:
    """GET /users/{id}/drive."""
    user = call.user()
    if not call.world.config.sharepoint:
        raise GraphError(400, "BadRequest", "Tenant does not have a SPO license.")
    if user.id not in call.tenant.records.files:
        raise GraphError(404, "ResourceNotFound", "User's mysite not found.")
    row = {"id": _drive_id(user), "driveType": "business", "name": "OneDrive"}
    return call.entity(row, DRIVE, f"users('{user.id}')/drive/$entity")


def search(call: Call) -> Answer:
    """GET /drives/{id}/items/{id}/search(q='…'): every word must be in the name or in the text."""
    owner = _owner(call)
    if call.parameters["driveItem-id"] != "root":
        raise item_not_found()
    words = call.parameters["q"].casefold().split()
    rows = [row for row in call.tenant.records.files[owner.id] if all(word in _said(row) for word in words)]
    shown = [{name: value for name, value in row.items() if name != "text"} for row in rows]
    return call.collection(shown, DRIVE_ITEM, "Collection(driveItem)")


def _said(row: Json) -> str:
    return f"{row['name']} {row['text']}".casefold()


OPERATIONS = (
    Operation("GET", "/users/{user-id}/drive", get_drive, _READ),
    Operation("GET", "/drives/{drive-id}/items/{driveItem-id}/search(q='{q}')", search, _READ),
)
