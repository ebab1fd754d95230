"""The partners are told what was previewed, by mail and webhook, and who answered stays with name and time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.reading import Shown
from tests.services.partners.receiver import partners_file, receiver
from tests.stories.blast_steps import PATIENCE
from tests.stories.steps import ask, decide, lock

_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0, stories=("invoice-fraud",))
_SENDER = "reception"


def partners_card(bench: Bench) -> Shown:
    return next(shown for shown in bench.cards(by="alex", where="thread") if shown.has("· Partners"))


def sent_mails(bench: Bench) -> list[tuple[str, str]]:
    """To whom the configured mailbox wrote, and what."""
    owner = bench.user(_SENDER).id
    return [
        (row["toRecipients"][0]["emailAddress"]["address"], row["body"]["content"])
        for row in bench.sim.world.tenant.records.mail[owner]
        if row["parentFolderId"] == "sentitems"
    ]


async def open_card(bench: Bench) -> None:
    await bench.click("Inform people", by="alex", where="thread")
    await bench.until_button("Contact…", by="alex", where="thread", timeout=PATIENCE)
    await bench.click("Contact…", by="alex", where="thread")
    await bench.until_button("Note the answer", by="alex", where="thread", timeout=PATIENCE)


async def test_partners_are_told_and_answer(tmp_path: Path) -> None:
    async with receiver(tmp_path) as server:
        file = partners_file(tmp_path, server.url)
        settings = {"partners_file": str(file), "webhook_hosts": "127.0.0.1", "mail_from": f"{_SENDER}@contoso.com"}
        async with Bench.start(_CONFIG, settings=settings) as bench:
            await ask(bench, "lee@contoso.com")
            await decide(bench, "Lock now")
            await bench.until_button("What happened?", by="alex", where="thread", timeout=PATIENCE)
            await open_card(bench)
            before = partners_card(bench)
            assert before.has("Ready to be sent")
            assert before.has("To be called")
            assert "lee@contoso.com" not in before.full_text.partition("What they get")[2]
            assert (sent_mails(bench), server.got) == ([], [])
            # The story's mail is about money, so the bank's clock runs already.
            assert before.has("Bank recall")
            assert any(shown.has("Woodgrove Bank, +1 425 555 0177") for shown in bench.cards(by="alex", where="thread"))

            refused = await bench.click("Send now", by="grady", where="thread", check=False)
            assert refused.has("role")
            await bench.click("Send now", by="alex", where="thread", inputs={"partners": "northwind,proseware"})
            await bench.until(lambda: server.got and len(sent_mails(bench)) == 2, PATIENCE, "mail and webhook")
            await bench.until_card("Told, no answer yet", by="alex", where="thread", timeout=PATIENCE)
            assert server.is_signed()
            body = json.loads(server.got[0][2])
            mails = dict(sent_mails(bench))
            assert set(mails) == {"soc@northwind.example", "claims@proseware.invalid"}
            assert body["incident"] == "IR-0001"
            assert f"{_SENDER}@contoso.com" in mails["soc@northwind.example"]

            bench.sim.world.clock.advance(61)
            await bench.click(
                "Note the answer", by="alex", where="thread", inputs={"partner": "northwind", "name": "Kim Abercrombie"}
            )
            await bench.until_card("Answered: Kim Abercrombie", by="alex", where="thread", timeout=PATIENCE)
            await bench.until_card("Northwind IT answered (Kim Abercrombie).", by="alex", where="thread")
            again = await bench.click("Note the answer", by="alex", where="thread", inputs={"partner": "woodgrove"})
            assert again.has("There is no name in it.")
            assert (len(server.got), len(sent_mails(bench))) == (1, 2)


@pytest.mark.thorough
async def test_without_configured_partners_people_are_told_how_and_may_start_the_banks_clock() -> None:
    async with Bench.start(SimulatorConfig(audit_query_seconds=0, device_seconds=0)) as bench:
        await lock(bench, "megan@contoso.com")
        await open_card(bench)
        assert partners_card(bench).has("IRBOT_PARTNERS_FILE")
        assert any(shown.has("Call your IT provider") for shown in bench.cards(by="alex", where="thread"))
        pressed = await bench.click("Money may have moved", by="alex", where="thread")
        assert pressed.has("Bank recall")
        assert pressed.has("71 hours left") or pressed.has("72 hours left")
        await bench.until_card("Have the bank recall the payment", by="alex", where="thread", timeout=PATIENCE)
        with pytest.raises(Exception, match="cannot press"):
            await bench.click("Money may have moved", by="alex", where="thread")
        noted = await bench.click(
            "Note the answer", by="alex", where="thread", inputs={"partner": "other", "name": "Kim"}
        )
        assert noted.has("Tell the partners")
        await bench.until_card("A partner answered (Kim).", by="alex", where="thread", timeout=PATIENCE)
