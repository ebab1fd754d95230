"""Rules by which an account is locked without a person: only those that an administrator turned on in the settings.

A rule acts in its own name. No activity can carry that name: people are Entra object ids.
"""

from __future__ import annotations

from services.channel import Actor
from services.settings import Settings
from services.triggers.model import SignSource

_PREFIX = "rule:"


def rule_for(settings: Settings, source: SignSource, level: str) -> str:
    """The rule that holds for such a sign; "" where there is none."""
    name = f"{source.value}:{level}"
    return name if name in settings.auto_lock_rules else ""


def actor_of(rule: str) -> Actor:
    """The name in which the rule acts, for the timeline and the cards."""
    return Actor(f"{_PREFIX}{rule}", f"the rule {rule}", "")


def is_rule(actor: Actor) -> bool:
    """Whether it was a rule that acted, and no person."""
    return actor.object_id.startswith(_PREFIX)


def denial(settings: Settings, actor: Actor) -> str | None:
    """Why the rule may not act any more; None while an administrator leaves it on."""
    rule = actor.object_id.removeprefix(_PREFIX)
    return None if rule in settings.auto_lock_rules else f"The rule {rule} was turned off."
