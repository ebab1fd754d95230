from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from services import approvals
from services.access import Access, Permission
from services.approvals import Approval, Approvals, ApprovalState, PlanKind, RuleBook, plans_to_json
from services.channel import Actor
from services.database import Database
from services.errors import BadInput, Conflict, Expired, IRBotError, NotAllowed, NotFound, UpstreamDown
from services.incidents import store, timeline
from services.incidents.model import Incident, Subject
from services.playbook import STEPS
from services.playbook.step import Change, Outcome, Plan, Rule, State, digest_of
from services.posts import Posts
from tests.services.fakes import (
    APPROVERS,
    CHANNEL,
    GROUP,
    PERSONAL,
    Clock,
    FakeM365,
    account,
    actor,
    settings,
    subject,
)

PLANS = {
    "block-sign-in": Plan(changes=(Change("sign-in", "Sign-in", "Allowed", "Blocked"),)),
    "revoke-sessions": Plan(changes=(Change("sessions", "Sessions", "Valid", "Revoked", seen="1"),)),
    "scramble-password": Plan(settled=Outcome(State.NEEDS_ON_PREMISES, "Elsewhere.")),
}
FORGED = ("", "0" * 32, "ünï", "\ud800", "x" * 5000)
ALEX, ADELE, DIEGO, MEGAN, ZOE = (actor(name) for name in ("alex", "adele", "diego", "megan", "zoe"))


@dataclass
class Desk:
    """Approvals over a real database and a Microsoft 365 in memory, with an incident about Megan."""

    database: Database
    m365: FakeM365
    clock: Clock
    posts: Posts
    approvals: Approvals
    incident: Incident

    async def ask(self, by: Actor = ALEX, **changes: Any) -> Approval:
        async with self.database.read() as connection:
            incident = await store.get(connection, self.incident.id)
        values: dict[str, Any] = {"nonce": incident.nonce, "where": CHANNEL, "kind": PlanKind.LOCK} | changes
        nonce, where = values.pop("nonce"), values.pop("where")
        return await self.approvals.ask(incident.id, nonce, by, where, **values)

    async def be(self, **facts: Any) -> None:
        """Megan's account becomes another kind of account."""
        async with self.database.write() as connection:
            await store.update(connection, self.incident.id, subject=subject(**facts).to_json())

    async def now(self, approval: Approval) -> Approval:
        async with self.database.read() as connection:
            return await approvals.get(connection, approval.id)

    async def events(self) -> list[str]:
        async with self.database.read() as connection:
            entries = await timeline.read(connection, self.incident.id)
            length = (await store.get(connection, self.incident.id)).revision
        assert timeline.first_break(self.incident.id, entries, length) is None
        return [entry.event for entry in entries]

    async def asked_in_person(self) -> set[str]:
        due = await self.posts.due(self.clock())
        return {post.person["object_id"] for post in due if post.person is not None}


@pytest.fixture
async def desk(database: Database) -> Desk:
    m365, clock, posts, options = FakeM365.staffed(), Clock(), Posts(database), settings()
    access = Access(options, m365.typed, database)
    made = Approvals(database, access, posts, options, RuleBook(options, STEPS), clock)
    incident, _ = await store.open_incident(database, subject(), ALEX, CHANNEL, clock())
    async with database.write() as connection:
        plan = {"kind": PlanKind.LOCK.value, "steps": plans_to_json(PLANS)}
        await store.update(connection, incident.id, plan=plan)
    return Desk(database, m365, clock, posts, made, incident)


# -- asking ------------------------------------------------------------------------------------------------------------


async def test_an_approval_holds_the_exact_change_and_reads_back_the_same(desk: Desk) -> None:
    asked = await desk.ask()
    assert asked.plans == PLANS
    assert asked.digest == digest_of("megan", "lock", PLANS)
    assert (asked.rule, asked.state, asked.target_id) == (Rule.CONFIRM, ApprovalState.WAITING, "megan")
    assert (asked.requester, asked.decided_by) == (ALEX, None)
    assert await desk.now(asked) == asked
    assert await desk.asked_in_person() == set()


