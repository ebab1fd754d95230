"""The main job as people live it: from a message to an account that the tenant itself shows as locked."""

from __future__ import annotations

import pytest

from simulator.bench import Bench
from simulator.channel.conversations import Post
from simulator.config import SimulatorConfig, SyncedWrite
from simulator.faults import Fault, Kind, When
from tests.stories.steps import LOCKED, ask, is_locked, lock, open_incident, writes


async def test_an_ordinary_account_is_locked_when_the_asker_confirms(bench: Bench) -> None:
    card = await lock(bench, "megan@contoso.com")
    assert is_locked(bench.user("megan"))
    assert card.full_text.count("Done") >= 5
    assert len(writes(bench, "megan")) == 3


async def test_the_plan_shows_the_exact_change_before_anybody_approves(bench: Bench) -> None:
    asked = await ask(bench, "megan@contoso.com")
    for words in ("Allowed → Blocked", "Valid → Revoked", "Random, shown to nobody", "cannot be put back"):
        assert asked.has(words)
    assert writes(bench, "megan") == []


@pytest.mark.thorough
async def test_only_the_asker_may_confirm(bench: Bench) -> None:
    await ask(bench, "megan@contoso.com", by="alex")
    await bench.until_card("press Lock now", by="diego", where="thread")
    answer = await bench.click("Lock now", by="diego", where="thread", refresh=False)
    assert answer.has("Only the person who asked")
    assert writes(bench, "megan") == []


async def test_a_privileged_account_needs_a_second_person(bench: Bench) -> None:
    asked = await ask(bench, "isaiah@contoso.com")
    assert asked.has("Waiting for an approver")
    own = await bench.until_button("Approve", by="adele", where="personal")
    assert own.has("Isaiah Langer")
    assert own.has("Global Administrator")
    await bench.until_card("Waiting for an approver", by="diego", where="thread")
    refused = await bench.click("Approve", by="alex", where="thread", refresh=False)
    assert refused.has("You asked for this")
    assert writes(bench, "isaiah") == []
    approved = await bench.click("Approve", by="adele", where="personal")
    assert approved.has("Approved")
    await bench.until_card(LOCKED, by="alex", where="thread")
    assert is_locked(bench.user("isaiah"))


@pytest.mark.parametrize("account", ["emergency1@contoso.com", "lynne@contoso.com"])
async def test_protected_accounts_need_a_second_person_too(bench: Bench, account: str) -> None:
    asked = await ask(bench, account)
    assert asked.has("Waiting for an approver")
    assert "Lock now" not in asked.card.buttons if asked.card else False


async def test_a_refusal_changes_nothing_and_leaves_the_way_open(bench: Bench) -> None:
    await ask(bench, "isaiah@contoso.com")
    await bench.until_button("Refuse", by="adele", where="personal")
    await bench.click("Refuse", by="adele", where="personal")
    card = await bench.until_button("Lock account…", by="alex", where="thread")
    assert card.has("refused by Adele Vance")
    assert writes(bench, "isaiah") == []


@pytest.mark.thorough
async def test_cancelling_takes_the_question_back(bench: Bench) -> None:
    await ask(bench, "megan@contoso.com")
    await bench.click("Cancel", by="alex", where="thread")
    await bench.until_button("Lock account…", by="alex", where="thread")
    await bench.click("Lock account…", by="alex", where="thread")
    await bench.click("Lock now", by="alex", where="thread")
    await bench.until_card(LOCKED, by="alex", where="thread")
    assert is_locked(bench.user("megan"))


@pytest.mark.thorough
async def test_a_decided_approval_stays_decided(bench: Bench) -> None:
    await ask(bench, "isaiah@contoso.com")
    await bench.until_button("Approve", by="adele", where="personal")
    late = await bench.aim("Approve", by="adele", where="personal")
    await bench.click("Refuse", by="adele", where="personal")
    answer = await late.press()
    assert answer.has("Refused")
    await bench.settled()
    assert writes(bench, "isaiah") == []


async def test_undoing_the_lock_needs_a_second_person_and_allows_sign_in_again(bench: Bench) -> None:
    await lock(bench, "megan@contoso.com")
    await bench.click("Undo…", by="alex", where="thread")
    plan = await bench.until_button("Undo what is ticked…", by="alex", where="thread")
    assert plan.has("Blocked → Allowed")
    assert plan.has("Marked as compromised → Not marked")
    await bench.click("Undo what is ticked…", by="alex", where="thread")
    await bench.until_card("Waiting for an approver", by="alex", where="thread")
    await bench.until_button("Approve", by="adele", where="personal")
    await bench.click("Approve", by="adele", where="personal")
    await bench.until_card("Lock undone", by="alex", where="thread")
    assert bench.user("megan").enabled


