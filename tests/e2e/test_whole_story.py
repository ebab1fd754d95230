"""One break-in from `compromise` to `close`, by two people at Microsoft's Teams emulator, as the guide tells it."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Locator, expect

from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.stage import Stage
from tests.e2e.window import WORK_SECONDS, PersonAtTeams

pytestmark = pytest.mark.e2e

_ACCOUNT = "megan@contoso.com"
_REASON = "The rest is in our yearly plan."


@pytest.fixture
def tenant() -> SimulatorConfig:
    return SimulatorConfig(audit_query_seconds=0, device_seconds=0, stories=("mass-phishing",))


async def test_a_break_in_from_its_beginning_to_its_end(
    stage: Stage, alex: PersonAtTeams, adele: PersonAtTeams
) -> None:
    await _lock(stage, alex)
    await _evict(stage, alex, adele)
    await _inform(stage, alex, adele)
    await _recover(stage, alex, adele)
    await _strengthen(alex)
    await _close(stage, alex)
    assert [(answer.fault, answer.activity) for answer in stage.teams.delivery.failures] == []


async def _lock(stage: Stage, alex: PersonAtTeams) -> None:
    await alex.post(f"compromise {_ACCOUNT}")
    await alex.press_until("Lock account…", alex.button("Lock now"))
    await alex.sees("This will change")
    assert stage.simulator.world.tenant.user("megan").enabled
    await alex.press_until("Lock now", _headline(alex, r"✓\s*Locked"))
    assert not stage.simulator.world.tenant.user("megan").enabled


async def _evict(stage: Stage, alex: PersonAtTeams, adele: PersonAtTeams) -> None:
    """What the investigation found is removed when a second person agrees."""
    assert _rules(stage) == {" ", "..", "Newsletters"}
    await alex.sees(re.compile("went to 220 recipients"), patience=WORK_SECONDS)
    await alex.press_until("Remove what they left…", alex.button("Remove what is ticked…"))
    await alex.press_until("Remove what is ticked…", alex.text(re.compile("Waiting for an approver to decide")))
    await adele.press_until("Approve", adele.text(re.compile("approved by Adele Vance")))
    await expect(alex.text(re.compile("Press Inform people"))).to_be_visible(timeout=WORK_SECONDS * 1000)
    assert _rules(stage) == {"Newsletters"}


async def _inform(stage: Stage, alex: PersonAtTeams, adele: PersonAtTeams) -> None:
    """The partner is written to, and exactly those who got the phishing are warned, after a second person's yes."""
    await alex.press_until("Inform people", alex.text("Tell those who must know"))
    # The headline stays on what was begun, and does not jump ahead to giving the account back.
    await alex.sees(re.compile("Next: In the card Inform people: tell the partners"))
    await alex.press_until("Contact…", alex.button("Send now"))
    await alex.press_until("Send now", alex.text(re.compile("Told, no answer yet")))
    await alex.press_until("Warn…", alex.button("Draw it up…"))
    await alex.press_until("Draw it up…", alex.button(re.compile("^Ask to warn 40 inside, 180 outside")))
    await alex.press_until(re.compile("^Ask to warn"), alex.text("Waits for a second person"))
    assert _mails(stage) == {"soc@northwind.example"}
    await adele.press_until("Warn 40 inside, 180 outside", alex.text("Being sent"))
    # The mailbox may send thirty mails a minute, so the rest goes on behind what people do next.
    await expect(alex.text(re.compile("to go"))).to_be_visible(timeout=WORK_SECONDS * 1000)
    async with asyncio.timeout(WORK_SECONDS):
        while len(_mails(stage)) < 2:  # noqa: ASYNC110  # a mailbox has no event for what arrives
            await asyncio.sleep(0.2)


async def _recover(stage: Stage, alex: PersonAtTeams, adele: PersonAtTeams) -> None:
    """Behind the gate, with a second person, who alone sees the pass."""
    await alex.press_until("Recover", alex.text("Give the account back safely, and watch it for a while."))
    await alex.press_until("Check the gate", alex.text("Give the account back?"))
    await alex.sees(re.compile("8 of 9 green"), patience=WORK_SECONDS)
    await expect(alex.button("Give the account back…")).to_have_count(0)
    await _note_the_answer(alex)
    await alex.press_until("Check the gate", alex.text(re.compile("9 of 9 green")), last=True)
    await alex.press_until("Give the account back…", alex.button("Ask for what is ticked…"))
    await alex.press_until("Ask for what is ticked…", alex.text(re.compile("Waiting for an approver to decide")))
    assert not stage.simulator.world.tenant.user("megan").enabled
    await adele.press_until("Approve", adele.text("For one sign-in, within 60 minutes"))
    await expect(_headline(alex, r"✓\s*Given back to its owner")).to_be_visible(timeout=WORK_SECONDS * 1000)
    await expect(alex.text("For one sign-in, within 60 minutes")).to_have_count(0)
    assert stage.simulator.world.tenant.user("megan").enabled


async def _note_the_answer(alex: PersonAtTeams) -> None:
    """The partner rang back; with that, the gate's last line turns green."""
    await alex.page.get_by_role("combobox", name="Which partner").click()
    await alex.page.get_by_role("option", name="Northwind IT").click()
    await alex.page.get_by_label("Name of the person").fill("Kim Akers")
    await alex.press_until("Note the answer", alex.text(re.compile("Answered: Kim Akers")))


async def _strengthen(alex: PersonAtTeams) -> None:
    await alex.press_until("Strengthen", alex.text("Make the next break-in harder, for everybody."))
    await alex.press_until("Check", alex.button("Check again"), last=True)


async def _close(stage: Stage, alex: PersonAtTeams) -> None:
    """With something open only with a reason. Then the report can be had, and nothing else."""
    await alex.press_until("Close incident…", alex.button("Close all the same"))
    await alex.page.get_by_label("Why do you close it with something still open?").fill(_REASON)
    await alex.press_until("Close all the same", alex.text(re.compile("Closed by Alex Wilber")))
    await alex.sees(re.compile(re.escape(_REASON)))
    await alex.sees("This incident is closed.", patience=WORK_SECONDS)
    for title in ("Undo…", "Look again", "Check the gate", "Plan…", "Close incident…"):
        await expect(alex.button(title)).to_have_count(0)
    await alex.press_until("Draw it up…", alex.text(re.compile("closed and read only")))

    await alex.press_until("Final report…", alex.button("Get plain report"))
    await alex.press_until("Get plain report", alex.text(re.compile("Look at your personal chat with me")))
    await alex.go_to_personal_chat()
    await alex.press_until("Allow", alex.text("In your OneDrive."))
    assert [file.content[:5] for file in stage.teams.files.values()] == [b"%PDF-"]


def _headline(person: PersonAtTeams, words: str) -> Locator:
    return person.text(re.compile(words)).first


def _rules(stage: Stage) -> set[str]:
    """The inbox rules, the hidden one too."""
    world = stage.simulator.world
    hidden = {rule.properties["Name"] for rule in exchange_of(world).mailbox("megan").rules if rule.hidden}
    return hidden | {rule["displayName"] for rule in world.tenant.user("megan").rules}


def _mails(stage: Stage) -> set[str]:
    """To whom the company's own mailbox wrote."""
    tenant = stage.simulator.world.tenant
    sent = [row for row in tenant.records.mail[tenant.user("reception").id] if row["parentFolderId"] == "sentitems"]
    return {each["emailAddress"]["address"] for row in sent for each in row["toRecipients"]}