async def test_asking_twice_gives_one_approval(desk: Desk) -> None:
    found = await asyncio.gather(*(desk.ask(by) for by in (ALEX, DIEGO) * 4), return_exceptions=True)
    made = {one.id for one in found if isinstance(one, Approval)}
    assert len(made) == 1
    # Who comes with the nonce that the first has used up, and before its approval can be seen, has an old card.
    assert all(isinstance(one, Approval | BadInput) for one in found)
    assert (await desk.events()).count("approval:asked") == 1


async def test_what_was_asked_for_last_is_the_newest_within_one_tick_of_the_clock_too(desk: Desk) -> None:
    for _ in range(6):
        asked = await desk.ask()
        async with desk.database.read() as connection:
            newest = await approvals.newest_of(connection, desk.incident.id)
        assert newest is not None
        assert newest.id == asked.id
        await desk.approvals.cancel(asked.id, asked.nonce, ALEX, CHANNEL)


async def test_asking_uses_the_card_up(desk: Desk) -> None:
    first = await desk.ask()
    await desk.approvals.cancel(first.id, first.nonce, ALEX, CHANNEL)
    with pytest.raises(BadInput, match="stale-card"):
        await desk.ask(nonce=desk.incident.nonce)
    second = await desk.ask()
    assert second.id != first.id
    assert second.nonce != first.nonce


async def test_a_forged_nonce_asks_for_nothing(desk: Desk) -> None:
    for nonce in FORGED:
        with pytest.raises(BadInput, match="stale-card"):
            await desk.ask(nonce=nonce)
    assert await desk.events() == ["incident:opened"]


async def test_only_the_proposal_that_stands_can_be_asked_for(desk: Desk) -> None:
    async with desk.database.write() as connection:
        await store.update(connection, desk.incident.id, plan={"kind": PlanKind.NONE.value, "steps": {}})
    with pytest.raises(BadInput, match="stale-card"):
        await desk.ask()


async def test_nothing_is_asked_about_a_closed_incident(desk: Desk) -> None:
    async with desk.database.write() as connection:
        await store.update(connection, desk.incident.id, state="closed")
    with pytest.raises(Conflict, match="incident-closed"):
        await desk.ask()


async def test_nothing_is_asked_while_something_approved_still_runs(desk: Desk) -> None:
    asked = await desk.ask()
    approved = await desk.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    with pytest.raises(Conflict, match="step-running"):
        await desk.ask()
    async with desk.database.write() as connection:
        assert await approvals.finish(connection, approved, ApprovalState.USED, desk.clock())
    assert (await desk.ask()).id != asked.id


async def test_who_may_not_contain_may_not_ask(desk: Desk) -> None:
    for by, where, reason in (
        (ZOE, CHANNEL, "no-role"),
        (ADELE, CHANNEL, "no-role"),
        (MEGAN, CHANNEL, "subject-of-incident"),
        (ALEX, PERSONAL, "not-in-personal-chat"),
        (ALEX, GROUP, "not-in-this-place"),
    ):
        with pytest.raises(NotAllowed, match=reason):
            await desk.ask(by, where=where)
    assert await desk.events() == ["incident:opened"]


# -- the rules ---------------------------------------------------------------------------------------------------------


async def test_a_protected_account_needs_a_second_person_who_is_asked(desk: Desk) -> None:
    await desk.be(break_glass=True)
    asked = await desk.ask()
    assert asked.rule is Rule.SECOND_PERSON
    assert asked.asked == ("Adele", "Diego")
    assert await desk.asked_in_person() == {"adele", "diego"}


async def test_who_asks_is_not_asked_to_decide(desk: Desk) -> None:
    await desk.be(vip=True)
    await desk.ask(DIEGO)
    assert await desk.asked_in_person() == {"adele"}


