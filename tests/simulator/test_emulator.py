"""Microsoft's emulator as it really starts, stops and refuses; and the window of each simulated person."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from simulator.channel.teams import Teams, teams_of
from simulator.config import SimulatorConfig
from simulator.emulator import Emulator, EmulatorFailed, Window, _environment, free_port, node, window_for
from simulator.world import World
from tests.machine import need_emulator


@pytest.fixture
def teams() -> Teams:
    return teams_of(World(SimulatorConfig()))


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """Something that listens, as the simulator would."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def start(window: Window, endpoint: str, first_port: int) -> Emulator:
    need_emulator()
    return await Emulator.start(
        window, endpoint=f"{endpoint}/api/messages", service_url=f"{endpoint}/connector/", first_port=first_port
    )


async def user_of(emulator: Emulator) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{emulator.url}/_internal/v1/config") as answer:
        return str((await answer.json())["config"]["currentUser"]["name"])


def test_a_window_shows_one_person_and_five_others(teams: Teams) -> None:
    window = window_for(teams, "adele")
    shown = window.configuration()
    assert shown["currentUser"]["aadObjectId"] == teams.person("adele").id
    names = [user["name"] for user in shown["users"]]
    assert len(names) == 5
    assert "Alex Wilber" in names
    assert "Adele Vance" not in names


def test_somebody_outside_the_usual_six_can_have_a_window(teams: Teams) -> None:
    shown = window_for(teams, "diego").configuration()
    assert shown["currentUser"]["name"] == "Diego Siciliani"
    assert len(shown["users"]) == 5


def test_ids_in_windows_are_those_of_the_simulated_channel(teams: Teams) -> None:
    alex, adele = window_for(teams, "alex"), window_for(teams, "adele")
    assert alex.person.teams_id == teams.teams_id(teams.person("alex").id)
    assert alex.bot_id == adele.bot_id == teams.bot_id
    assert alex.team == adele.team == teams.team
    assert alex.personal_chat_id == teams.personal("alex").id
    assert alex.personal_chat_id != adele.personal_chat_id


def test_a_window_that_the_emulator_would_refuse_is_refused_here(teams: Teams) -> None:
    window = window_for(teams, "alex")
    with pytest.raises(ValueError, match="5 other people"):
        replace(window, others=window.others[:4]).configuration()


async def test_two_people_get_a_window_each_beside_a_taken_port(teams: Teams, endpoint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        alex = await start(window_for(teams, "alex"), endpoint, port)
        try:
            adele = await start(window_for(teams, "adele"), endpoint, port)
            try:
                assert len({alex.url, adele.url, f"http://localhost:{port}"}) == 3
                for emulator, name in ((alex, "Alex Wilber"), (adele, "Adele Vance")):
                    async with (
                        aiohttp.ClientSession() as http,
                        http.get(f"{emulator.url}/_internal/v1/config") as answer,
                    ):
                        assert (await answer.json())["config"]["currentUser"]["name"] == name
            finally:
                await adele.stop()
        finally:
            await alex.stop()


async def test_stopping_ends_the_process_and_leaves_no_folder(teams: Teams, endpoint: str) -> None:
    emulator = await start(window_for(teams, "alex"), endpoint, 56150)
    folder = emulator._folder
    assert folder.is_dir()
    await emulator.stop()
    await emulator.stop()
    assert not folder.exists()
    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession() as http:
            await http.get(emulator.url)


async def test_a_refused_configuration_gives_the_emulators_own_reason(teams: Teams, endpoint: str) -> None:
    refused = replace(window_for(teams, "alex"), tenant_id=None)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(EmulatorFailed, match=r"Alex Wilber stopped: .*tenantId.*must be string"):
        await start(refused, endpoint, 56150)


async def test_a_machine_that_cannot_open_a_browser_is_good_enough(
    teams: Teams, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_emulator()
    (tmp_path / "node").symlink_to(node())
    monkeypatch.setenv("PATH", str(tmp_path))
    emulator = await start(window_for(teams, "alex"), endpoint, 56250)
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(emulator.ended(), 1)
    finally:
        await emulator.stop()


async def test_an_emulator_that_is_killed_is_noticed(teams: Teams, endpoint: str) -> None:
    emulator = await start(window_for(teams, "alex"), endpoint, 56150)
    try:
        watching = asyncio.create_task(emulator.ended())
        emulator._process.kill()
        assert await asyncio.wait_for(watching, 20)
    finally:
        await emulator.stop()


def test_credentials_in_the_shell_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write them into its log in clear."""
    for name in ("AUTH_CLIENT_ID", "AUTH_CLIENT_SECRET", "AUTH_TENANT_ID", "BOT_ENDPOINT", "IRBOT_APP_SECRET"):
        monkeypatch.setenv(name, "a-secret-of-the-shell")
    given = _environment()
    assert "a-secret-of-the-shell" not in given.values()
    assert given["PATH"] == os.environ["PATH"]


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port(port) > port


def test_no_free_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="No free port"):
        free_port(taken.getsockname()[1], 1)
