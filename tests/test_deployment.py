"""What an administrator deploys: the same packages by hash, only the program, and nothing written but data."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
import yaml
from pycep import BicepParser

from console import pack
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.emulator import any_free_port
from simulator.server import Simulator
from tests.test_layout import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BICEP = ROOT / "deploy" / "azure" / "main.bicep"
UNIT = ROOT / "deploy" / "irbot.service"
COPIED = re.findall(r"^COPY (\S+) /irbot", DOCKERFILE, re.MULTILINE)


def pins(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([\w.\-]+)(?:\[\w+\])?==([\w.]+)", line) for line in lines]
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def test_the_hashed_packages_are_the_pinned_ones() -> None:
    hashed = ROOT / "requirements.hashes.txt"
    assert pins(hashed) == pins(ROOT / "requirements.txt"), "pip-compile writes the file anew; its head says how"
    blocks = re.split(r"\n(?=\S)", hashed.read_text(encoding="utf-8"))
    packages = [block for block in blocks if not block.startswith("#")]
    assert len(packages) == len(pins(hashed))
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in packages)


def test_the_image_holds_the_program_alone_and_runs_as_an_ordinary_user() -> None:
    imported = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} - {
        *("benchmarks", "simulator", "tests", "tools")
    }
    assert set(COPIED) == {"app.py", *imported}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert kept == {*COPIED, "requirements.hashes.txt"}
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001"]
    assert "--require-hashes" in DOCKERFILE


def test_what_is_deployed_names_settings_that_exist() -> None:
    for file in (ROOT / "Dockerfile", BICEP, UNIT):
        named = set(re.findall(r"IRBOT_([A-Z_]+)", file.read_text(encoding="utf-8")))
        assert {name.lower() for name in named} <= set(Settings.model_fields), file.name


def test_the_azure_template_can_be_read_and_has_its_parts() -> None:
    read = BicepParser().parse(text=BICEP.read_text(encoding="utf-8"))
    kinds = {resource["type"] for resource in read["resources"].values()}
    assert {
        "Microsoft.App/containerApps",
        "Microsoft.BotService/botServices",
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "Microsoft.KeyVault/vaults",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
    } <= kinds
    secret = {"databasePassword", "dataKey"}
    guarded = {
        name
        for name, parameter in read["parameters"].items()
        if any(decorator["type"] == "secure" for decorator in parameter.get("decorators") or [])
    }
    assert guarded == secret


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_the_service_unit_is_one_that_systemd_takes() -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line and "is not executable" not in line]
    assert [line for line in said if "irbot.service" in line] == []


def test_the_toolkit_packs_with_the_words_that_the_command_knows() -> None:
    project = yaml.safe_load((ROOT / "m365agents.yml").read_text(encoding="utf-8"))
    [command] = [step["with"]["run"] for step in project["provision"] if step["uses"] == "script"]
    given = set(re.findall(r"--[a-z-]+", command))
    parser = argparse.ArgumentParser(add_help=False)
    pack.arguments(parser)
    known = {word for action in parser._actions for word in action.option_strings}
    assert given == known


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def on_a_read_only_system(*writable: Path) -> list[str]:
    """What goes before a command so that it writes these folders alone and has no privilege; nothing if that fails."""
    around = writable[0].parent  # may be on a file system of its own, as temporary folders are
    mounts = [
        f"mount --bind '{around}' '{around}' && mount -o remount,bind,ro '{around}'",
        *(f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,rw '{folder}'" for folder in writable),
        "mount -o remount,bind,ro /",
    ]
    script = f'{" && ".join(mounts)} && exec setpriv --no-new-privs --bounding-set=-all "$@"'
    own_users = [] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["--user", "--map-root-user"]
    before = ["unshare", "--mount", *own_users, "sh", "-c", script, "sh"]
    try:
        subprocess.run([*before, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    tried = subprocess.run([*before, "touch", str(writable[0].parent / "mark")], check=False, capture_output=True)
    assert tried.returncode != 0, "the system is not read-only at all"
    return before


async def test_the_program_alone_starts_on_a_read_only_system_and_writes_nothing_but_its_data(tmp_path: Path) -> None:
    program, data, temporary = tmp_path / "irbot", tmp_path / "data", tmp_path / "tmp"
    for folder in (program, data, temporary):
        folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, program / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, program / name)
    before = fingerprint(program)
    async with Simulator(SimulatorConfig()) as sim:
        port = any_free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "SSL_CERT_FILE"}},
            **sim.environment(),
            "IRBOT_PORT": str(port),
            "IRBOT_DATA_DIR": str(data),
            "TMPDIR": str(temporary),
            "HOME": "/nonexistent",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        before_it = await asyncio.to_thread(on_a_read_only_system, data, temporary)
        process = await asyncio.create_subprocess_exec(
            *before_it, sys.executable, "app.py", "run", cwd=program, env=environment
        )
        try:
            await _until_ready(port)
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 30)
    assert process.returncode == 0
    assert fingerprint(program) == before
    assert set(os.listdir(tmp_path)) == {"irbot", "data", "tmp"}
    assert os.listdir(temporary) == []
    assert "irbot.sqlite" in os.listdir(data)


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            try:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
