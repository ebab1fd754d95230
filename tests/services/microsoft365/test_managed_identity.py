"""The managed identity as credential: real msal, real HTTP, the host's endpoint and the sign-in service simulated."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from aiohttp import web

from services.errors import AuthBroken, Throttled, Unavailable, UpstreamDown
from services.microsoft365 import Tokens, open_microsoft365
from services.microsoft365.managed_identity import EXCHANGES
from services.microsoft365.trust import trusted_authorities
from services.plain_words import explain
from services.settings import Cloud, Settings
from simulator.faults import Fault, Kind
from simulator.login.host_identity import EXCHANGE_AUDIENCE, assertion, identity_of
from simulator.server import Simulator

GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"
HOSTS = (
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
)


def settings_of(sim: Simulator, **changes: object) -> Settings:
    """The bot's settings without a secret: the managed identity is all that it has."""
    values = {
        name.removeprefix("IRBOT_").lower(): value
        for name, value in (sim.environment() | sim.host_environment()).items()
        if name.startswith("IRBOT_") and name != "IRBOT_APP_SECRET"
    }
    return Settings(**{**values, "call_timeout_seconds": 5, **changes})  # type: ignore[arg-type]


@pytest.fixture
def host(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What App Service puts into the environment of the bot."""
    for name in HOSTS:
        monkeypatch.delenv(name, raising=False)
    for name, value in sim.host_environment().items():
        if not name.startswith("IRBOT_"):
            monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
async def tokens(sim: Simulator, host: pytest.MonkeyPatch) -> AsyncIterator[Tokens]:
    made = Tokens(settings_of(sim))
    yield made
    await made.close()


async def refused(tokens: Tokens) -> Unavailable:
    """How the try to get a token ends; nothing in it may tell the host's secret."""
    with pytest.raises(Unavailable) as caught:
        await tokens.token(GRAPH)
    told = "".join(traceback.format_exception(caught.value))
    assert "X-IDENTITY-HEADER" not in told
    return caught.value


async def test_the_managed_identity_signs_the_app_in(sim: Simulator, tokens: Tokens) -> None:
    assert await tokens.token(GRAPH)
    assert await tokens.token(EXCHANGE)
    asked = sim.world.journal.entries(service="login", path="/token$")
    assert {entry.app_id for entry in asked} == {sim.world.app_id}
    assert all("client_assertion" in entry.body and "client_secret" not in entry.body for entry in asked)
    (entry,) = sim.world.journal.entries(service="msi")
    assert entry.query["resource"] == EXCHANGE_AUDIENCE


async def test_no_proxy_sees_the_secret_header(tokens: Tokens, host: pytest.MonkeyPatch) -> None:
    host.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert await tokens.token(GRAPH)


async def test_graph_answers_to_such_a_token(sim: Simulator, host: pytest.MonkeyPatch) -> None:
    settings = settings_of(sim)
    tokens = Tokens(settings)
    m365 = await open_microsoft365(settings, tokens)
    found = await m365.directory.find_accounts("megan@contoso.com")
    assert [account.upn for account in found] == ["megan@contoso.com"]
    await m365.close()
    await tokens.close()


async def test_the_managed_identity_goes_before_a_secret_and_a_certificate(
    sim: Simulator, host: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(settings_of(sim, app_secret="left-over", certificate_file=sim.certificate_file))
    assert await tokens.token(GRAPH)
    assert sim.world.journal.entries(service="msi")
    await tokens.close()


async def test_an_app_without_the_federated_credential_is_told_so_and_works_once_it_has_it(
    sim: Simulator, tokens: Tokens
) -> None:
    credentials = list(sim.world.bot.federated_credentials)
    sim.world.bot.federated_credentials = []
    error = await refused(tokens)
    assert isinstance(error, AuthBroken)
    assert error.data["aadsts"] == "AADSTS700211"
    assert "federated credential" in explain(error).next_step
    sim.world.bot.federated_credentials = credentials
    assert await tokens.token(GRAPH)
    assert len(sim.world.journal.entries(service="msi")) == 2, "a refused assertion is not used again"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"issuer": "https://login.microsoftonline.com/another-tenant/v2.0"}, "AADSTS700211"),
        ({"audiences": ("api://something-else",)}, "AADSTS700212"),
        ({"subject": "another-identity"}, "AADSTS700213"),
    ],
    ids=["issuer", "audience", "subject"],
)
async def test_a_federated_credential_for_somebody_else_does_not_do(
    sim: Simulator, tokens: Tokens, changes: dict[str, str], code: str
) -> None:
    (credential,) = sim.world.bot.federated_credentials
    sim.world.bot.federated_credentials = [replace(credential, **changes)]  # type: ignore[arg-type]
    error = await refused(tokens)
    assert error.data["aadsts"] == code
    assert "does not trust this managed identity" in explain(error).what


