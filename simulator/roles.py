"""Directory roles: their template ids, and which of them may do sensitive things to whom."""

from __future__ import annotations

ROLES: dict[str, str] = {
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Authentication Administrator": "c4e39bd9-1100-46d3-8c65-fb160da0071f",
    "Billing Administrator": "b0f54661-2d74-4c50-afa3-1ec803f12efe",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
    "Cloud Device Administrator": "7698a772-787b-4ac8-901f-60d6b08affd2",
    "Conditional Access Administrator": "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
    "Directory Readers": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Groups Administrator": "fdd7a751-b60b-444a-984c-02652fe8fa1c",
    "Guest Inviter": "95e79109-95c0-4d8e-aee3-d01accf2d47b",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "Hybrid Identity Administrator": "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2",
    "Intune Administrator": "3a2c62db-5318-420d-8d74-23affee5d9d5",
    "Message Center Reader": "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b",
    "Password Administrator": "966707d0-3269-4727-9be2-8c3a10f19b9d",
    "Privileged Authentication Administrator": "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Reports Reader": "4a5d8f65-41da-4de4-8968-e035b65339cf",
    "Security Administrator": "194ae4cb-b126-40b2-bd5b-6091b380977d",
    "SharePoint Administrator": "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
    "Teams Administrator": "69091246-20e8-4a56-aa4d-066075b2a7a8",
    "Usage Summary Reports Reader": "75934031-6c7e-415a-99d7-48dbd49e875e",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
}
NAMES: dict[str, str] = {role_id: name for name, role_id in ROLES.items()}

_LOW = frozenset(
    {
        "Directory Readers",
        "Guest Inviter",
        "Message Center Reader",
        "Password Administrator",
        "Reports Reader",
        "Usage Summary Reports Reader",
    }
)
_RESETTABLE_BY: dict[str, frozenset[str]] = {
    # who → the roles that a target may hold, and no other
    "Authentication Administrator": _LOW | {"Authentication Administrator"},
    "User Administrator": _LOW | {"Groups Administrator", "Helpdesk Administrator", "User Administrator"},
}
_EVERYBODY = frozenset({"Global Administrator", "Privileged Authentication Administrator"})
# Password resets alone, and only of people with low roles or none.
_PASSWORD_ONLY: dict[str, frozenset[str]] = {
    "Helpdesk Administrator": _LOW | {"Helpdesk Administrator"},
    "Password Administrator": _LOW,
}


def may_act_on(actor: set[str], target: set[str], *, in_role_assignable_group: bool, password: bool = False) -> bool:
    """Whether an actor with these role names may do a sensitive action to a target with those.

    `in_role_assignable_group` is membership or ownership: such targets count as fully privileged.
    """
    if actor & _EVERYBODY:
        return True
    if in_role_assignable_group:
        return False
    tables = _RESETTABLE_BY | _PASSWORD_ONLY if password else _RESETTABLE_BY
    return any(target <= tables[role] for role in actor if role in tables)


def is_privileged(target: set[str], *, in_role_assignable_group: bool) -> bool:
    """Whether ordinary user permissions stop before this target."""
    return in_role_assignable_group or bool(target - _LOW)