async def test_a_guest_is_blocked_here_and_the_rest_is_named_as_the_home_organisations(bench: Bench) -> None:
    guest = "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com"
    await ask(bench, guest)
    await bench.click("Lock now", by="alex", where="thread")
    card = await bench.until_card("sign-in is blocked", by="alex", where="thread")
    assert card.has("home organisation")
    assert [entry.method for entry in writes(bench, guest)] == ["PATCH"]


@pytest.mark.thorough
async def test_a_shared_mailbox_that_cannot_sign_in_keeps_that_and_loses_the_rest(bench: Bench) -> None:
    await ask(bench, "invoices@contoso.com")
    await bench.click("Lock now", by="alex", where="thread")
    card = await bench.until_card(LOCKED, by="alex", where="thread")
    assert card.has("Already so")
    assert card.has("Shared mailbox")


async def test_a_synced_account_that_must_be_blocked_on_premises_is_never_called_locked(bench: Bench) -> None:
    await ask(bench, "patti@contoso.com")
    await bench.click("Lock now", by="alex", where="thread")
    card = await bench.until_card("The account is not locked", by="alex", where="thread")
    assert card.has("Disable patti in Active Directory")
    assert bench.user("patti").enabled
    assert not bench.user("patti").active_sessions()


@pytest.mark.thorough
async def test_a_synced_account_that_the_cloud_may_block_is_blocked_and_the_password_is_left_to_people() -> None:
    async with Bench.start(SimulatorConfig(synced_write=SyncedWrite.ACCEPTED)) as bench:
        await ask(bench, "patti@contoso.com")
        await bench.click("Lock now", by="alex", where="thread")
        card = await bench.until_card("sign-in is blocked", by="alex", where="thread")
        assert card.has("Reset it for patti")
        assert not bench.user("patti").enabled


async def test_what_the_app_may_not_do_is_refused_by_name_and_stops_nothing_else(bench: Bench) -> None:
    bench.sim.world.withdraw("User.RevokeSessions.All")
    await ask(bench, "megan@contoso.com")
    await bench.click("Lock now", by="alex", where="thread")
    card = await bench.until_card("sign-in is blocked", by="alex", where="thread")
    assert card.has("User.RevokeSessions.All")
    assert not bench.user("megan").enabled
    assert bench.user("megan").active_sessions()
    assert "Try again…" in card.buttons


@pytest.mark.thorough
async def test_a_step_whose_outcome_is_unknown_is_tried_again_alone() -> None:
    async with Bench.start(settings={"verify_patience_seconds": "0.5"}) as bench:
        fault = Fault(service="graph", method="POST", path="revokeSignInSessions", status=500, times=1)
        bench.sim.world.faults.add(fault)
        await ask(bench, "megan@contoso.com")
        await bench.click("Lock now", by="alex", where="thread")
        card = await bench.until_button("Try again…", by="alex", where="thread")
        assert card.has("Outcome unknown")
        asked = await bench.click("Try again…", by="alex", where="thread")
        assert asked.has("Valid → Revoked")
        assert not asked.has("Allowed → Blocked")
        await bench.click("Lock now", by="alex", where="thread")
        await bench.until_card(LOCKED, by="alex", where="thread")
        assert is_locked(bench.user("megan"))


async def test_a_dropped_answer_is_read_back_and_not_sent_again(bench: Bench) -> None:
    for method, path in (("PATCH", "/users/"), ("POST", "revokeSignInSessions")):
        fault = Fault(service="graph", method=method, path=path, kind=Kind.DROP, when=When.AFTER, times=1)
        bench.sim.world.faults.add(fault)
    await lock(bench, "megan@contoso.com")
    assert len(writes(bench, "megan")) == 3


@pytest.mark.thorough
async def test_an_account_that_became_privileged_after_the_question_voids_the_approval(bench: Bench) -> None:
    await ask(bench, "megan@contoso.com")
    world = bench.sim.world
    group = next(group for group in world.tenant.groups.values() if group.properties.get("isAssignableToRole"))
    group.members.append(bench.user("megan").id)
    await bench.click("Lock now", by="alex", where="thread")
    card = await bench.until_button("Lock account…", by="alex", where="thread")
    assert card.has("second person")
    assert writes(bench, "megan") == []


@pytest.mark.thorough
async def test_an_asker_who_lost_the_role_confirms_in_vain(bench: Bench) -> None:
    await ask(bench, "megan@contoso.com")
    for group in bench.sim.world.tenant.groups.values():
        if bench.user("alex").id in group.members:
            group.members.remove(bench.user("alex").id)
    answer = await bench.click("Lock now", by="alex", where="thread")
    assert answer.has("role")
    await bench.settled()
    assert writes(bench, "megan") == []


