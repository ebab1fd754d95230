"""Whoever is suspicious loses the right, assistants keep theirs, and every right comes back as it was."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from services.errors import Gone
from services.playbook.planner import outcome_of
from services.playbook.remove_delegates import STEP
from services.playbook.step import State
from simulator.exchange.state import FolderPermission, Mailbox, Permission
from simulator.stories import STORIES, evicted, harmed
from tests.services.playbook.mail_scenes import mailbox, refuse
from tests.services.playbook.tenancy import Tenancy, settled, tenancy
from tests.services.playbook.test_check_delegates import _said

_TOLD = sorted({story.id for story in STORIES.values() if any(t.evicted_by == STEP.id for t in story.truth)})


def _picture(held: Mailbox) -> Any:
    """All rights in a mailbox; a list of people has no order, and a published calendar gets a new link."""
    return deepcopy(
        (
            sorted((each.user_id, each.rights, each.deny) for each in held.full_access),
            sorted((each.user_id, each.rights) for each in held.send_as),
            sorted(held.settings["GrantSendOnBehalfTo"]),
            [sorted((each.user_id, each.rights, each.flags) for each in folder.permissions) for folder in held.folders],
            [{k: v for k, v in folder.publishing.items() if "Url" not in k} for folder in held.folders],
        )
    )


@pytest.mark.parametrize("story_id", _TOLD)
async def test_the_storys_delegates_go_and_come_back_and_the_genuine_ones_stay(story_id: str) -> None:
    story = STORIES[story_id]
    async with tenancy() as home:
        home.tell(story_id)
        user = home.user(story.account)
        before = _picture(mailbox(home, user.id))
        plan = await home.plan(STEP, user)
        await home.make(STEP, user, plan)
        mine = {truth.item for truth in story.truth if truth.evicted_by == STEP.id}
        assert not mine & set(evicted(story, home.sim.world))
        assert harmed(story, home.sim.world) == []
        assert settled(await home.plan(STEP, user))[0] is State.ALREADY_SO
        await home.undo(STEP, user, plan)
        assert _picture(mailbox(home, user.id)) == before


async def test_a_clean_mailbox_keeps_everybody() -> None:
    async with tenancy() as home:
        home.tell("clean")
        assert settled(await home.plan(STEP, "jose"))[0] is State.ALREADY_SO


def _let_everybody_in(home: Tenancy) -> Mailbox:
    """Every kind of way in, given lately by the account itself."""
    held, joni = mailbox(home, "megan"), home.user("joni.sherman2")
    held.full_access.append(Permission(joni.id, ["FullAccess"]))
    held.send_as.append(Permission(joni.id, ["SendAs"]))
    held.settings["GrantSendOnBehalfTo"] = [home.user("grady").id, joni.id]
    calendar, inbox = held.folder("Calendar"), held.folder("Inbox")
    calendar.permissions.append(FolderPermission(joni.id, ["Editor"], ["Delegate", "CanViewPrivateItems"]))
    calendar.permissions.append(FolderPermission(home.user("grady").id, ["Reviewer"]))
    calendar.publishing |= {"PublishEnabled": True, "DetailLevel": "FullDetails", "PublishedCalendarUrl": "https://x"}
    inbox.permissions[0].rights = ["Editor"]
    inbox.permissions[1].rights = ["Reviewer"]
    _said(home, "Add-MailboxPermission", "megan@contoso.com", "megan", User=joni.upn)
    _said(home, "Add-RecipientPermission", "megan@contoso.com", "megan", Trustee=joni.upn)
    _said(home, "Set-Mailbox", "megan@contoso.com", "megan", GrantSendOnBehalfTo=f"+{joni.upn}")
    identity = f"{held.exchange_guid}:{calendar.folder_id}"
    _said(home, "Add-MailboxFolderPermission", "megan@contoso.com", identity, Identity=identity, User=joni.id)
    return held


async def test_every_kind_of_way_in_is_closed_and_opened_again_exactly() -> None:
    async with tenancy() as home:
        held = _let_everybody_in(home)
        before = _picture(held)
        plan = await home.plan(STEP, "megan")
        kinds = sorted(change.item.partition(":")[0] for change in plan.changes)
        assert kinds == ["access", "everybody", "everybody", "folder", "on-behalf", "publishing", "send-as"]
        await home.make(STEP, "megan", plan)
        joni = home.user("joni.sherman2").id
        assert joni not in str(_picture(held))
        assert held.settings["GrantSendOnBehalfTo"] == [home.user("grady").id]
        assert [each.rights for each in held.folder("Inbox").permissions] == [["None"], ["None"]]
        assert held.folder("Calendar").publishing["PublishEnabled"] is False
        await home.undo(STEP, "megan", plan)
        assert _picture(held) == before


async def test_what_is_gone_meanwhile_is_done() -> None:
    async with tenancy() as home:
        held = _let_everybody_in(home)
        plan = await home.plan(STEP, "megan")
        held.full_access.clear()
        held.send_as.clear()
        held.settings["GrantSendOnBehalfTo"] = []
        held.folder("Calendar").permissions = held.folder("Calendar").permissions[:2]
        await home.make(STEP, "megan", plan)


async def test_nothing_found_in_what_could_not_be_read_is_not_clean() -> None:
    async with tenancy() as home:
        refuse(home, "Search-UnifiedAuditLog")
        state, reason = settled(await home.plan(STEP, "megan"))
        assert state is State.NOT_EVALUATED
        assert "audit log" in reason


async def test_an_account_without_a_mailbox_lets_nobody_in() -> None:
    async with tenancy() as home:
        ctx = await home.context("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        with pytest.raises(Gone) as gone:
            await STEP.plan(ctx)
        assert outcome_of(STEP, ctx, gone.value, reading=True).state is State.ALREADY_SO
