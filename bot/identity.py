"""Who acts: the Entra object id of an authenticated activity, and nothing else."""

from __future__ import annotations

import re

from bot.rejections import Rejected
from dialogs.commands import tidy
from services.channel import Actor

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NOBODY = "00000000-0000-0000-0000-000000000000"
_LONGEST_NAME = 200


def object_id_of(value: object) -> str | None:
    """`value` as an object id in lower case, None where it is none."""
    if not isinstance(value, str) or not _GUID.fullmatch(value) or value == _NOBODY:
        return None
    return value.lower()


def actor_of(aad_object_id: object, teams_id: object, name: object) -> Actor:
    """The person. Raises Rejected where the activity does not say who it is."""
    object_id = object_id_of(aad_object_id)
    if object_id is None:
        raise Rejected(403, "no-object-id")
    return Actor(
        object_id=object_id,
        name=tidy(name)[:_LONGEST_NAME] if isinstance(name, str) else "",
        teams_id=teams_id if isinstance(teams_id, str) else "",
    )
