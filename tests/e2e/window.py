"""A person at the Teams emulator: what they can do with mouse and keyboard, and what they see."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Self

from playwright.async_api import Browser, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

PATIENCE_SECONDS = 20.0
WORK_SECONDS = 60.0  # for what IRBot does behind a button
_A_MOMENT_MS = 2000
_PRESS_AGAIN_MS = 8000
_OUTSIDE = re.compile(r"^https?://(?!localhost[:/]|127\.0\.0\.1[:/])")


class PersonAtTeams:
    """One browser window of one person. What is not there within PATIENCE_SECONDS fails the test."""

    def __init__(self, page: Page, bot_name: str, channel_name: str) -> None:
        self.page = page
        self._bot_name = bot_name
        self._channel_name = channel_name

    @classmethod
    async def open(cls, browser: Browser, url: str, *, bot_name: str, channel_name: str) -> Self:
        """Opens the emulator's page; fonts and animations from outside stay away."""
        context = await browser.new_context(viewport={"width": 1280, "height": 1000})
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        await page.route(_OUTSIDE, lambda route: route.abort())
        await page.goto(url, timeout=WORK_SECONDS * 1000)
        await page.get_by_text("Type a message").first.wait_for(timeout=WORK_SECONDS * 1000)
        await page.get_by_role("button", name="Hide log panel").click()
        return cls(page, bot_name, channel_name)

    async def go_to_channel(self) -> None:
        """Opens the team's channel."""
        await self.page.get_by_role("treeitem", name=re.compile(re.escape(self._channel_name))).click()

    async def go_to_personal_chat(self) -> None:
        """Opens the chat with the bot alone."""
        await self.page.get_by_role("treeitem", name=re.compile("Personal Chat")).click()

    async def post(self, text: str) -> None:
        """Starts a thread in the channel with a mention of the bot and this text."""
        await self.go_to_channel()
        await self.page.locator("[contenteditable=true]").first.click()
        await self.page.keyboard.type("@")
        await self.page.get_by_role("menuitem", name=re.compile(re.escape(self._bot_name))).click()
        await self._write(f" {text}")
        await self.page.get_by_role("button", name="Post", exact=True).click()

    async def say(self, text: str) -> None:
        """Writes to the bot in the personal chat."""
        await self.go_to_personal_chat()
        await self.page.locator("[contenteditable=true]").first.click()
        await self._write(text)
        await self.page.get_by_role("button", name="Send Message").click()

    async def _write(self, text: str) -> None:
        await self.page.keyboard.type(text)
        # The emulator takes over what is typed a moment later; pressed at once, the button sends the text before it.
        await self.page.wait_for_timeout(300)

    def button(self, title: str | re.Pattern[str]) -> Locator:
        """A button of a card by its exact title."""
        return self.page.get_by_role("button", name=title, exact=True)

    async def press(self, title: str | re.Pattern[str]) -> None:
        """Presses a card's button, the first one of that title."""
        await self.button(title).first.click()

    async def press_until(self, title: str | re.Pattern[str], seen: Locator, *, last: bool = False) -> None:
        """Presses until this is seen: the emulator loses a press on a card that is drawn anew at that moment.

        A press that arrives twice does nothing twice. `last` takes the last button of that title, not the first.
        """
        await expect(self.button(title).first).to_be_visible(timeout=WORK_SECONDS * 1000)
        async with asyncio.timeout(WORK_SECONDS):
            while not await seen.first.is_visible():
                found = self.button(title)
                with suppress(PlaywrightTimeout):
                    await (found.last if last else found.first).click(timeout=_A_MOMENT_MS)
                with suppress(PlaywrightTimeout):
                    await seen.first.wait_for(timeout=_PRESS_AGAIN_MS)

    def text(self, words: str | re.Pattern[str]) -> Locator:
        """Where these words stand on the page."""
        return self.page.get_by_text(words)

    async def sees(self, text: str | re.Pattern[str], *, patience: float = PATIENCE_SECONDS) -> None:
        """Waits until the text is on the page."""
        await expect(self.text(text).first).to_be_visible(timeout=patience * 1000)

    async def picture(self, path: Path) -> None:
        """Takes a screenshot of the page."""
        await self.page.screenshot(path=path)