async def test_an_identity_that_the_host_does_not_have_is_refused(sim: Simulator, host: pytest.MonkeyPatch) -> None:
    tokens = Tokens(settings_of(sim, managed_identity_client_id="11111111-2222-3333-4444-555555555555"))
    error = await refused(tokens)
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-refused")
    await tokens.close()


async def test_a_wrong_identity_header_is_refused(tokens: Tokens, host: pytest.MonkeyPatch) -> None:
    host.setenv("IDENTITY_HEADER", "not-the-secret")
    error = await refused(tokens)
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-refused")


async def test_a_host_without_an_endpoint_is_unreachable(tokens: Tokens, host: pytest.MonkeyPatch) -> None:
    host.delenv("IDENTITY_ENDPOINT")
    host.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    error = await refused(tokens)
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-unreachable")


async def test_a_host_with_another_kind_of_endpoint_offers_none(tokens: Tokens, host: pytest.MonkeyPatch) -> None:
    host.delenv("IDENTITY_HEADER")  # Azure Arc knows only the machine's own identity
    host.setenv("IMDS_ENDPOINT", "http://127.0.0.1:9")
    error = await refused(tokens)
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-not-offered")


async def test_an_endpoint_that_hangs_ends_in_time_and_off_the_event_loop(
    sim: Simulator, host: pytest.MonkeyPatch
) -> None:
    sim.world.faults.add(Fault(service="msi", kind=Kind.HANG, times=None))
    tokens = Tokens(settings_of(sim, call_timeout_seconds=0.3))
    call = asyncio.create_task(refused(tokens))
    await asyncio.sleep(0)  # the loop goes on while the call waits
    assert not call.done()
    error = await call
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-unreachable")
    await tokens.close()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(service="msi", status=429, code="x", retry_after=7, times=None), Throttled),
        (Fault(service="msi", status=503, code="x", times=None), UpstreamDown),
        (Fault(service="msi", kind=Kind.DROP, times=None), AuthBroken),
    ],
    ids=["too-often", "server-error", "dropped"],
)
async def test_a_busy_or_broken_endpoint_is_no_end(
    sim: Simulator, tokens: Tokens, fault: Fault, expected: type[Unavailable]
) -> None:
    sim.world.faults.add(fault)
    error = await refused(tokens)
    assert type(error) is expected
    if isinstance(error, Throttled):
        assert error.retry_after == 7
    sim.world.faults.clear()
    assert await tokens.token(GRAPH)


async def test_an_answer_that_nobody_can_read_is_said_to_be(tokens: Tokens, host: pytest.MonkeyPatch) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>not here</html>")

    app = web.Application()
    app.router.add_get("/msi/token", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token")
    error = await refused(tokens)
    assert (type(error), error.data["reason"]) == (AuthBroken, "managed-identity-unreadable")
    await runner.cleanup()


async def test_no_redirect_takes_the_secret_header_elsewhere(
    sim: Simulator, tokens: Tokens, host: pytest.MonkeyPatch
) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect(f"{sim.url}/msi/token?{request.query_string}")

    app = web.Application()
    app.router.add_get("/msi/token", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}/msi/token")
    assert isinstance(await refused(tokens), AuthBroken)
    assert sim.world.journal.entries(service="msi") == []
    await runner.cleanup()


async def test_a_forged_or_old_assertion_is_refused(sim: Simulator) -> None:
    identity = identity_of(sim.world)
    assert identity is not None
    good = assertion(sim.world, identity, EXCHANGE_AUDIENCE)
    head, body, signature = good.split(".")
    forged = f"{head}.{body}.{signature[:-8]}AAAAAAAA"
    form = {
        "grant_type": "client_credentials",
        "client_id": sim.world.app_id,
        "scope": GRAPH,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    url = f"{sim.login_url}/{sim.world.tenant.id}/oauth2/v2.0/token"
    async with httpx.AsyncClient(verify=trusted_authorities(sim.ca_file)) as client:
        answer = await client.post(url, data={**form, "client_assertion": forged})
        assert answer.json()["error_codes"] == [700027]
        assert (await client.post(url, data={**form, "client_assertion": good})).status_code == 200
        sim.world.clock.advance(25 * 3600)
        answer = await client.post(url, data={**form, "client_assertion": good})
        assert answer.json()["error_codes"] == [700024]


def test_every_cloud_has_an_exchange_of_its_own_name() -> None:
    assert set(EXCHANGES) == set(Cloud)
