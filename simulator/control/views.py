"""The tenant as the page, the drill and the tests see it: plain JSON, no secrets."""

from __future__ import annotations

from itertools import chain, islice

from simulator.exchange import exchange_of
from simulator.exchange.state import Mailbox
from simulator.roles import NAMES
from simulator.stories import STORIES, evicted, harmed, told
from simulator.tenant import Json, User
from simulator.world import World

_SHOWN_CHANGES = 60
_SHOWN_SIGN_INS = 8


def kind_of(user: User) -> str:
    """guest, synced, shared or cloud."""
    if user.guest:
        return "guest"
    if user.synced:
        return "synced"
    return "shared" if user.mailbox == "shared" else "cloud"


def person(world: World, user: User) -> Json:
    """What matters of an account in one row."""
    tenant = world.tenant
    return {
        "id": user.id,
        "name": user.display_name,
        "upn": user.upn,
        "department": user.properties.get("department"),
        "title": user.properties.get("jobTitle"),
        "enabled": user.enabled,
        "kind": kind_of(user),
        "tags": list(user.tags),
        "roles": sorted(NAMES[role_id] for role_id in tenant.active_roles(user.id)),
        "groups": [group.display_name for group in tenant.groups_of(user.id)],
        "sessions": [session.to_json() for session in user.sessions],
        "sessions_valid_from": user.properties.get("signInSessionsValidFromDateTime"),
        "password_changed": user.properties.get("lastPasswordChangeDateTime"),
        "password_version": user.password.version,
        "received": len(world.inbox.of(user.id)),
    }


def _mailbox(world: World, user: User) -> Json | None:
    """What matters of a mailbox when its owner's account is in foreign hands."""
    mailbox = exchange_of(world).mailbox_of(user.id)
    if mailbox is None:
        return None
    settings = mailbox.settings
    protocols = {"IMAP": "ImapEnabled", "POP": "PopEnabled", "ActiveSync": "ActiveSyncEnabled", "EWS": "EwsEnabled"}
    return {
        "forwarding": settings["ForwardingSmtpAddress"] or _recipient(world, settings["ForwardingAddress"]),
        "replies": (user.mailbox_settings.get("automaticRepliesSetting") or {}).get("status"),
        "hidden_rules": [rule.name + ("" if rule.enabled else " (off)") for rule in mailbox.rules],
        "sweep_rules": [str(rule["Name"]) + ("" if rule["Enabled"] else " (off)") for rule in mailbox.sweep_rules],
        "delegates": _delegates(world, mailbox),
        "phones": [
            f"{device.device_type}, {device.properties.get('DeviceOS', '')}"
            + (" (blocked)" if device.device_id in mailbox.cas["ActiveSyncBlockedDeviceIDs"] else "")
            for device in mailbox.devices
        ],
        "protocols": [name for name, key in protocols.items() if mailbox.cas.get(key)],
    }


def _recipient(world: World, object_id: str | None) -> str | None:
    """A recipient of the directory by a name that a person understands."""
    if object_id is None:
        return None
    user = world.tenant.users.get(object_id)
    if user is not None:
        return user.display_name
    contact = exchange_of(world).contact(object_id)
    return object_id if contact is None else f"contact {contact.display_name} ({contact.address})"


def _delegates(world: World, mailbox: Mailbox) -> list[str]:
    """Who may open, send as, or send in the name of the owner, and who may read single folders."""
    found = [f"{_recipient(world, each.user_id) or each.sid}: {', '.join(each.rights)}" for each in mailbox.full_access]
    found += [f"{_recipient(world, each.user_id) or each.sid}: send as" for each in mailbox.send_as]
    found += [f"{_recipient(world, each)}: send on behalf" for each in mailbox.settings["GrantSendOnBehalfTo"]]
    for folder in mailbox.folders:
        for entry in folder.permissions:
            if entry.rights not in (["None"], ["AvailabilityOnly"]):
                who = entry.user_id if entry.user_id in world.tenant.users else None
                found.append(f"{_recipient(world, who) or entry.user_id}: {', '.join(entry.rights)} of {folder.name}")
    return found


def _mail_flow(world: World) -> list[Json]:
    """Rules and connectors of the whole organisation, newest last."""
    organisation = exchange_of(world).organisation
    rules = [
        {"what": "rule", "name": rule["Name"], "on": rule["State"] == "Enabled"}
        for rule in organisation.transport_rules
    ]
    connectors = [
        {"what": what, "name": each["Name"], "on": bool(each["Enabled"])}
        for what, held in (("way in", organisation.inbound_connectors), ("way out", organisation.outbound_connectors))
        for each in held
    ]
    return [*rules, *connectors]


def _stories(world: World) -> list[Json]:
    """Which stories there are, and of those that were told what is left."""
    known = told(world)
    return [
        {
            "id": story.id,
            "title": story.title,
            "upn": known[story.id].upn if story.id in known else None,
            "left": evicted(story, world) if story.id in known else [],
            "harmed": harmed(story, world) if story.id in known else [],
        }
        for story in STORIES.values()
    ]


def person_in_full(world: World, user: User) -> Json:
    """The row with everything behind it."""
    records = world.tenant.records
    sign_ins = [row for row in records.sign_ins if row["userId"] == user.id]
    apps = world.tenant.service_principals
    return person(world, user) | {
        "mailbox": _mailbox(world, user),
        "risk": records.risky_users.get(user.id, {}).get("riskState"),
        "devices": [world.tenant.devices[key].properties for key in user.device_ids if key in world.tenant.devices],
        "consents": [
            {"app": apps[grant["clientId"]].display_name if grant["clientId"] in apps else grant["clientId"]} | grant
            for grant in world.tenant.permission_grants
            if grant["principalId"] == user.id
        ],
        "sign_ins": sorted(sign_ins, key=lambda row: str(row["createdDateTime"]))[-_SHOWN_SIGN_INS:],
        "methods": user.methods,
        "rules": user.rules,
        "inbox": [item.to_json() for item in world.inbox.of(user.id)],
        "changes": [change.to_json() for change in world.tenant.changes_of(user.id)],
    }


def _called(row: Json, sought: str) -> bool:
    return sought in str(row.get("displayName")).lower() or sought in str(row.get("userPrincipalName")).lower()


def tenant(world: World, sought: str, limit: int) -> Json:
    """The people who fit, those who changed last first, and the newest changes."""
    state = world.tenant
    touched = dict.fromkeys(c.target_id for c in reversed(state.changes) if c.target_id in state.users)
    first = (state.users[user_id] for user_id in touched)
    fitting = chain(
        (user for user in first if _called(user.properties, sought.lower())),
        (
            state.users[row["id"]]
            for row in state.users.rows(lambda user: user.properties)
            if row["id"] not in touched and _called(row, sought.lower())
        ),
    )
    return {
        "version": state.version,
        "name": state.name,
        "domain": state.domain,
        "now": world.clock.now().isoformat(),
        "count": len(state.users),
        "latency": world.latency.name,
        "faults": len(world.faults.waiting()),
        "stories": _stories(world),
        "mail_flow": _mail_flow(world),
        "people": [person(world, user) for user in islice(fitting, limit)],
        "changes": [change.to_json() for change in state.changes[-_SHOWN_CHANGES:]],
    }