async def test_the_subject_of_an_open_incident_can_do_nothing(bench: Bench) -> None:
    await open_incident(bench, "diego@contoso.com")
    await bench.say("compromise megan@contoso.com", by="diego")
    await bench.until_card("part of an open incident", by="diego", where="thread")
    await ask(bench, "isaiah@contoso.com")
    await bench.until_card("Waiting for an approver", by="diego", where="thread")
    answer = await bench.click("Approve", by="diego", where="thread", refresh=False)
    assert answer.has("part of an open incident")
    await bench.settled()
    assert writes(bench, "isaiah") == []
    assert [post for post in bench.posts(by="diego", where="personal") if "Approval needed" in post.summary] == []


@pytest.mark.parametrize("by", ["megan", "ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com", "grady", "adele"])
async def test_nobody_without_the_role_opens_an_incident(bench: Bench, by: str) -> None:
    await bench.say("compromise joni@contoso.com", by=by)
    await bench.until(lambda: bench.cards(by="alex", where="thread"))
    assert not bench.card(by="alex", where="thread").has("IR-")


async def test_in_a_personal_chat_one_may_look_and_not_touch(bench: Bench) -> None:
    await bench.say("compromise megan@contoso.com", by="alex", where="personal")
    await bench.until_card("channel", by="alex", where="personal")
    await bench.say("whoami", by="alex", where="personal")
    card = await bench.until_card("Responder: yes", by="alex", where="personal")
    assert card.has("Approver: no")


@pytest.mark.thorough
async def test_a_second_incident_of_one_account_is_not_opened(bench: Bench) -> None:
    await open_incident(bench, "megan@contoso.com")
    await bench.say("compromise megan@contoso.com", by="diego")
    await bench.until_card("IR-0001 is already open", by="diego", where="thread")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "written",
    ["<mailto:MEGAN@CONTOSO.COM>", "“megan”."],  # every other form: tests/dialogs/test_commands.py
)
async def test_an_account_may_be_named_in_many_ways(bench: Bench, written: str) -> None:
    card = await open_incident(bench, written)
    assert card.has("megan@contoso.com")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("miriam.o’connor@contoso.com", "Miriam O'Connor"),  # noqa: RUF001
        ("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com", "Ravi Patel"),
    ],
)
async def test_unusual_names_are_found(bench: Bench, written: str, name: str) -> None:
    card = await open_incident(bench, written)
    assert card.has(name)


@pytest.mark.thorough
async def test_an_object_id_names_its_account(bench: Bench) -> None:
    card = await open_incident(bench, bench.user("megan").id.upper())
    assert card.has("Megan Bowen")


async def test_a_name_lets_the_responder_choose_and_never_guesses(bench: Bench) -> None:
    await bench.say("compromise Joni Sherman", by="alex")
    card = await bench.until_button("Open incident", by="alex", where="thread")
    assert card.has("joni@contoso.com")
    assert card.has("joni.sherman2@contoso.com")
    second = next(option["value"] for option in card.inputs["choice"]["choices"] if "joni.sherman2@" in option["title"])
    await bench.click("Open incident", by="alex", where="thread", inputs={"choice": second})
    headline = await bench.until_button("Lock account…", by="alex", where="thread")
    assert headline.has("joni.sherman2@contoso.com")


async def test_a_misspelt_name_gets_the_nearest_ones(bench: Bench) -> None:
    await bench.say("compromise megn@contoso.com", by="alex")
    card = await bench.until_card("Megan Bowen", by="alex", where="thread")
    assert "Lock account…" not in card.buttons


async def test_an_unknown_command_gets_help(bench: Bench) -> None:
    await bench.say("lockdown everything", by="alex")
    await bench.until_card("compromise", by="alex", where="thread")


@pytest.mark.thorough
async def test_an_expired_approval_says_so_and_changes_nothing() -> None:
    async with Bench.start(settings={"approval_minutes": "0.1"}) as bench:
        await ask(bench, "megan@contoso.com")
        late = await bench.aim("Lock now", by="alex", where="thread")
        card = await bench.until_button("Lock account…", by="alex", where="thread", timeout=30)
        assert card.has("expired")
        answer = await late.press()
        assert answer.has("time")
        await bench.settled()
        assert writes(bench, "megan") == []


@pytest.mark.thorough
async def test_a_directory_that_shows_the_change_late_is_waited_for() -> None:
    async with Bench.start(SimulatorConfig(replication_seconds=1.5)) as bench:
        await lock(bench, "megan@contoso.com")
        assert is_locked(bench.user("megan"))
        assert len(writes(bench, "megan")) == 3


async def test_one_card_leads_the_incident_and_is_edited_in_place(bench: Bench) -> None:
    await lock(bench, "megan@contoso.com")
    cards: list[Post] = [post for post in bench.posts(by="alex", where="thread") if post.card is not None]
    assert len(cards) == 1
