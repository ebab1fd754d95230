"""A partner's server: real HTTPS, with a certificate of the simulated authority, that keeps what it gets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from simulator.keys import generate

SECRET = "a-secret-of-the-partner-that-is-long-enough"


@dataclass
class Receiver:
    """`status` is what it answers; a redirect points at `elsewhere`; `slow_seconds` passes before any answer."""

    url: str = ""
    status: int = 204
    slow_seconds: float = 0.0
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.got.append((request.path, dict(request.headers), await request.read()))
        await asyncio.sleep(self.slow_seconds)
        headers = {"Location": f"{self.url}/elsewhere"} if 300 <= self.status < 400 else {}
        return web.Response(status=self.status, headers=headers)

    def is_signed(self, number: int = 0) -> bool:
        """Whether a call carries the signature that the shared secret gives."""
        _, headers, body = self.got[number]
        stamp = headers["X-IRBot-Timestamp"].encode()
        expected = hmac.new(SECRET.encode(), stamp + b"." + body, hashlib.sha256).hexdigest()
        return headers["X-IRBot-Signature"] == f"sha256={expected}"


@asynccontextmanager
async def receiver(folder: Path) -> AsyncIterator[Receiver]:
    """Listens until the end. `folder` gets its certificate and the authority's (`ca.pem`)."""
    keys = generate("127.0.0.1")
    (folder / "ca.pem").write_bytes(keys.authority.certificate_pem)
    (folder / "server.pem").write_bytes(keys.server.key_pem + keys.server.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        await runner.cleanup()


def partners_file(folder: Path, url: str) -> Path:
    """A provider with mail and webhook, an insurer with mail, a bank with a phone."""
    (folder / "northwind.key").write_text(SECRET)
    file = folder / "partners.toml"
    file.write_text(
        f"""
[[contact]]
id = "northwind"
kind = "msp"
name = "Northwind IT"
phone = "+1 425 555 0100"
mail = "soc@northwind.example"
webhook = "{url}/irbot"
secret_file = "northwind.key"

[[contact]]
id = "proseware"
kind = "insurer"
name = "Proseware Insurance"
mail = "claims@proseware.invalid"

[[contact]]
id = "woodgrove"
kind = "bank"
name = "Woodgrove Bank"
phone = "+1 425 555 0177"
"""
    )
    return file
