"""Microsoft's Teams emulator (Microsoft 365 Agents Playground), one process for each person.

It is installed by name from the npm registry at a pinned version into a local folder, under its own licence; it is
never part of this project or of anything that is handed on. Its HTTP routes are internal to it: another version
needs a look at `Emulator._ready`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from simulator.channel.emulators import EmulatorWindow
from simulator.channel.identities import TeamsTeam, personal_chat_id
from simulator.channel.teams import Teams
from simulator.tenant import User

PACKAGE = "@microsoft/m365agentsplayground"
VERSION = "0.2.28"
OLDEST_NODE = 18
FIRST_PORT = 56150
FOLDER = Path(__file__).resolve().parent.parent / ".emulator"

_CAST = ("alex", "adele", "megan", "isaiah", "patti", "lynne")
_GROUP_CHAT = "Security leads"
_OTHERS = 5  # the emulator wants exactly as many people beside the one who uses it
_INSTALL_SECONDS = 300.0
_START_SECONDS = 45.0
_STOP_SECONDS = 5.0

# What would make the emulator do something else than we ask, and write a real secret into its log in clear.
_KEPT_FROM_IT = ("AUTH_", "BOT_ENDPOINT", "DEFAULT_CHANNEL_ID", "IRBOT_", "TEAMSAPPTESTER_")


class EmulatorUnavailable(Exception):
    """There is no emulator on this machine; the text says what to do about it."""


class EmulatorFailed(Exception):
    """An emulator did not start or did not stay; the text gives its own reason."""


@dataclass(frozen=True)
class Member:
    """A person as the emulator shows them."""

    teams_id: str
    object_id: str
    name: str
    upn: str
    given_name: str
    surname: str

    def to_json(self) -> dict[str, str]:
        """The person in the words of the emulator's configuration."""
        return {
            "id": self.teams_id,
            "name": self.name,
            "userPrincipleName": self.upn,  # spelt so by the emulator
            "aadObjectId": self.object_id,
            "givenName": self.given_name,
            "surname": self.surname,
            "email": self.upn,
        }


@dataclass(frozen=True)
class Window:
    """What one person's emulator shows: who they are, with whom, and where they talk."""

    tenant_id: str
    bot_id: str
    bot_name: str
    person: Member
    others: Sequence[Member]
    personal_chat_id: str
    group_chat_id: str
    group_chat_name: str
    team: TeamsTeam

    def configuration(self) -> dict[str, Any]:
        """The emulator's configuration file. Raises ValueError where the emulator would refuse it.

        The emulator adds General by itself, and takes exactly one more channel.
        """
        channels = [{"id": identifier, "name": name} for name, identifier in self.team.channels if name != "General"]
        if len(channels) != 1 or len(self.others) != _OTHERS:
            raise ValueError(f"the emulator wants {_OTHERS} other people and one channel beside General")
        return {
            "version": "0.1.1",
            "tenantId": self.tenant_id,
            "bot": {"id": self.bot_id, "name": self.bot_name},
            "currentUser": self.person.to_json(),
            "users": [other.to_json() for other in self.others],
            "personalChat": {"id": self.personal_chat_id},
            "groupChat": {"id": self.group_chat_id, "name": self.group_chat_name},
            "team": {
                "id": self.team.id,
                "name": self.team.name,
                "aadGroupId": self.team.aad_group_id,
                "channels": channels,
            },
        }


def window_for(teams: Teams, who: str) -> Window:
    """The window of a simulated person, who may be given by first name, among the people that matter in a demo."""
    person = teams.person(who)
    six = [person, *(other for other in map(teams.person, _CAST) if other is not person)]
    group_chat = hashlib.sha256(f"{teams.tenant.id}/{_GROUP_CHAT}".encode()).hexdigest()[:32]
    return Window(
        tenant_id=teams.tenant.id,
        bot_id=teams.bot_id,
        bot_name=teams.bot_name,
        person=_member(teams, person),
        others=[_member(teams, other) for other in six[1 : _OTHERS + 1]],
        personal_chat_id=personal_chat_id(teams.world.app_id, person.id),
        group_chat_id=f"19:{group_chat}@thread.v2",
        group_chat_name=_GROUP_CHAT,
        team=teams.team,
    )


def _member(teams: Teams, user: User) -> Member:
    return Member(
        teams_id=teams.teams_id(user.id),
        object_id=user.id,
        name=user.display_name,
        upn=user.upn,
        given_name=str(user.properties.get("givenName") or ""),
        surname=str(user.properties.get("surname") or ""),
    )


