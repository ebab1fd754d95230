"""Telling a story to a tenant, and asking afterwards what of it is still there."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from simulator.stories.ordinary import everyday_life
from simulator.stories.scene import HOME, Scene
from simulator.stories.story import Action, Origin, Story, Told, Trace
from simulator.tenant import Tenant
from simulator.world import World

_told: WeakKeyDictionary[Tenant, dict[str, Told]] = WeakKeyDictionary()


def apply(story: Story, world: World) -> Told:
    """Puts a story into the world's present tenant, once; told again it changes nothing."""
    held = _told.setdefault(world.tenant, {})
    if story.id not in held:
        held[story.id] = _tell(story, world)
    return held[story.id]


def _tell(story: Story, world: World) -> Told:
    scene = Scene(story, world, world.clock.now())
    everyday_life(scene)
    traces = [_happen(scene, act, scene.home(), by_intruder=False) for act in story.look_alikes]
    traces += [_happen(scene, act, story.intruder, by_intruder=True) for act in story.intruder_actions]
    scene.records.sign_ins.sort(key=lambda row: str(row["createdDateTime"]))
    scene.organisation.audit_records.sort(key=lambda row: row["CreationDate"])
    world.tenant.touch()
    return Told(
        story_id=story.id,
        account_id=scene.account.id,
        upn=scene.account.upn,
        now=scene.now,
        entered=scene.entered,
        password_version=scene.password_version,
        traces=tuple(traces),
    )


def _happen(scene: Scene, act: Action, usually: Origin, *, by_intruder: bool) -> Trace:
    by = scene.home() if act.origin is HOME else act.origin or usually
    names = act.happen(scene, by)
    return Trace(act.key, scene.when(act), names, by_intruder, act.lasting)


def told(world: World) -> dict[str, Told]:
    """The stories that the world's present tenant has been told, by id."""
    return dict(_told.get(world.tenant, {}))


def evicted(story: Story, world: World) -> list[str]:
    """What of the intruder's still works, by the keys of the deeds: empty when all of it is gone.

    Raises KeyError where the tenant has not been told the story.
    """
    scene = _again(story, world)
    return [act.key for act in story.intruder_actions if act.lasting and act.remains(scene)]


def harmed(story: Story, world: World) -> list[str]:
    """What of the user's own is gone that only looked like the intruder's, by the keys of the deeds.

    After a compromise sign-in methods are registered anew, so that their loss harms the clean account alone.
    """
    scene = _again(story, world)
    counted = [act for act in story.look_alikes if act.lasting and not (act.made_anew and story.intruder_actions)]
    return [act.key for act in counted if not act.remains(scene)]


def _again(story: Story, world: World) -> Scene:
    held = _told[world.tenant][story.id]
    return Scene(story, world, held.now, held.password_version)
