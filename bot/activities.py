"""From the bytes of a request to an activity that holds only what we read, each field of the type that we expect.

What the channel sends is checked here once, before the SDK sees it: the SDK's own deserializer fails in a dozen ways on
a field of another type, and maps `conversation.tenantId` to nothing (the tenant is in `channelData.tenant.id`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from botbuilder.schema import Activity, ChannelAccount, ConversationAccount, Entity

from bot.rejections import Rejected
from services.channel import Conversation, ConversationKind

LARGEST_BODY = 256 * 1024
_DEEPEST = 24
_MOST_VALUES = 5000
_LONGEST_ID = 512
_MOST_MEMBERS = 1000
_MOST_ENTITIES = 100


def parse_body(body: bytes) -> dict[str, Any]:
    """The JSON object of a request, in UTF-8. Raises Rejected where it is none, or is built to hurt the reader."""
    try:
        document = json.loads(body.decode(), parse_constant=_no_constant)  # from bytes it would guess the encoding
    except (ValueError, RecursionError):
        raise Rejected(400, "not-json") from None
    if not isinstance(document, dict):
        raise Rejected(400, "not-an-object")
    _insist_on_shallow(document)
    return document


def read_activity(document: Mapping[str, Any]) -> Activity:
    """The activity, without the fields that nobody reads here. Raises Rejected with 400 and the reason."""
    conversation = _object(document, "conversation")
    activity = Activity(
        type=_id(document, "type"),
        id=_optional_id(document, "id"),
        channel_id=_id(document, "channelId"),
        service_url=_id(document, "serviceUrl"),
        from_property=_account(_object(document, "from")),
        recipient=_account(_object(document, "recipient")),
        conversation=ConversationAccount(
            id=_id(conversation, "id"),
            conversation_type=_optional_id(conversation, "conversationType"),
            tenant_id=_optional_id(conversation, "tenantId"),
        ),
        channel_data=_optional_object(document, "channelData"),
        name=_optional_id(document, "name"),
        action=_optional_id(document, "action"),
        reply_to_id=_optional_id(document, "replyToId"),
        locale=_optional_id(document, "locale"),
        text=_optional_text(document, "text"),
        value=document.get("value"),
    )
    activity.entities = [
        _entity(entity) for entity in _list(document, "entities")[:_MOST_ENTITIES] if isinstance(entity, Mapping)
    ]
    members = [member for member in _list(document, "membersAdded")[:_MOST_MEMBERS] if isinstance(member, Mapping)]
    activity.members_added = [_account(member) for member in members]
    return activity


def tenant_of(activity: Activity) -> str | None:
    """The tenant that the channel says the activity comes from."""
    return _inner(activity, "tenant", "id")


def tenants_named_by(activity: Activity) -> frozenset[str]:
    """Every tenant that the activity names, in lower case: its own, that of the place, and that of the person.

    They differ where people of two organisations meet: in shared channels and in chats with outsiders.
    """
    found = (tenant_of(activity), activity.conversation.tenant_id, activity.from_property.properties["tenantId"])
    return frozenset(name.lower() for name in found if name)


def thread_id_of_team(activity: Activity) -> str | None:
    """The thread id of the activity's team, None outside a team."""
    return _inner(activity, "team", "id")


def team_ids_of(activity: Activity) -> frozenset[str]:
    """The names that the activity gives its team: the thread id, and the Entra group id where it is there."""
    found = (thread_id_of_team(activity), _inner(activity, "team", "aadGroupId"))
    return frozenset(name for name in found if name)


def conversation_of(activity: Activity, tenant_id: str) -> Conversation:
    """Where the activity was said. Raises Rejected where the channel does not say what kind of place it is."""
    try:
        kind = ConversationKind(activity.conversation.conversation_type)
    except ValueError:
        raise Rejected(400, "conversation-kind") from None
    return Conversation(
        id=activity.conversation.id,
        kind=kind,
        service_url=activity.service_url,
        tenant_id=tenant_id,
        team_id=thread_id_of_team(activity),
        channel_id=_inner(activity, "channel", "id"),
    )


def _inner(activity: Activity, *path: str) -> str | None:
    value: Any = activity.channel_data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and _is_id(value) else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _insist_on_shallow(document: Mapping[str, Any]) -> None:
    left: list[tuple[Any, int]] = [(document, 1)]
    seen = 0
    while left:
        value, depth = left.pop()
        seen += 1
        if depth > _DEEPEST or seen > _MOST_VALUES:
            raise Rejected(400, "too-deep-or-wide")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        left.extend((item, depth + 1) for item in inner)


def _is_id(value: str) -> bool:
    return 0 < len(value) <= _LONGEST_ID and value.isprintable()  # a lone surrogate is not printable either


def _id(source: Mapping[str, Any], name: str) -> str:
    value = _optional_id(source, name)
    if value is None:
        raise Rejected(400, f"no-{_WORDS.get(name, name)}")
    return value


def _optional_id(source: Mapping[str, Any], name: str) -> str | None:
    value = source.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _is_id(value):
        raise Rejected(400, f"bad-{_WORDS.get(name, name)}")
    return value


def _optional_text(source: Mapping[str, Any], name: str) -> str | None:
    value = source.get(name)
    if value is not None and not isinstance(value, str):
        raise Rejected(400, f"bad-{name}")
    return value


def _object(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = _optional_object(source, name)
    if value is None:
        raise Rejected(400, f"no-{_WORDS.get(name, name)}")
    return value


def _optional_object(source: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = source.get(name)
    if value is not None and not isinstance(value, dict):
        raise Rejected(400, f"bad-{_WORDS.get(name, name)}")
    return value


def _list(source: Mapping[str, Any], name: str) -> list[Any]:
    value = source.get(name)
    if value is not None and not isinstance(value, list):
        raise Rejected(400, f"bad-{_WORDS.get(name, name)}")
    return value or []


def _account(source: Mapping[str, Any]) -> ChannelAccount:
    name = source.get("name")
    return ChannelAccount(
        id=_id(source, "id"),
        name=name if isinstance(name, str) else None,
        aad_object_id=_optional_id(source, "aadObjectId"),
        properties={"tenantId": _optional_id(source, "tenantId")},
        role=_optional_id(source, "role"),
    )


def _entity(source: Mapping[str, Any]) -> Entity:
    entity = Entity(type=str(source.get("type")))
    entity.additional_properties = dict(source)
    return entity


_WORDS = {
    "aadObjectId": "aad-object-id",
    "channelData": "channel-data",
    "channelId": "channel-id",
    "conversationType": "conversation-type",
    "membersAdded": "members-added",
    "replyToId": "reply-to-id",
    "serviceUrl": "service-url",
    "tenantId": "tenant-id",
}
