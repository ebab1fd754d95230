"""What the verdict says of a story, beside what really happened in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.bench import Bench
from simulator.config import SimulatorConfig
from simulator.reading import Shown
from simulator.stories import STORIES, told

WHAT_HAPPENED = "What happened?"
_PATIENCE_SECONDS = 60.0


async def _verdict(bench: Bench, account: str) -> Shown:
    await bench.say(f"compromise {account}@contoso.com", by="alex")
    await bench.until_button(WHAT_HAPPENED, by="alex", where="thread", timeout=_PATIENCE_SECONDS)
    await bench.click(WHAT_HAPPENED, by="alex", where="thread")
    return await bench.until_card("As of", by="alex", where="thread", timeout=_PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("story_id", "words"),
    [
        (
            "token-replay",
            (
                "Somebody else was in the account of Joni Sherman.",
                "with a stolen sign-in token from Frankfurt am Main, DE",
                "Confidence: High",
                "The account is not locked.",
            ),
        ),
        (
            "invoice-fraud",
            (
                "intruder in the account of Lee Gu.",
                "with the right password from Chicago, US",
                "All mail is forwarded to Gu, Lee (archive)",
                "Inbox rule “.”",
                "went to 2 people, 0 inside and 2 outside your organisation",
                "Remove forwarding: 1 item proposed and not removed",
            ),
        ),
        (
            "consent-phishing",
            (
                "in the account of Miriam O'Connor.",
                "by consent to the app “Mail Backup Pro”",
                "Revoke app consents: 2 items proposed and not removed",
            ),
        ),
    ],
)
async def test_the_verdict_tells_what_happened(story_id: str, words: tuple[str, ...]) -> None:
    story = STORIES[story_id]
    async with Bench.start(SimulatorConfig(stories=(story_id,))) as bench:
        card = await _verdict(bench, story.account)
        for each in words:
            assert card.has(each), f"{each!r} is not in:\n{card.full_text}"
        entered = told(bench.sim.world)[story_id].entered
        minutes = [(entered + timedelta(minutes=n)).strftime("%Y-%m-%d %H:%M") for n in range(10)]
        since = card.full_text.partition("Since when")[2].partition("How they got in")[0]
        assert any(minute in since for minute in minutes), f"{minutes[0]} is not in:\n{since}"


async def test_of_a_clean_account_it_names_no_intruder_and_does_not_call_it_clean() -> None:
    async with Bench.start(SimulatorConfig(stories=("clean",))) as bench:
        card = await _verdict(bench, STORIES["clean"].account)
        assert card.has("Nothing alarming was found")
        for word in ("How they got in", "Since when", "intruder in", "Somebody else was", " clean"):
            assert not card.has(word), card.full_text


async def test_pressed_twice_it_stands_in_the_thread_once(bench: Bench) -> None:
    await _verdict(bench, "megan")
    await bench.click(WHAT_HAPPENED, by="alex", where="thread")
    await bench.click(WHAT_HAPPENED, by="diego", where="thread")
    await bench.settled()
    assert len([shown for shown in bench.cards(by="alex", where="thread") if shown.has("As of")]) == 1
