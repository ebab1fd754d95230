"""The whole product on a stage with people at the Teams emulator, for each test anew."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from simulator.channel.teams import CHANNEL_NAME
from simulator.config import SimulatorConfig
from simulator.stage import Stage
from tests.e2e.window import PersonAtTeams
from tests.machine import need_chromium, need_emulator

_FAILED = pytest.StashKey[bool]()
_BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes that a test failed, for the fixtures that tidy up after it."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = need_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(_BROWSER_OPTIONS))
        yield browser
        await browser.close()


@pytest.fixture
def tenant() -> SimulatorConfig:
    """What the simulated tenant starts with; a module that needs more of it says so."""
    return SimulatorConfig()


@pytest.fixture
async def stage(browser: Browser, tenant: SimulatorConfig, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """The simulated tenant and the bot as a process of its own."""
    need_emulator()
    async with Stage(config=tenant) as stage:
        yield stage
        if request.node.stash.get(_FAILED, False):
            request.node.add_report_section("teardown", "the bot's last words", await stage.bot.last_words(60))


@pytest.fixture
async def alex(stage: Stage, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[PersonAtTeams]:
    """Alex Wilber of the helpdesk, a responder."""
    async for person in _seated("alex", stage, browser, request):
        yield person


@pytest.fixture
async def adele(stage: Stage, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[PersonAtTeams]:
    """Adele Vance, the security lead, an approver."""
    async for person in _seated("adele", stage, browser, request):
        yield person


@pytest.fixture
async def diego(stage: Stage, browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[PersonAtTeams]:
    """Diego Siciliani, a security engineer, who is a responder and an approver."""
    async for person in _seated("diego", stage, browser, request):
        yield person


async def _seated(
    who: str, stage: Stage, browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[PersonAtTeams]:
    emulator = await stage.seat(who)
    person = await PersonAtTeams.open(browser, emulator.url, bot_name=stage.teams.bot_name, channel_name=CHANNEL_NAME)
    yield person
    if request.node.stash.get(_FAILED, False):
        folder = Path(tempfile.gettempdir()) / "irbot-e2e"
        folder.mkdir(exist_ok=True)
        picture = folder / f"{request.node.name}-{who}.png"
        await person.picture(picture)
        request.node.add_report_section("teardown", f"what {who} saw", str(picture))
