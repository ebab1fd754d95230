"""Files of one person: the OneDrive that belongs to an account, searched by words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kiota_abstractions.method import Method

from services.errors import Bug, Gone, MissingLicence
from services.microsoft365.graph import Graph, Json
from services.microsoft365.graph_errors import SERVICE
from services.microsoft365.listing import Listing
from services.microsoft365.operations import Needs, Operation, permissions_of
from services.microsoft365.reading import moment, text

ONEDRIVE = "OneDrive for work (SharePoint Online)"
_DRIVE = Operation("drive-of-account", ("Files.Read.All",))
_SEARCH = Operation("search-drive", ("Files.Read.All",))

NEEDS: Needs = {
    "drive_of": permissions_of(_DRIVE),
    "search": permissions_of(_SEARCH),
}

_PAGE = 100
_ROOT = "root"
_FIELDS = ("id", "name", "size", "file", "lastModifiedDateTime")


@dataclass(frozen=True)
class File:
    """A file, without what is in it."""

    id: str
    name: str
    modified_at: datetime | None


class Files:
    """Files by the account that they belong to. Whatever others share with the account lies in their drives."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def drive_of(self, object_id: str) -> str:
        """The id of the account's OneDrive. Raises Gone where it has none, MissingLicence where the tenant has none.

        GET /users/{id}/drive; Files.Read.All; read only.
        """
        where = self._graph.client.users.by_user_id(object_id).drive
        try:
            answer = await self._graph.call(_DRIVE, self._graph.request(Method.GET, where, select=("id",)))
        except Gone:
            raise Gone(service=SERVICE, operation=_DRIVE.name, reason="no-drive") from None
        except Bug as error:
            if error.data.get("status") == 400:  # nothing of ours can be wrong with such a request
                raise MissingLicence(service=SERVICE, operation=_DRIVE.name, licence=ONEDRIVE) from None
            raise
        return text(answer.body, "id")

    async def search(self, drive_id: str, words: str, limit: int) -> Listing[File]:
        """Files with these words in their name or text, as far as Microsoft has indexed them.

        GET /drives/{id}/items/root/search(q='…'); Files.Read.All; read only.
        """
        root = self._graph.client.drives.by_drive_id(drive_id).items.by_drive_item_id(_ROOT)
        where = root.search_with_q(words.replace("'", "''"))
        items = await self._graph.items(
            _SEARCH, self._graph.request(Method.GET, where, select=_FIELDS, top=_PAGE), limit=limit
        )
        return Listing(tuple(_file_from(entry) for entry in items.values if "file" in entry), items.complete)


def _file_from(entry: Json) -> File:
    return File(text(entry, "id"), text(entry, "name"), moment(entry, "lastModifiedDateTime"))