async def test_undoing_needs_a_second_person(desk: Desk) -> None:
    plans = {"block-sign-in": Plan(changes=(Change("sign-in", "Sign-in", "Blocked", "Allowed"),))}
    asked = await desk.ask(kind=PlanKind.UNDO, plans=plans)
    assert (asked.rule, asked.plans) == (Rule.SECOND_PERSON, plans)


async def test_without_anybody_who_could_approve_it_is_not_asked(desk: Desk) -> None:
    await desk.be(privileged=True)
    desk.m365.directory.accounts["guest"] = account("guest", is_guest=True)
    desk.m365.directory.accounts["off"] = account("off", account_enabled=False)
    left: list[set[str]] = [set(), {"alex"}, {"megan"}, {"guest"}, {"off"}]
    for members in left:
        desk.m365.directory.groups[APPROVERS] = members
        with pytest.raises(Conflict, match="no-approver"):
            await desk.ask()


async def test_a_list_of_approvers_that_cannot_be_read_does_not_stop_the_question(desk: Desk) -> None:
    await desk.be(privileged=True)
    desk.m365.directory.fail["people_in"] = UpstreamDown(service="graph")
    assert (await desk.ask()).asked == ()


async def test_a_list_that_is_not_whole_may_hold_an_approver(desk: Desk) -> None:
    await desk.be(privileged=True)
    desk.m365.directory.groups[APPROVERS] = {"alex"}
    desk.m365.directory.complete = False
    assert (await desk.ask()).asked == ()


def _rule(subject_: Subject | None = None, kind: PlanKind = PlanKind.LOCK, **options: object) -> Rule:
    return RuleBook(settings(**options), STEPS).rule(kind, ["revoke-sessions", "block-sign-in"], subject_ or subject())


def test_the_strictest_rule_of_the_steps_holds() -> None:
    assert _rule() is Rule.CONFIRM
    assert _rule(approval_rules="block-sign-in=second-person") is Rule.SECOND_PERSON
    assert _rule(approval_rules="scramble-password=second-person") is Rule.CONFIRM


def test_a_rule_is_loosened_only_where_the_settings_name_the_step() -> None:
    tightened_then_loosened = "block-sign-in=second-person,block-sign-in=confirm"
    with pytest.raises(ValueError, match="loosens block-sign-in"):
        _rule(approval_rules=tightened_then_loosened)
    assert _rule(approval_rules=tightened_then_loosened, allow_loosening="block-sign-in") is Rule.CONFIRM


@pytest.mark.parametrize("fact", ["privileged", "vip", "break_glass"])
def test_a_protected_account_always_needs_a_second_person(fact: str) -> None:
    assert _rule(subject(**{fact: True})) is Rule.SECOND_PERSON


def test_no_setting_loosens_what_protects_an_account_or_an_undo() -> None:
    options = {"approval_rules": "block-sign-in=confirm", "allow_loosening": "block-sign-in"}
    assert _rule(subject(privileged=True), **options) is Rule.SECOND_PERSON
    assert _rule(kind=PlanKind.UNDO, **options) is Rule.SECOND_PERSON


