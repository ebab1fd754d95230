"""Who was let in lately, from outside, or as everybody is suspicious; assistants of long standing are notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.playbook.check_delegates import STEP
from services.playbook.step import Severity, State
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import log
from simulator.exchange.state import FolderPermission, Permission
from simulator.stories import STORIES
from tests.services.playbook.mail_scenes import mailbox, refuse
from tests.services.playbook.tenancy import Tenancy, settled, tenancy

_TOLD = [("global-administrator", "isaiah"), ("shared-mailbox", "reception")]
_KINDS = {
    "delegate": "access",
    "on-behalf": "on-behalf",
    "open-inbox": "everybody",
}


@pytest.mark.parametrize(("story_id", "account"), _TOLD)
async def test_the_storys_delegates_are_alarms_and_the_genuine_ones_are_notes(story_id: str, account: str) -> None:
    async with tenancy() as home:
        home.tell(story_id)
        plan = await home.plan(STEP, account)
        wanted = {truth.item for truth in STORIES[story_id].truth if truth.step == STEP.id}
        alarms = [finding for finding in plan.findings if finding.severity is Severity.ALARM]
        assert sorted(str(finding.data["kind"]) for finding in alarms) == sorted(_KINDS[key] for key in wanted)
        dated = ["Given on" in " ".join(finding.reasons) for finding in alarms]
        assert all(dated) or story_id == "shared-mailbox"  # that was before the time we look at
        genuine = [finding for finding in plan.findings if finding not in alarms]
        assert genuine
        assert {finding.severity for finding in genuine} == {Severity.NOTE}
        assert settled(plan)[0] is State.DONE


async def test_a_clean_mailbox_with_assistants_has_notes_only() -> None:
    async with tenancy() as home:
        home.tell("clean")
        plan = await home.plan(STEP, "jose")
        assert {str(finding.data["kind"]) for finding in plan.findings} == {"access", "on-behalf", "folder"}
        assert {finding.severity for finding in plan.findings} == {Severity.NOTE}


def _said(home: Tenancy, operation: str, by: str, of: str, **parameters: str) -> None:
    listed = [{"Name": name, "Value": value} for name, value in parameters.items()]
    log(
        exchange_of(home.sim.world),
        datetime.now(UTC) - timedelta(hours=5),
        operation,
        record_id=f"{operation}:{by}:{of}",
        upn=by,
        record_type="ExchangeAdmin",
        workload="Exchange",
        object_id=of,
        delay=timedelta(0),
        Parameters=listed,
    )


async def test_what_an_administrator_gave_lately_is_worth_a_look_and_what_they_gave_elsewhere_is_not_meant() -> None:
    async with tenancy() as home:
        for name in ("grady", "diego"):
            mailbox(home, "megan").full_access.append(Permission(home.user(name).id, ["FullAccess"]))
        _said(home, "Add-MailboxPermission", "henrietta@contoso.com", "megan", User="grady")
        _said(home, "Add-MailboxPermission", "henrietta@contoso.com", "lynne", User="diego@contoso.com")
        found = {f.title: f for f in (await home.plan(STEP, "megan")).findings}
        (grady,) = [f for title, f in found.items() if "Grady" in title]
        (diego,) = [f for title, f in found.items() if "Diego" in title]
        assert grady.severity is Severity.WARNING
        assert "by henrietta@contoso.com" in grady.reasons[0]
        assert grady.at is not None
        assert diego.severity is Severity.NOTE


async def test_people_outside_everybody_and_the_open_web_are_told_apart_from_the_usual() -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.full_access.append(
            Permission(home.user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com").id, ["FullAccess"])
        )
        held.full_access.append(Permission("", ["FullAccess"], sid="S-1-5-21-1-2-3-1104"))
        held.folder("Inbox").permissions[1].rights = ["Reviewer"]
        held.folder("Calendar").permissions[0].rights = ["Reviewer"]
        held.folder("Calendar").publishing |= {"PublishEnabled": True, "DetailLevel": "FullDetails"}
        found = {str(f.data["kind"]) + ":" + f.title: f.severity for f in (await home.plan(STEP, "megan")).findings}
        (guest,) = [severity for title, severity in found.items() if "Ravi" in title]
        (gone,) = [severity for title, severity in found.items() if "S-1-5-21" in title]
        (anonymous,) = [severity for title, severity in found.items() if "Everybody outside" in title]
        (colleagues,) = [severity for title, severity in found.items() if "in your organisation" in title]
        (web,) = [severity for title, severity in found.items() if title.startswith("publishing")]
        assert (guest, gone) == (Severity.WARNING, Severity.NOTE)
        assert (anonymous, colleagues) == (Severity.ALARM, Severity.NOTE)
        assert web is Severity.WARNING


@pytest.mark.parametrize("cmdlet", ["Get-MailboxPermission", "Search-UnifiedAuditLog", "Get-MailboxFolderPermission"])
async def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_found(cmdlet: str) -> None:
    async with tenancy() as home:
        held = mailbox(home, "megan")
        held.settings["GrantSendOnBehalfTo"] = [home.user("grady").id]
        refuse(home, cmdlet)
        plan = await home.plan(STEP, "megan")
        state, reason = settled(plan)
        assert state is State.NOT_EVALUATED
        named = {"Get-MailboxPermission": "full access", "Search-UnifiedAuditLog": "audit log"}.get(cmdlet, "folder ")
        assert named in reason
        assert any(finding.data["kind"] == "on-behalf" for finding in plan.findings)


async def test_two_people_of_one_name_in_a_folder_are_told_apart() -> None:
    async with tenancy() as home:
        folder = mailbox(home, "megan").folder("Inbox")
        folder.permissions.append(FolderPermission(home.user("joni.sherman2").id, ["Reviewer"]))
        (finding,) = (await home.plan(STEP, "megan")).findings
        assert home.user("joni.sherman2").id in finding.key
