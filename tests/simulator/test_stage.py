"""The stage of the demo: what starts, what the bot is told, and what is said when something does not work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from simulator import stage as stages
from simulator.stage import Stage, StageFailed

ROOT = Path(__file__).resolve().parents[2]
BOT = """
import json, os
from aiohttp import web

async def told(request):
    return web.json_response({name: value for name, value in os.environ.items() if name.startswith("IRBOT_")})

app = web.Application()
app.router.add_get("/readyz", told)
print("the bot is up", flush=True)
web.run_app(app, host=os.environ["IRBOT_HOST"], port=int(os.environ["IRBOT_PORT"]), print=None)
"""


def bot(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source)


async def told(stage: Stage) -> dict[str, str]:
    async with aiohttp.ClientSession() as http, http.get(f"{stage.bot.url}/readyz") as answer:
        found: dict[str, str] = await answer.json()
        return found


async def test_the_bot_is_told_about_the_tenant_and_nothing_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRBOT_APP_SECRET", "the-real-one")
    monkeypatch.setenv("IRBOT_DATABASE_URL", "sqlite:///the-real-one")
    async with Stage(bot=bot(BOT)) as stage:
        environment = await told(stage)
        assert environment["IRBOT_TENANT_ID"] == stage.simulator.world.tenant.id
        assert environment["IRBOT_SERVICE_URLS"] == stage.teams.service_url
        assert not [name for name, value in environment.items() if "the-real-one" in value]


async def test_activities_go_to_where_the_bot_listens() -> None:
    async with Stage(bot=bot(BOT)) as stage:
        assert stage.teams.delivery.bot_url == f"{stage.bot.url}/api/messages"
        assert await told(stage)


async def test_two_stages_can_stand_beside_each_other() -> None:
    async with Stage(bot=bot(BOT)) as one, Stage(bot=bot(BOT)) as other:
        assert one.bot.url != other.bot.url
        assert one.simulator.url != other.simulator.url


async def test_everything_is_gone_afterwards() -> None:
    async with Stage(bot=bot(BOT)) as stage:
        folder = stage.bot.log.parent
    assert not await asyncio.to_thread(folder.exists)
    for url in (stage.bot.url, stage.simulator.url):
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http:
                await http.get(url)


async def test_a_bot_that_does_not_start_is_quoted() -> None:
    with pytest.raises(StageFailed, match=r"did not start \(exit code 3\)[\s\S]*the reason is this"):
        async with Stage(bot=bot("import sys; print('the reason is this'); sys.exit(3)")):
            pass


async def test_a_bot_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "_START_SECONDS", 2.0)
    with pytest.raises(StageFailed, match=r"was not ready[\s\S]*still thinking"):
        async with Stage(bot=bot("import time; print('still thinking', flush=True); time.sleep(600)")):
            pass


async def test_a_bot_that_ends_later_is_noticed_and_quoted() -> None:
    async with Stage(bot=bot(BOT)) as stage:
        watching = asyncio.create_task(stage.failure())
        await stage.bot.kill()
        said = await asyncio.wait_for(watching, 20)
    assert "The bot stopped." in said
    assert "the bot is up" in said


def test_without_node_the_demo_says_so_and_offers_the_drill(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", "import sys; from simulator import demo; sys.exit(demo.run())"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert "Node.js is not installed" in answer.stderr
    assert "make drill" in answer.stderr
    assert "py dev.py drill" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script")
def test_with_an_old_node_the_demo_says_which_one_is_needed(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v12.22.0\n")
    node.chmod(0o755)
    answer = subprocess.run(
        [sys.executable, "-c", "import sys; from simulator import demo; sys.exit(demo.run())"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert "needs Node.js 18 or newer; here it is v12.22.0" in answer.stderr
