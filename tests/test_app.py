from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import app as irbot
from services.blasts.lessons import library
from services.durable import take_lock, unfit_sqlite
from services.settings import Settings
from simulator.server import Simulator
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parent.parent
SECRET = "the-client-secret-8W~x"
PASSWORD = "the-database-password"


def _environment(folder: Path, **changes: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("IRBOT_")}
    values: dict[str, str | None] = {
        "IRBOT_TENANT_ID": "tenant",
        "IRBOT_APP_ID": "app",
        "IRBOT_APP_SECRET": SECRET,
        "IRBOT_DATA_DIR": str(folder),
        "IRBOT_PORT": "0",
    }
    values |= changes
    return kept | {name: value for name, value in values.items() if value is not None}


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "app.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def _complaint(environment: dict[str, str]) -> str:
    """The one sentence with which a start ends that cannot be."""
    ended = _run(environment, "run")
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("IRBot cannot start: ")]
    assert len(lines) == 1, ended.stderr
    for secret in (SECRET, PASSWORD):
        assert secret not in ended.stderr + ended.stdout
    return lines[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"IRBOT_TENANT_ID": None}, "IRBOT_TENANT_ID: Field required"),
        ({"IRBOT_APP_SECRET": None}, "IRBot never runs without credentials"),
        ({"IRBOT_APP_SECRETT": SECRET}, "unknown settings: IRBOT_APP_SECRETT"),
        ({"IRBOT_PORT": SECRET}, "IRBOT_PORT: "),
        ({"IRBOT_CLOUD": "moon"}, "moon"),
        ({"IRBOT_APPROVAL_RULES": "block=none"}, "names an unknown step: block"),
        ({"IRBOT_DATABASE_URL": f"mysql://x:{PASSWORD}@db/x"}, "begins with sqlite:/// or postgresql://"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_start_that_cannot_be_says_why_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    changes: dict[str, str | None], words: str,
) -> None:  # fmt: skip
    for name in [name for name in os.environ if name.upper().startswith("IRBOT_")]:
        monkeypatch.delenv(name)
    for name, value in _environment(tmp_path, **changes).items():
        monkeypatch.setenv(name, value)
    assert irbot.main(["run"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("IRBot cannot start: ")
    assert words in said
    assert said.count("\n") == 1
    assert SECRET not in said
    assert PASSWORD not in said


def test_a_lesson_that_is_not_right_stops_the_start_and_names_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "my-lesson.yml").write_text("en:\n  title: Hello\n", encoding="utf-8")
    monkeypatch.setattr(irbot, "library", lambda: library(tmp_path))
    assert irbot.main(["run"]) == 2
    assert "IRBot cannot start: my-lesson.yml: the language “de” is missing" in capsys.readouterr().err


def test_a_second_bot_with_another_folder_meets_the_same_lock(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock.sqlite")
    elsewhere = _environment(tmp_path / "elsewhere", IRBOT_DATABASE_URL=f"sqlite:///{tmp_path / 'irbot.sqlite'}")
    assert "another IRBot is using the database" in _complaint(elsewhere)
    lock.close()


def test_a_database_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://irbot:{PASSWORD}@127.0.0.1:{_free_port()}/irbot?connect_timeout=2"
    assert "database does not answer" in _complaint(_environment(tmp_path, IRBOT_DATABASE_URL=url))


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "address" in _complaint(_environment(tmp_path, IRBOT_PORT=str(taken.getsockname()[1])))


def test_the_command_line_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as helped:
        irbot.main(["--help"])
    assert helped.value.code == 0
    said = capsys.readouterr().out
    for command in ("run", "demo", "drill"):
        assert command in said
    for wrong in ([], ["dance"]):
        with pytest.raises(SystemExit) as refused:
            irbot.main(wrong)
        assert refused.value.code == 2


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _settings(sim: Simulator, folder: Path, database_url: str = "") -> Settings:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    return Settings(**values, data_dir=folder, database_url=database_url)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_the_bot_opens_and_closes_whole_and_twice(
    request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path, engine: str
) -> None:
    url = ""
    if engine == "postgresql":
        server: Cluster = request.getfixturevalue("postgres")
        url = server.url(server.new_database())
    for _ in range(2):
        built = irbot.build(_settings(sim, tmp_path, url))
        application = built[irbot.APPLICATION]
        assert not await application.ready()
        async with TestClient(TestServer(built)) as client:
            assert await application.ready()
            async with client.get("/readyz") as answer:
                assert answer.status == 200
        assert not await application.ready()


async def test_a_second_bot_does_not_touch_the_tables_of_the_first(sim: Simulator, tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock.sqlite")
    refused = TestClient(TestServer(irbot.build(_settings(sim, tmp_path))))
    with pytest.raises(irbot.Conflict):
        await refused.start_server()
    await refused.close()
    lock.close()
    assert not (tmp_path / "irbot.sqlite").exists()


@pytest.mark.parametrize(
    ("python", "sqlite", "fit"),
    [((3, 11, 7), (3, 40, 1), True), ((3, 12, 0), (3, 40, 1), False), ((3, 13, 1), (3, 42, 0), True)],
)
def test_an_sqlite_that_the_engine_cannot_use_is_said(
    python: tuple[int, ...], sqlite: tuple[int, ...], fit: bool
) -> None:
    assert (unfit_sqlite(python, sqlite) is None) is fit


def test_with_an_old_sqlite_the_bot_says_so_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(irbot, "unfit_sqlite", lambda python, sqlite: "it needs SQLite 3.42")
    assert irbot.main(["run"]) == 2
    assert "IRBot cannot start: it needs SQLite 3.42." in capsys.readouterr().err


async def test_a_start_that_fails_leaves_nothing_open(sim: Simulator, tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock.sqlite")
    refused = TestClient(TestServer(irbot.build(_settings(sim, tmp_path))))
    with pytest.raises(irbot.Conflict):
        await refused.start_server()
    await refused.close()
    lock.close()
    async with TestClient(TestServer(irbot.build(_settings(sim, tmp_path)))) as client:
        assert client.app is not None
        assert isinstance(client.app, web.Application)