@pytest.mark.parametrize(
    "options",
    [
        {"approval_rules": "block-signin=second-person"},
        {"approval_rules": "block-sign-in=nobody"},
        {"approval_rules": "block-sign-in"},
        {"approval_rules": "block-sign-in=none", "allow_loosening": "block-sign-in"},
        {"approval_rules": "identify=confirm"},
        {"approval_rules": "="},
        {"allow_loosening": "block-signin"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_stops_the_start(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="IRBOT_"):
        RuleBook(settings(**options), STEPS)


# -- deciding ----------------------------------------------------------------------------------------------------------


async def test_who_asked_confirms(desk: Desk) -> None:
    asked = await desk.ask()
    desk.clock.pass_by(minutes=3)
    decided = await desk.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    assert (decided.state, decided.decided_by, decided.decided_at) == (ApprovalState.APPROVED, ALEX, desk.clock())
    assert await desk.events() == ["incident:opened", "approval:asked", "approval:approved"]


async def test_nobody_else_confirms(desk: Desk) -> None:
    asked = await desk.ask()
    with pytest.raises(NotAllowed, match="only-requester-may-confirm"):
        await desk.approvals.approve(asked.id, asked.nonce, DIEGO, CHANNEL)
    assert (await desk.now(asked)).state is ApprovalState.WAITING


async def test_who_asked_does_not_approve_even_as_an_approver(desk: Desk) -> None:
    await desk.be(vip=True)
    asked = await desk.ask(DIEGO)
    with pytest.raises(NotAllowed, match="requester-may-not-approve"):
        await desk.approvals.approve(asked.id, asked.nonce, DIEGO, PERSONAL)
    decided = await desk.approvals.approve(asked.id, asked.nonce, ADELE, PERSONAL)
    assert decided.decided_by == ADELE


async def test_who_is_no_approver_decides_nothing(desk: Desk) -> None:
    await desk.be(vip=True)
    asked = await desk.ask(DIEGO)
    for by in (ALEX, ZOE, MEGAN):
        for decide in (desk.approvals.approve, desk.approvals.refuse):
            with pytest.raises(NotAllowed):
                await decide(asked.id, asked.nonce, by, CHANNEL)
    assert (await desk.now(asked)).state is ApprovalState.WAITING


async def test_an_approver_who_became_a_subject_decides_nothing(desk: Desk) -> None:
    await desk.be(vip=True)
    asked = await desk.ask()
    await store.open_incident(desk.database, subject("adele"), ALEX, CHANNEL, desk.clock())
    with pytest.raises(NotAllowed, match="subject-of-incident"):
        await desk.approvals.approve(asked.id, asked.nonce, ADELE, PERSONAL)


async def test_a_wrong_nonce_decides_nothing(desk: Desk) -> None:
    asked = await desk.ask()
    for nonce in FORGED:
        for decide in (desk.approvals.approve, desk.approvals.refuse, desk.approvals.cancel):
            with pytest.raises(BadInput, match="forged-card"):
                await decide(asked.id, nonce, ALEX, CHANNEL)
    assert (await desk.now(asked)).state is ApprovalState.WAITING


async def test_the_nonce_of_another_approval_does_not_fit(desk: Desk) -> None:
    first = await desk.ask()
    await desk.approvals.cancel(first.id, first.nonce, ALEX, CHANNEL)
    second = await desk.ask()
    with pytest.raises(BadInput, match="forged-card"):
        await desk.approvals.approve(second.id, first.nonce, ALEX, CHANNEL)
    with pytest.raises(NotFound):
        await desk.approvals.approve("no-such-approval", first.nonce, ALEX, CHANNEL)


async def test_many_approvers_in_the_same_instant_and_exactly_one_decides(desk: Desk) -> None:
    names = [f"approver{number}" for number in range(16)]
    for name in names:
        desk.m365.directory.accounts[name] = account(name)
    desk.m365.directory.groups[APPROVERS] = {*names}
    await desk.be(break_glass=True)
    asked = await desk.ask()

    async def decide(number: int) -> Approval | IRBotError:
        what = desk.approvals.approve if number % 2 else desk.approvals.refuse
        try:
            return await what(asked.id, asked.nonce, actor(names[number]), PERSONAL)
        except IRBotError as error:
            return error

    found = await asyncio.gather(*(decide(number) for number in range(16)))
    winners = [one for one in found if isinstance(one, Approval)]
    assert len(winners) == 1
    assert all(isinstance(one, Conflict) for one in found if not isinstance(one, Approval))
    kept = await desk.now(asked)
    assert kept == winners[0]
    events = Counter(await desk.events())
    assert events["approval:approved"] + events["approval:refused"] == 1


async def test_the_same_person_pressing_twice_in_the_same_instant_decides_once(desk: Desk) -> None:
    asked = await desk.ask()
    presses = [desk.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL) for _ in range(6)]
    found = await asyncio.gather(*presses, return_exceptions=True)
    assert sum(isinstance(one, Approval) for one in found) == 1
    assert (await desk.events()).count("approval:approved") == 1


async def test_what_is_decided_stays_decided(desk: Desk) -> None:
    asked = await desk.ask()
    await desk.approvals.cancel(asked.id, asked.nonce, ALEX, CHANNEL)
    for decide in (desk.approvals.approve, desk.approvals.refuse, desk.approvals.cancel):
        with pytest.raises(Conflict, match="approval-decided"):
            await decide(asked.id, asked.nonce, ALEX, CHANNEL)
    assert (await desk.now(asked)).state is ApprovalState.CANCELLED


# -- too late ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swept", [True, False], ids=["swept", "not yet swept"])
async def test_after_its_time_nothing_is_decided(desk: Desk, swept: bool) -> None:
    asked = await desk.ask()
    desk.clock.pass_by(minutes=30)
    if swept:
        assert await desk.approvals.expire_due() == 1
    for decide in (desk.approvals.approve, desk.approvals.refuse, desk.approvals.cancel):
        with pytest.raises(Expired):
            await decide(asked.id, asked.nonce, ALEX, CHANNEL)
    assert "approval:approved" not in await desk.events()


async def test_time_that_runs_out_during_the_role_check_counts(desk: Desk) -> None:
    asked = await desk.ask()

    async def slow() -> None:
        desk.clock.pass_by(minutes=31)

    desk.m365.directory.before["account"] = slow
    with pytest.raises(Expired):
        await desk.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    assert (await desk.now(asked)).state is ApprovalState.WAITING


async def test_sweeping_ends_what_is_due_and_nothing_else(desk: Desk) -> None:
    asked = await desk.ask()
    desk.clock.pass_by(minutes=29)
    assert await desk.approvals.expire_due() == 0
    desk.clock.pass_by(minutes=1)
    found = await asyncio.gather(desk.approvals.expire_due(), desk.approvals.expire_due())
    assert sum(found) == 1
    assert (await desk.now(asked)).state is ApprovalState.EXPIRED
    assert (await desk.events()).count("approval:expired") == 1
    assert (await desk.ask()).id != asked.id


async def test_an_approval_is_used_once(desk: Desk) -> None:
    asked = await desk.ask()
    approved = await desk.approvals.approve(asked.id, asked.nonce, ALEX, CHANNEL)
    used = []
    for _ in range(2):
        async with desk.database.write() as connection:
            used.append(await approvals.finish(connection, approved, ApprovalState.USED, desk.clock()))
    assert used == [True, False]
    async with desk.database.read() as connection:
        assert await approvals.ids_in_state(connection, ApprovalState.APPROVED) == []
        assert (await approvals.newest_of(connection, desk.incident.id)) == await desk.now(asked)


async def test_a_waiting_approval_cannot_be_used(desk: Desk) -> None:
    asked = await desk.ask()
    async with desk.database.write() as connection:
        assert not await approvals.finish(connection, asked, ApprovalState.USED, desk.clock())


def test_no_role_both_asks_and_decides() -> None:
    from services.access import POLICY

    both = {Permission.ACCOUNT_CONTAIN, Permission.APPROVAL_DECIDE}
    assert all(not both <= allowed for allowed in POLICY.values())


async def test_the_newest_question_is_the_newest_though_the_clock_was_set_back(desk: Desk) -> None:
    desk.clock.pass_by(hours=3)
    first = await desk.ask()
    await desk.approvals.cancel(first.id, first.nonce, ALEX, CHANNEL)
    desk.clock.pass_by(hours=-3)
    second = await desk.ask()
    async with desk.database.read() as connection:
        assert await approvals.newest_of(connection, desk.incident.id) == second
    assert second.expires_at < desk.clock() + timedelta(hours=1)
