"""The running simulator: two listeners over one world."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from simulator import channel, control, exchange, graph, login, page, stories
from simulator.config import SimulatorConfig
from simulator.control.guard import same_origin
from simulator.gateway import middleware
from simulator.people import ADMINISTRATORS, APPROVERS, COMMUNICATORS, RESPONDERS, VIPS
from simulator.tokens import Audience
from simulator.world import World

_BODY_LIMIT = 8 * 1024 * 1024


class Simulator:
    """A Microsoft 365 tenant in a box. `async with Simulator(config) as sim:` listens on free ports until the end."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.world = World(self.config)
        stories.start(self.world)
        self._runners: list[web.AppRunner] = []
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.ca_file = Path()
        self.certificate_file = Path()

    @property
    def url(self) -> str:
        """The HTTP base, without a slash at the end. The tenant page is there."""
        return self.world.base_url

    @property
    def login_url(self) -> str:
        """The HTTPS base of the sign-in service."""
        return self.world.login_url

    async def start(self) -> None:
        """Listens. Raises OSError where a wanted port is taken."""
        self._write_files()
        main = web.Application(middlewares=[same_origin, middleware(self.world)], client_max_size=_BODY_LIMIT)
        for service in (graph, exchange, channel, control, page):
            main.add_routes(service.routes(self.world))
        main.add_routes(login.host_routes(self.world))
        signing_in = web.Application(middlewares=[middleware(self.world, "login")])
        signing_in.add_routes(login.routes(self.world))
        host = self.config.host
        try:
            self.world.login_url = (
                f"https://{host}:{await self._listen(signing_in, self.config.login_port, self._tls())}"
            )
            self.world.base_url = f"http://{host}:{await self._listen(main, self.config.port, None)}"
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops listening, closes what the services opened and removes the temporary files."""
        await self.world.close()
        while self._runners:
            await self._runners.pop().cleanup()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def host_environment(self) -> dict[str, str]:
        """What a host with a managed identity tells the programs on it, and what makes IRBot use that identity."""
        identity = login.identity_of(self.world)
        return {
            "IDENTITY_ENDPOINT": f"{self.url}{login.HOST_PATH}",
            "IDENTITY_HEADER": self.world.identity_header,
            "IRBOT_MANAGED_IDENTITY_CLIENT_ID": "" if identity is None else identity.app_id,
        }

    def environment(self, *, certificate: bool = False) -> dict[str, str]:
        """The IRBOT_… variables that point a bot at this tenant; with a certificate instead of the secret if wished."""
        tenant = self.world.tenant
        credential = (
            {"IRBOT_CERTIFICATE_FILE": str(self.certificate_file)}
            if certificate
            else {"IRBOT_APP_SECRET": self.world.app_secret}
        )
        return credential | {
            "IRBOT_TENANT_ID": tenant.id,
            "IRBOT_APP_ID": self.world.app_id,
            "IRBOT_LOGIN_URL": self.login_url,
            "IRBOT_GRAPH_URL": f"{self.url}/graph",
            "IRBOT_EXCHANGE_URL": f"{self.url}/exchange",
            "IRBOT_BOT_OPENID_URL": f"{self.url}/botframework/v1/.well-known/openidconfiguration",
            "IRBOT_BOT_ISSUER": Audience.BOT_FRAMEWORK.value,
            "IRBOT_SERVICE_URLS": f"{self.url}/connector/",
            "IRBOT_FILE_HOSTS": f"{self.url}/sharepoint/",
            "IRBOT_CA_FILE": str(self.ca_file),
            "IRBOT_RESPONDER_GROUPS": tenant.group(RESPONDERS).id,
            "IRBOT_APPROVER_GROUPS": tenant.group(APPROVERS).id,
            "IRBOT_COMMUNICATOR_GROUPS": tenant.group(COMMUNICATORS).id,
            "IRBOT_ADMINISTRATOR_GROUPS": tenant.group(ADMINISTRATORS).id,
            "IRBOT_VIP_GROUPS": tenant.group(VIPS).id,
            "IRBOT_BREAK_GLASS_USERS": tenant.user("emergency1").id,
        }

    def _write_files(self) -> None:
        if self.config.folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="simulator-")
            folder = Path(self._temporary.name)
        else:
            folder = self.config.folder
            folder.mkdir(parents=True, exist_ok=True)
        keys = self.world.keys
        self.ca_file = folder / "simulated-ca.pem"
        self.ca_file.write_bytes(keys.authority.certificate_pem)
        self.certificate_file = folder / "irbot-certificate.pem"
        self.certificate_file.touch(mode=0o600)
        self.certificate_file.write_bytes(keys.app.key_pem + keys.app.certificate_pem)
        self._server_file = folder / "simulated-server.pem"
        self._server_file.touch(mode=0o600)
        self._server_file.write_bytes(keys.server.key_pem + keys.server.certificate_pem)

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server_file)
        return context

    async def _listen(self, app: web.Application, port: int, tls: ssl.SSLContext | None) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self.config.host, port, ssl_context=tls).start()
        return int(runner.addresses[0][1])
