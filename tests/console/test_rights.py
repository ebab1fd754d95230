"""`app.py doctor` and `app.py grant`, as an administrator types them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import app as irbot
from services.organisation import Kind
from services.playbook import BY_ID
from simulator.config import SimulatorConfig
from simulator.server import Simulator
from tests.services.doctor.test_examine import set_in_teams, settings_of


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig()) as sim:
        for name, value in sim.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("IRBOT_DATA_DIR", str(tmp_path))
        yield sim


async def typed(*words: str) -> int:
    return await asyncio.to_thread(irbot.main, list(words))


async def test_doctor_looks_and_says_whence_a_setting_comes(
    sim: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await set_in_teams(settings_of(sim, tmp_path), Kind.HELPDESK, "extension 4000", "extension 4000")
    assert await typed("doctor") == 0
    told = capsys.readouterr().out
    assert "good     Helpdesk: extension 4000, set in Teams by Ada Admin." in told.splitlines()
    assert told.rstrip().endswith("IRBot can do its work.")
    assert await typed("doctor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fit"] is True
    assert {step["id"] for step in found["steps"]} == set(BY_ID)


async def test_doctor_tries_nothing_on_an_account_that_is_protected_in_teams(
    sim: Simulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = sim.world.tenant.user("joni")
    await set_in_teams(settings_of(sim, tmp_path), Kind.VIP, user.id, user.upn)
    assert await typed("doctor", "--prove", user.upn) == 2
    assert "Nothing was tried: This account is privileged or protected" in capsys.readouterr().err
    assert user.enabled


def test_doctor_without_settings_says_which_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("TENANT_ID", "APP_ID"):
        monkeypatch.delenv(f"IRBOT_{name}", raising=False)
    assert irbot.main(["doctor"]) == 2
    assert "IRBOT_TENANT_ID" in capsys.readouterr().err


def test_grant_prints_the_commands_for_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    assert irbot.main(["grant", "--app-id", "11111111-2222-3333-4444-555555555555", "--profile", "lock"]) == 0
    told = capsys.readouterr().out
    assert "11111111-2222-3333-4444-555555555555" in told
    assert "User.EnableDisableAccount.All" in told
