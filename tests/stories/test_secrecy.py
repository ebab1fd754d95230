"""The new password, the bot's own secret and its tokens are nowhere but where they were used."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from services.vault import Vault
from simulator.bench import Bench
from simulator.tenant import User
from tests.stories.steps import LOCKED, ask, is_locked


def _forms(secret: str) -> set[bytes]:
    """Every way in which it might be written."""
    raw = secret.encode()
    return {
        raw,
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        json.dumps(secret)[1:-1].encode(),
        json.dumps(json.dumps(secret))[3:-3].encode(),
        raw.hex().encode(),
        secret.encode("utf-16-le"),
        repr(secret)[1:-1].encode(),
        *_base64(raw),
    }


def _base64(raw: bytes) -> Iterator[bytes]:
    """What stays the same of it in base64, wherever in a longer text it begins."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        core = coded[4 if before else 0 : len(coded) - len(coded) % 4 - 4]
        yield core
        yield core.replace(b"+", b"-").replace(b"/", b"_")


def _traffic(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """Everything that was said or sent in the tenant, as the simulator keeps it."""
    world, teams = bench.sim.world, bench.teams
    yield "journal", json.dumps([entry.to_json() for entry in world.journal], default=str, ensure_ascii=False).encode()
    for owner in world.inbox.owners():
        items = [item.to_json() for item in world.inbox.of(owner)]
        yield f"inbox of {owner}", json.dumps(items, default=str, ensure_ascii=False).encode()
    for record in teams.conversations:
        for post in record.posts:
            seen = [post.activity, *post.history, *post.views.values()]
            yield f"post {post.activity_id}", json.dumps(seen, default=str, ensure_ascii=False).encode()
    for number, answer in enumerate(teams.delivery.answers):
        yield f"answer {number}", answer.raw + json.dumps(answer.activity, ensure_ascii=False).encode()
    yield "what the tenant shows", json.dumps([vars(change) for change in world.tenant.changes], default=str).encode()


def _files(folder: Path) -> dict[str, bytes]:
    """Every file of the bot: its output, its databases with their write-ahead logs."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _evidence(data: Path) -> dict[str, bytes]:
    """What is kept encrypted, opened with the key that lies beside it."""
    vault = Vault(((data / "data.key").read_text(encoding="ascii").strip(),))
    with closing(sqlite3.connect(data / "irbot.sqlite")) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM evidence")]
    return {f"evidence {number}": vault.unpack(body) for number, body in enumerate(bodies)}


def found(secrets: dict[str, str], places: dict[str, bytes]) -> list[str]:
    """Where which of them is written, in whatever form."""
    return [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for form in _forms(secret)
        for place, content in places.items()
        if form in content
    ]


async def test_no_secret_is_anywhere() -> None:
    passwords: list[str] = []
    tokens: list[str] = []
    async with Bench.start(own_process=True, settings={"log_level": "DEBUG"}) as bench:
        world = bench.sim.world
        set_password, issue = world.tenant.set_password, world.tokens.issue

        def keep_password(user: User, password: str, by: str) -> None:
            passwords.append(password)
            set_password(user, password, by)

        def keep_token(*arguments: Any, **named: Any) -> str:
            tokens.append(issue(*arguments, **named))
            return tokens[-1]

        world.tenant.set_password = keep_password  # type: ignore[method-assign]  # a wire-tap, not another behaviour
        world.tokens.issue = keep_token  # type: ignore[method-assign]  # likewise
        world.tokens.expire_all()  # so that the bot must ask for tokens that we hear of
        await ask(bench, "megan@contoso.com")
        await bench.click("Lock now", by="alex", where="thread")
        await bench.until_card(LOCKED, by="alex", where="thread", timeout=20)
        await ask(bench, "isaiah@contoso.com")
        await bench.until_button("Approve", by="adele", where="personal")
        await bench.click("Approve", by="adele", where="personal")
        await bench.until_card(LOCKED, by="alex", where="thread", timeout=20)
        await bench.settled(quiet=0.7)
        assert is_locked(bench.user("megan"))
        assert is_locked(bench.user("isaiah"))
        running = _files(bench.bot.folder)  # with the write-ahead logs as they are now
        await bench.bot.stop()
        places = {f"while running: {name}": content for name, content in running.items()}
        places |= _files(bench.bot.folder) | dict(_traffic(bench)) | _evidence(bench.bot.folder / "data")

        assert len(passwords) == len(set(passwords)) == 2
        assert min(len(password) for password in passwords) >= 16
        assert tokens
        secrets = {
            **{f"password {number}": password for number, password in enumerate(passwords)},
            **{f"token {number}": token.rpartition(".")[2][:60] for number, token in enumerate(tokens)},
            "client secret": world.app_secret,
        }
        # The search is worth something only where it can find: what must be there is found in every kind of place.
        known = found({"name": "Megan Bowen"}, places)
        for part in ("irbot.sqlite", "post ", "answer ", "evidence "):
            assert any(part in place for place in known), part
        assert any("engine.sqlite" in place for place in places)
        assert b"DEBUG" in places["bot.log"]
        assert found(secrets, places) == []