async def seat(teams: Teams, who: str, *, first_port: int = FIRST_PORT) -> Emulator:
    """Starts the emulator of a simulated person and connects it with the simulated channel."""
    window = window_for(teams, who)
    endpoint = f"{teams.world.base_url}/channel/{who}/api/messages"
    emulator = await Emulator.start(window, endpoint=endpoint, service_url=teams.service_url, first_port=first_port)
    teams.emulators.register(
        EmulatorWindow(who, emulator.connector_url, window.person.object_id, window.personal_chat_id)
    )
    return emulator


def script() -> Path:
    """Where the emulator's start script is, or will be."""
    return FOLDER / VERSION / "node_modules" / PACKAGE / "cli.js"


def install() -> Path:
    """The emulator's start script; installed first where it is absent, which needs the npm registry once.

    Blocks for as long as npm takes. Raises EmulatorUnavailable.
    """
    node()
    if script().is_file():
        return script()
    npm = shutil.which("npm")
    if npm is None:
        raise EmulatorUnavailable("npm is not installed, and the Teams emulator is installed with it.")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    # Installed aside and moved in whole: an interrupted run leaves nothing half done, and two runs do not mix.
    aside = Path(tempfile.mkdtemp(prefix="installing-", dir=FOLDER))
    try:
        (aside / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", "--loglevel=error")
        code, said = _run([npm, "install", *quiet, f"{PACKAGE}@{VERSION}"], folder=aside, seconds=_INSTALL_SECONDS)
        if code != 0:
            raise EmulatorUnavailable(f"The Teams emulator could not be installed with npm: {_last_lines(said)}")
        with contextlib.suppress(OSError):  # another run was faster: its copy is as good
            aside.rename(FOLDER / VERSION)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if not script().is_file():
        raise EmulatorUnavailable(f"The package {PACKAGE}@{VERSION} holds no cli.js.")
    return script()


def node() -> str:
    """The Node program. Raises EmulatorUnavailable where it is absent or too old."""
    program = shutil.which("node")
    if program is None:
        raise EmulatorUnavailable("Node.js is not installed, and Microsoft's Teams emulator runs on it.")
    _, said = _run([program, "--version"], folder=Path.cwd(), seconds=20)
    version = re.search(r"v(\d+)\.", said)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise EmulatorUnavailable(
            f"Microsoft's Teams emulator needs Node.js {OLDEST_NODE} or newer; here it is {said.strip() or 'unknown'}."
        )
    return program


class Emulator:
    """One running emulator. `url` is what the person opens; `connector_url` is where its chats take posts."""

    def __init__(self, window: Window, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.window = window
        self.url = ""
        self._process = process
        self._folder = folder
        self._port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._said: deque[str] = deque(maxlen=20)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, window: Window, *, endpoint: str, service_url: str, first_port: int = FIRST_PORT) -> Emulator:
        """Starts the emulator for a person and returns when its page can be opened.

        It hands activities in at `endpoint`, where something must already listen, and tells the bot to answer at
        `service_url`. It takes the first free port from `first_port` on. Raises EmulatorUnavailable or EmulatorFailed.
        """
        program = await asyncio.to_thread(node)
        start_script = await asyncio.to_thread(install)
        folder = await asyncio.to_thread(_folder_for, window)
        try:
            options = ("-c", "msteams", "-p", str(free_port(first_port)), "-e", endpoint, "--service-url", service_url)
            process = await asyncio.create_subprocess_exec(
                *(program, str(start_script), "start", "--disable-telemetry", *options),
                cwd=folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                limit=1 << 20,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        emulator = cls(window, process, folder)
        try:
            await asyncio.wait_for(emulator._ready(), _START_SECONDS)
        except TimeoutError:
            reason = await emulator.reason()
            await emulator.stop()
            raise EmulatorFailed(
                f"The Teams emulator of {window.person.name} was not ready after {_START_SECONDS:.0f} seconds: {reason}"
            ) from None
        except BaseException:
            await emulator.stop()
            raise
        return emulator

    @property
    def connector_url(self) -> str:
        """The base of the emulator's own Bot Connector, with its closing slash."""
        return f"{self.url}/_connector/"

    async def _ready(self) -> None:
        """Waits for the page, which answers only when something listens at the endpoint."""
        ended = asyncio.create_task(self._process.wait())
        try:
            await asyncio.wait({ended, self._port}, return_when=asyncio.FIRST_COMPLETED)
            # Where its port was taken in the last moment, it has chosen another and only says so.
            if self._port.done():
                self.url = f"http://localhost:{self._port.result()}"
            while not ended.done():
                if await self._shows_the_window():
                    return
                await asyncio.wait({ended}, timeout=0.1)
        finally:
            ended.cancel()
        raise EmulatorFailed(f"The Teams emulator of {self.window.person.name} stopped: {await self.reason()}")

    async def _shows_the_window(self) -> bool:
        patience = aiohttp.ClientTimeout(total=3)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
            async with (
                aiohttp.ClientSession(timeout=patience) as http,
                http.get(f"{self.url}/_internal/v1/config") as answer,
            ):
                shown = (await answer.json())["config"]
                return bool(shown["currentUser"]["aadObjectId"] == self.window.person.object_id)
        return False

    async def _listen(self) -> None:
        """Reads what the process prints, to its end: a full pipe would stop it."""
        output = self._process.stdout
        assert output is not None  # asked for at the start
        async for line in output:
            said = line.decode(errors="replace").strip()
            self._said.append(said)
            port = re.search(r"Listening on (\d+)", said)
            if port and not self._port.done():
                self._port.set_result(int(port[1]))

    async def reason(self) -> str:
        """Why it does not run, in its own words: they stand in its log alone, not in what it prints."""
        log = await asyncio.to_thread(_read, self._folder / "devTools" / "m365agentsplayground.log")
        reasons = [line.partition("Reason:")[2].strip() for line in log.splitlines() if line.startswith("error Reason")]
        if reasons:
            return reasons[-1]
        return _last_lines("\n".join(self._said)) or f"it gave no reason (exit code {self._process.returncode})."

    async def ended(self) -> str:
        """Waits until the process ends by itself and returns the reason."""
        await self._process.wait()
        return await self.reason()

    async def stop(self) -> None:
        """Ends the process and removes its folder. May be called twice."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        await self._listening
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def free_port(first: int, count: int = 200) -> int:
    """The first port from `first` on that is free on every interface; OSError where all of them are taken."""
    for port in range(first, first + count):
        if all(_can_listen(family, host, port) for family, host in _interfaces()):
            return port
    raise OSError(f"No free port between {first} and {first + count - 1}.")


def any_free_port() -> int:
    """A port that nobody listens on; the system does not give it away again soon."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interfaces() -> Iterator[tuple[socket.AddressFamily, str]]:
    yield socket.AF_INET, "0.0.0.0"  # the emulator listens on every interface
    yield socket.AF_INET, "127.0.0.1"
    if socket.has_ipv6:
        yield socket.AF_INET6, "::1"


def _can_listen(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether the port is free there; an address that this machine has not is no obstacle."""
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        if os.name != "nt":  # on Windows the option means the opposite
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRNOTAVAIL
    return True


def _run(command: list[str], *, folder: Path, seconds: float) -> tuple[int, str]:
    """Runs a command to its end: its exit code and what it printed."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed commands, no shell
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"it did not end within {seconds:.0f} seconds."
    except OSError as error:
        return 1, str(error)
    return done.returncode, done.stdout.decode(errors="replace")


def _folder_for(window: Window) -> Path:
    """A temporary folder with the emulator's configuration; it writes its logs there as well."""
    # JSON is YAML, and needs no library.
    configuration = json.dumps(window.configuration(), ensure_ascii=False, indent=1)
    folder = Path(tempfile.mkdtemp(prefix="irbot-emulator-"))
    (folder / ".m365agentsplayground.yml").write_text(configuration, encoding="utf-8")
    return folder


def _read(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace")
    return ""


def _environment() -> dict[str, str]:
    """Our environment without what could mislead the emulator; it opens no browser and calls nobody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_KEPT_FROM_IT)}
    return {**kept, "TEAMSAPPTESTER_BROWSER": "none", "APPLICATION_INSIGHTS_NO_STATSBEAT": "1"}


def _last_lines(text: str, count: int = 3) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines()[-count:] if line.strip())


def main() -> int:
    """`python -m simulator.emulator` installs the emulator and starts nothing."""
    try:
        installed = install()
    except EmulatorUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The Teams emulator {VERSION} is installed in {installed.parent}.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
