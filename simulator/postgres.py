"""A PostgreSQL of one's own, made, used and thrown away. Wants the server's programs, and nothing that runs already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

_START_SECONDS = 30.0
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_PACE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=120", "shared_buffers=32MB")


def find_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, the newest version first; None where the server is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    for pattern in _FOLDERS:
        folders = [path for path in Path("/").glob(pattern.lstrip("/")) if (path / "initdb").exists()]
        if folders:
            return max(folders, key=lambda path: [int(part) for part in path.parent.name.split("-")[-1].split(".")])
    return None


class NotInstalled(Exception):
    """PostgreSQL's server is not on this machine."""


class NotStarted(Exception):
    """PostgreSQL's server is there and does not start; the text is what it said."""


class Cluster:
    """A server that listens on a socket in its own folder and nowhere else."""

    def __init__(self, folder: Path, binaries: Path, who: dict[str, Any], settings: Sequence[str]) -> None:
        self.folder = folder
        self._options = [part for setting in settings for part in ("-c", setting)]
        self._binaries = binaries
        self._who = who
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. Raises NotStarted."""
        folder = str(self.folder)
        where = ["-D", str(self.folder / "data"), "-k", folder, "-c", "listen_addresses="]
        with (self.folder / "log").open("ab") as log:
            server = self._server = subprocess.Popen(  # noqa: S603  # a program that was found here
                [str(self._binaries / "postgres"), *where, *self._options],
                stdout=log,
                stderr=log,
                cwd=folder,
                **self._who,
            )
        _wait(server, self.folder)

    def stop(self) -> None:
        """Ends it at once, as a crash does; what was committed is there again after `start`."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(timeout=20)
            self._server = None

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://irbot@/{database}?host={self.folder}"

    def new_database(self, template: str = "template0") -> str:
        """Makes a database and returns its name."""
        name = f"t{uuid.uuid4().hex[:16]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, database: str) -> None:
        """Throws a database away, with whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Runs one statement outside a transaction."""
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """A connection to one of its databases, on which each statement counts at once."""
        return psycopg.connect(f"host={self.folder} user=irbot dbname={database}", autocommit=True)


@contextmanager
def cluster(*settings: str) -> Iterator[Cluster]:
    """Starts one, with further settings that go before the usual ones. Raises NotInstalled or NotStarted."""
    binaries = find_binaries()
    if binaries is None:
        raise NotInstalled("PostgreSQL's server (initdb) is not installed.")
    # A short path: the socket's name may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="irbot-pg-"))
    who = _ordinary_user()
    if who:
        shutil.chown(folder, who["user"], who["group"])
    data = folder / "data"
    try:
        made = subprocess.run(  # noqa: S603  # a program that was found here
            [binaries / "initdb", "-D", data, "-U", "irbot", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            **who,
        )
        if made.returncode != 0:
            raise NotStarted(f"initdb failed: {made.stderr[-2000:]}")
        server = Cluster(folder, binaries, who, (*_PACE, *settings))
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(f"host={folder} user=irbot dbname=postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise NotStarted(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return


def _ordinary_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root hands it to somebody else."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import grp
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_name, "group": grp.getgrgid(entry.pw_gid).gr_name, "extra_groups": []}
