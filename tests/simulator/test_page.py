"""The live page: served without anything from outside, and shows in a browser what happens."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator.exchange import exchange_of
from simulator.server import Simulator

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


async def test_the_page_is_self_contained(sim: Simulator) -> None:
    async with aiohttp.ClientSession() as session:
        for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
            async with session.get(sim.url + path) as answer:
                text = await answer.text()
                assert (answer.status, answer.content_type) == (200, kind)
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert "http://" not in text
                assert "https://" not in text
                assert "innerHTML" not in text
                assert len(text) < 25_000


@pytest.fixture
async def browser_page(sim: Simulator) -> AsyncIterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda problem: problems.append(str(problem)))
        page.on("console", lambda line: problems.append(line.text) if "Security Policy" in line.text else None)
        await page.goto(sim.url + "/")
        await page.wait_for_selector("tr.person")
        yield page
        await browser.close()
        assert problems == []


async def test_anyone_sees_that_the_account_is_locked(sim: Simulator, browser_page: Any) -> None:
    tenant = sim.world.tenant
    megan = tenant.user("megan")
    row = browser_page.locator(f"tr.person[data-person='{megan.id}']")
    assert "allowed" in await row.inner_text()
    assert "intruder signed in" in await row.inner_text()
    tenant.change(megan, {"accountEnabled": False}, "IRBot", "Disable account")
    tenant.revoke_sessions(megan, "IRBot")
    await browser_page.wait_for_selector(f"tr.person[data-person='{megan.id}'] .blocked")
    text = await row.inner_text()
    assert "3 revoked" in text
    assert "active" not in text
    assert await browser_page.locator("#changes li.changed").count() == 2
    assert "Disable account" in await browser_page.locator("#changes").inner_text()


async def test_what_a_person_received_is_text_and_never_markup(sim: Simulator, browser_page: Any) -> None:
    megan = sim.world.tenant.user("megan")
    card = {
        "type": "AdaptiveCard",
        "body": [
            {"type": "TextBlock", "text": "<img src=x onerror=\"document.title='hacked'\">"},
            {"type": "TextBlock", "text": "**Opened** {{DATE(2026-11-25T10:00:00Z, SHORT)}} by O\\'Neil\\_x"},
            {"type": "FactSet", "facts": [{"title": "Account", "value": "<b>Megan</b>"}]},
        ],
        "actions": [{"type": "Action.Execute", "title": "Approve"}],
    }
    sim.world.inbox.add(megan.id, "card", {"attachments": [{"content": card}]})
    sim.world.tenant.change(megan, {"displayName": "<script>document.title='hacked'</script>"}, "t")
    await browser_page.locator(f"tr.person[data-person='{megan.id}']").click()
    await browser_page.wait_for_selector(".message")
    shown = await browser_page.locator(".message").inner_text()
    assert "<img src=x" in shown
    assert "Account: <b>Megan</b>" in shown
    assert "Approve" in shown
    assert "Opened" in shown
    assert "**" not in shown
    assert "{{" not in shown
    assert "Neil_x" in shown
    assert "hacked" not in await browser_page.title()
    assert await browser_page.locator("main img, main script").count() == 0


async def test_knobs_are_turned_on_the_page(sim: Simulator, browser_page: Any) -> None:
    megan = sim.world.tenant.user("megan")
    sim.world.tenant.change(megan, {"accountEnabled": False}, "t")
    await browser_page.click("#knobs summary")
    await browser_page.select_option("#fault", "silent")
    await browser_page.click("[data-do=fault]")
    await browser_page.wait_for_selector("#told:has-text('Done.')")
    [fault] = sim.world.faults.waiting()
    assert (fault.kind, fault.when, fault.method) == ("drop", "after", "PATCH")
    await browser_page.select_option("#latency", "slow:20")
    await browser_page.wait_for_selector("#facts:has-text('slow:20')")
    assert sim.world.latency.name == "slow:20"
    await browser_page.locator(f"tr.person[data-person='{megan.id}']").click()
    await browser_page.click("text=The intruder tries to sign in")
    await browser_page.wait_for_selector("#told:has-text('refused')")
    before = sim.world.clock.now()
    await browser_page.click("[data-do=hour]")
    await browser_page.wait_for_selector("#told:has-text('Done.')")
    assert (sim.world.clock.now() - before).total_seconds() > 3500
    await browser_page.click("[data-do=reset]")
    await browser_page.wait_for_selector("#facts:has-text('at once')")
    assert sim.world.tenant.user("megan").enabled
    assert sim.world.faults.waiting() == []


async def test_a_persons_mailbox_and_rules_are_shown(sim: Simulator, browser_page: Any) -> None:
    megan = sim.world.tenant.user("megan")
    address = {"emailAddress": {"address": "drop@evil.example"}}
    megan.rules.append({"id": "1", "displayName": ".", "isEnabled": True, "actions": {"forwardTo": [address]}})
    mailbox = exchange_of(sim.world).mailbox("megan")
    mailbox.settings["ForwardingSmtpAddress"] = "smtp:drop@evil.example"
    mailbox.add_rule("..", hidden=True)
    await browser_page.locator(f"tr.person[data-person='{megan.id}']").click()
    await browser_page.wait_for_selector("td.details")
    text = await browser_page.locator("td.details").inner_text()
    assert "sends to drop@evil.example" in text
    assert "Forwarding: smtp:drop@evil.example" in text
    assert ".. (hidden)" in text


async def test_people_are_found_by_name(browser_page: Any) -> None:
    await browser_page.fill("#sought", "joni")
    await expect_people(browser_page, 2)
    await browser_page.fill("#sought", "")
    await expect_people(browser_page, 60)


async def expect_people(page: Any, count: int) -> None:
    """Waits until that many rows are shown."""
    for _ in range(100):
        if await page.locator("tr.person").count() == count:
            return
        await asyncio.sleep(0.05)
    assert await page.locator("tr.person").count() == count


async def test_a_lost_simulator_is_said_so(sim: Simulator, browser_page: Any) -> None:
    await browser_page.route("**/_control/**", lambda route: route.abort())
    await browser_page.wait_for_selector("#lost:not([hidden])")
    await browser_page.unroute("**/_control/**")
    await browser_page.wait_for_selector("#lost", state="hidden")
