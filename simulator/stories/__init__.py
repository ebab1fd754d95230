"""Compromises as data: what an intruder did in the tenant, what only looks like it, and what must be found.

`apply(story, world)` puts one into the tenant, `evicted` says what of the intruder's still works, `harmed` what of the
user's own was taken away. A new story is one module and one line here.
"""

from __future__ import annotations

from simulator.stories import (
    clean,
    consent_phishing,
    global_administrator,
    guest,
    invoice_fraud,
    mass_phishing,
    method_and_device,
    shared_mailbox,
    synced_account,
    token_replay,
)
from simulator.stories.story import Expected, Story, Told, Trace
from simulator.stories.telling import apply, evicted, harmed, told
from simulator.world import World

STORIES: dict[str, Story] = {
    module.STORY.id: module.STORY
    for module in (
        mass_phishing,
        invoice_fraud,
        consent_phishing,
        token_replay,
        method_and_device,
        global_administrator,
        synced_account,
        guest,
        shared_mailbox,
        clean,
    )
}


def start(world: World) -> None:
    """Tells a new tenant the stories that its configuration names. Raises KeyError for one that is unknown."""
    for story_id in world.config.stories:
        apply(STORIES[story_id], world)


__all__ = ["STORIES", "Expected", "Story", "Told", "Trace", "apply", "evicted", "harmed", "start", "told"]
