"""Starting and stopping, and the environment that points a bot here."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.people import RESPONDERS
from simulator.server import Simulator


async def test_two_tenants_live_side_by_side() -> None:
    async with Simulator() as first, Simulator() as second:
        assert first.url != second.url
        first.world.tenant.change(first.world.tenant.user("megan"), {"accountEnabled": False}, "t")
        assert second.world.tenant.user("megan").enabled


@pytest.mark.parametrize("certificate", [False, True])
async def test_the_environment_is_what_the_bots_settings_take(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, certificate: bool
) -> None:
    for name, value in sim.environment(certificate=certificate).items():
        monkeypatch.setenv(name, value)
    settings = Settings()  # type: ignore[call-arg]  # the fields come from the environment
    assert settings.graph_url == f"{sim.url}/graph"
    assert settings.login_url.startswith("https://127.0.0.1:")
    assert settings.responder_groups == (sim.world.tenant.group(RESPONDERS).id,)
    assert settings.ca_file is not None
    assert settings.ca_file.read_text().startswith("-----BEGIN CERTIFICATE")
    assert (settings.certificate_file is not None) is certificate
    assert (settings.app_secret is None) is certificate


async def test_a_taken_port_is_an_error_and_leaves_nothing_open(sim: Simulator) -> None:
    port = int(sim.url.rpartition(":")[2])
    other = Simulator(SimulatorConfig(port=port))
    with pytest.raises(OSError, match="in use"):
        await other.start()
    assert not other.ca_file.exists()


async def test_files_go_where_they_are_wanted_and_keys_are_private(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(folder=tmp_path / "files")) as sim:
        assert sim.certificate_file.parent == tmp_path / "files"
        assert sim.certificate_file.stat().st_mode & 0o077 == 0
    assert sim.ca_file.exists()
    async with Simulator() as temporary:
        kept = temporary.ca_file
        assert kept.exists()
    assert not kept.exists()


async def test_it_runs_alone_as_a_module() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--latency", "none", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = line.split()[-1]
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
    assert process.returncode == 0


async def test_what_a_service_opened_is_closed_at_the_end() -> None:
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    async with Simulator() as sim:
        sim.world.at_close(close)
    assert closed == ["closed"]
