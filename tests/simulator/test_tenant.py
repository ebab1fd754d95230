"""The tenant's state: the same for a seed, changed in one way, on record."""

from __future__ import annotations

import pytest

from simulator.config import SimulatorConfig
from simulator.directory import UnseenRow
from simulator.people import APPROVERS
from simulator.sizes import SIZES, Size
from simulator.world import World


@pytest.fixture
def world() -> World:
    return World(SimulatorConfig())


def test_the_same_seed_gives_the_same_people_and_another_seed_others(world: World) -> None:
    again, other = World(SimulatorConfig()), World(SimulatorConfig(seed=8))
    assert list(world.tenant.users) == list(again.tenant.users)
    assert [user.upn for user in world.tenant.users.values()] == [user.upn for user in again.tenant.users.values()]
    assert world.tenant.id == again.tenant.id
    assert world.app_id == again.app_id
    assert not set(world.tenant.users) & set(other.tenant.users)
    assert len(world.tenant.users) == SIZES[Size.SMALL]


def test_upns_and_ids_are_unique(world: World) -> None:
    upns = [user.upn.lower() for user in world.tenant.users.values()]
    assert len(upns) == len(set(upns))


def test_the_cast_is_as_told(world: World) -> None:
    tenant = world.tenant
    assert tenant.user("patti").synced
    assert tenant.user("lee").properties["userType"] == "Member"
    assert not tenant.user("invoices").enabled
    assert tenant.user("reception").enabled
    assert tenant.user("reception").mailbox == "shared"
    assert {member.display_name for member in tenant.members_of(tenant.group(APPROVERS).id)} >= {"Adele Vance"}
    assert any(session.intruder for session in tenant.user("megan").active_sessions())
    assert sum(user.guest for user in tenant.users.values()) == 1
    assert len({user.id for user in tenant.users.values() if user.display_name == "Joni Sherman"}) == 2
    with pytest.raises(KeyError):
        tenant.user("nobody")


def test_a_change_that_changes_nothing_is_not_on_record(world: World) -> None:
    megan = world.tenant.user("megan")
    version = world.tenant.version
    world.tenant.change(megan, {"accountEnabled": True}, "test")
    assert world.tenant.changes == []
    assert world.tenant.version == version


def test_a_blocked_account_cannot_sign_in_and_an_allowed_one_can(world: World) -> None:
    megan = world.tenant.user("megan")
    world.tenant.revoke_sessions(megan, "test")
    assert world.tenant.sign_in(megan, "Outlook", "203.0.113.7", "X", intruder=True) is not None
    world.tenant.change(megan, {"accountEnabled": False}, "test")
    assert world.tenant.sign_in(megan, "Outlook", "203.0.113.7", "X", intruder=True) is None
    assert len(megan.active_sessions()) == 1


def test_a_reset_brings_back_the_seed_and_keeps_the_version_moving(world: World) -> None:
    megan_id = world.tenant.user("megan").id
    world.tenant.change(world.tenant.user("megan"), {"accountEnabled": False}, "test")
    world.inbox.add(megan_id, "message", {"text": "x"})
    world.withdraw("User.Read.All")
    version = world.tenant.version
    world.reset()
    assert world.tenant.user("megan").enabled
    assert world.tenant.user("megan").id == megan_id
    assert world.inbox.of(megan_id) == []
    assert "User.Read.All" in world.bot.permissions
    assert world.tenant.version > version


def test_the_inbox_keeps_order_edits_and_deletions(world: World) -> None:
    inbox = world.inbox
    first = inbox.add("a", "message", {"text": "one"})
    inbox.add("a", "card", {"text": "two"}, "own-id")
    assert inbox.edit("a", "own-id", {"text": "changed"})
    assert inbox.delete("a", first.id)
    assert not inbox.edit("a", "unknown", {})
    assert not inbox.delete("b", "unknown")
    assert [(item.content["text"], item.deleted) for item in inbox.of("a")] == [("one", True), ("changed", False)]
    assert inbox.owners() == ["a"]


def test_time_only_moves_forward(world: World) -> None:
    before = world.clock.now()
    assert (world.clock.advance(60) - before).total_seconds() >= 60
    with pytest.raises(ValueError, match="forward"):
        world.clock.advance(-1)


def test_names_of_the_unseen_are_what_they_turn_out_to_be() -> None:
    tenant = World(SimulatorConfig(size=Size.MEDIUM)).tenant
    rows = list(tenant.users.rows(lambda user: user.properties))
    unseen = [row for row in rows if type(row) is UnseenRow]
    assert len(unseen) == tenant.users.unseen > 1900
    for row in unseen[::100]:
        told = {name: dict.__getitem__(row, name) for name in dict.keys(row)}
        user = tenant.users[told["id"]]
        assert told == {name: user.properties[name] for name in told}
        assert row.get("createdDateTime") == user.properties["createdDateTime"]
        assert dict(row.items()) == user.properties
