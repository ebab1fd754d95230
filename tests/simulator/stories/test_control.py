"""Stories from the outside: over the control API, and on the tenant's page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from simulator.config import SimulatorConfig
from simulator.server import Simulator
from simulator.stories import STORIES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig(stories=("guest",))) as running:
        yield running


@pytest.fixture
async def ask(sim: Simulator) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession() as session:

        async def asking(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            async with session.request(method, f"{sim.url}/_control{path}", json=body) as answer:
                kind = answer.headers.get("Content-Type", "")
                return answer.status, await answer.json() if "json" in kind else await answer.text()

        yield asking


async def test_every_story_is_listed_and_says_whether_it_was_told(ask: Ask) -> None:
    status, answer = await ask("GET", "/stories")
    assert status == 200
    assert {each["id"]: each["told"] for each in answer["stories"]} == {key: key == "guest" for key in STORIES}


async def test_a_story_is_told_and_followed_until_nothing_is_left(sim: Simulator, ask: Ask) -> None:
    status, answer = await ask("POST", "/stories", {"story": "token-replay"})
    assert (status, answer["left"], answer["harmed"]) == (200, ["token"], [])
    assert {"step": "review-sign-ins", "item": "token", "evicted_by": "revoke-sessions"} in answer["truth"]
    assert "203.0.113.90" in next(each for each in answer["traces"] if each["key"] == "token")["names"]
    sim.world.tenant.revoke_sessions(sim.world.tenant.user("joni"), "test")
    assert (await ask("GET", "/stories/token-replay"))[1]["left"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/stories", {"story": "no-such-story"}, 404),
        ("POST", "/stories", {"story": "clean", "account": "megan"}, 400),
        ("POST", "/stories", {}, 400),
        ("POST", "/stories", ["clean"], 400),
        ("GET", "/stories/no-such-story", None, 404),
    ],
)
async def test_stories_that_do_not_exist_are_refused(ask: Ask, method: str, path: str, body: Any, status: int) -> None:
    assert (await ask(method, path, body))[0] == status


async def test_a_fresh_start_keeps_only_the_stories_of_the_configuration(ask: Ask) -> None:
    await ask("POST", "/stories", {"story": "clean"})
    assert (await ask("POST", "/reset"))[0] == 200
    _, answer = await ask("GET", "/stories")
    assert [each["id"] for each in answer["stories"] if each["told"]] == ["guest"]


async def test_the_page_tells_a_story_and_shows_what_it_left(sim: Simulator) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        await page.goto(sim.url + "/")
        await page.wait_for_selector("#stories li")
        await page.locator("#knobs summary").click()
        for story_id in ("invoice-fraud", "global-administrator", "method-and-device", "consent-phishing"):
            await page.select_option("#story", story_id)
            await page.click("[data-do=story]")
            await page.wait_for_selector(f"#stories li:has-text({STORIES[story_id].title!r})")
        assert "Compliance archive" in await page.locator("#flow").inner_text()
        assert (
            "the intruder still has: password, sign-in, forwarding, rule" in await page.locator("#stories").inner_text()
        )
        for name, shown in (
            ("lee", "contact Gu, Lee (archive) (lee.gu.archive@outlook-mail.example)"),
            ("isaiah", "Reception: FullAccess"),
            ("joni.sherman2", "DESKTOP-7K2QF1M"),
            ("miriam.o'connor", "Mail Backup Pro: Mail.ReadWrite"),
        ):
            user = sim.world.tenant.user(name).id
            await page.locator(f"tr.person[data-person='{user}']").click()
            await page.wait_for_selector(f"td.details:has-text({shown!r})")
        await browser.close()
