from __future__ import annotations

import asyncio
import datetime
import json
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from services.errors import AuthBroken, Throttled, UpstreamDown
from services.microsoft365.tokens import Tokens
from services.settings import Settings

SECRET = "s3cret-of-the-app"
GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"


class Entra:
    """The sign-in service on a mock transport: what it was asked, and knobs for what it answers."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.issued = 0
        self.expires_in = 3600
        self.delay = 0.0
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None
        self.token_host = "login.test"
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
        if request.url.path.endswith("/.well-known/openid-configuration"):
            base = f"https://{self.token_host}/t1"
            return httpx.Response(
                200,
                json={
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                },
            )
        time.sleep(self.delay)
        if self.answer is not None:
            return self.answer(request)
        with self._lock:
            self.issued += 1
            number = self.issued
        return httpx.Response(
            200, json={"token_type": "Bearer", "access_token": f"token-{number}", "expires_in": self.expires_in}
        )

    @property
    def token_requests(self) -> list[dict[str, str]]:
        return [
            dict(httpx.QueryParams(request.content.decode()))
            for request in self.requests
            if request.url.path.endswith("/token")
        ]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "tenant_id": "t1",
        "app_id": "app",
        "app_secret": SECRET,
        "login_url": "https://login.test",
        "call_timeout_seconds": 5,
    }
    return Settings(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def entra() -> Entra:
    return Entra()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tokens(entra: Entra, clock: Clock) -> AsyncIterator[Tokens]:
    made = Tokens(settings(), clock=clock, http_client=lambda: httpx.Client(transport=httpx.MockTransport(entra)))
    yield made
    await made.close()


async def test_a_token_is_asked_once_and_kept(tokens: Tokens, entra: Entra) -> None:
    assert await tokens.token(GRAPH) == "token-1"
    assert await tokens.token(GRAPH) == "token-1"
    (asked,) = entra.token_requests
    assert asked["scope"] == GRAPH
    assert asked["grant_type"] == "client_credentials"


async def test_many_callers_share_one_request_per_scope(tokens: Tokens, entra: Entra) -> None:
    entra.delay = 0.05
    answers = await asyncio.gather(*(tokens.token(scope) for scope in (GRAPH, EXCHANGE) * 50))
    assert len(set(answers)) == 2
    assert sorted(asked["scope"] for asked in entra.token_requests) == sorted((GRAPH, EXCHANGE))


async def test_a_caller_who_gives_up_does_not_take_the_token_from_the_others(tokens: Tokens, entra: Entra) -> None:
    entra.delay = 0.1
    first = asyncio.create_task(tokens.token(GRAPH))
    second = asyncio.create_task(tokens.token(GRAPH))
    await asyncio.sleep(0.02)
    first.cancel()
    assert await second == "token-1"


async def test_a_token_near_its_end_is_renewed_behind_the_calls_that_use_it(
    tokens: Tokens, entra: Entra, clock: Clock
) -> None:
    entra.expires_in = 290  # msal itself takes this for expired, so that it asks again
    await tokens.token(GRAPH)
    clock.now += 10
    assert await tokens.token(GRAPH) == "token-1"
    for _ in range(500):
        if await tokens.token(GRAPH) != "token-1":
            break
        await asyncio.sleep(0.01)
    assert await tokens.token(GRAPH) == "token-2"


async def test_a_token_still_good_is_used_while_the_sign_in_service_is_down(
    tokens: Tokens, entra: Entra, clock: Clock
) -> None:
    entra.expires_in = 290
    await tokens.token(GRAPH)
    entra.answer = lambda _: httpx.Response(503, text="down")
    clock.now += 10
    for _ in range(20):
        assert await tokens.token(GRAPH) == "token-1"
        await asyncio.sleep(0.01)
    assert len(entra.token_requests) == 2  # and it is not asked at every call
    clock.now += 250
    with pytest.raises(UpstreamDown):
        await tokens.token(GRAPH)


async def test_a_claims_challenge_brings_a_new_token(tokens: Tokens, entra: Entra) -> None:
    await tokens.token(GRAPH)
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}})
    assert await tokens.token(GRAPH, claims=claims) == "token-2"
    assert "nbf" in entra.token_requests[1]["claims"]
    assert await tokens.token(GRAPH) == "token-2"


async def test_a_refused_token_is_forgotten(tokens: Tokens) -> None:
    refused = await tokens.token(GRAPH)
    await tokens.forget(GRAPH, refused)
    renewed = await tokens.token(GRAPH)
    assert renewed == "token-2"
    await tokens.forget(GRAPH, refused)  # a late second refusal of the old one changes nothing
    assert await tokens.token(GRAPH) == renewed


@pytest.mark.parametrize(
    ("error", "description", "code"),
    [
        ("invalid_client", f"AADSTS7000215: Invalid client secret provided: {SECRET}", "AADSTS7000215"),
        ("unauthorized_client", "AADSTS700016: Application not found in the directory", "AADSTS700016"),
        ("invalid_client", "AADSTS7000222: The provided client secret keys are expired.", "AADSTS7000222"),
        ("invalid_grant", "AADSTS53003: Access has been blocked by Conditional Access policies.", "AADSTS53003"),
    ],
)
async def test_refused_credentials_carry_entras_code_and_never_the_secret(
    tokens: Tokens, entra: Entra, error: str, description: str, code: str
) -> None:
    entra.answer = lambda _: httpx.Response(
        401, json={"error": error, "error_description": description, "correlation_id": "c-1"}
    )
    with pytest.raises(AuthBroken) as caught:
        await tokens.token(GRAPH)
    assert caught.value.data["aadsts"] == code
    assert caught.value.data["request_id"] == "c-1"
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)


async def test_credentials_mended_while_running_work_without_a_restart(tokens: Tokens, entra: Entra) -> None:
    entra.answer = lambda _: httpx.Response(400, json={"error": "invalid_client"})
    with pytest.raises(AuthBroken):
        await tokens.token(GRAPH)
    entra.answer = None
    assert await tokens.token(GRAPH) == "token-1"


async def test_a_busy_sign_in_service_says_how_long_to_wait(tokens: Tokens, entra: Entra) -> None:
    entra.answer = lambda _: httpx.Response(429, headers={"Retry-After": "7"})
    with pytest.raises(Throttled) as caught:
        await tokens.token(GRAPH)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503, text="down"),
        httpx.Response(200, text="<html>a proxy's page</html>"),
        httpx.Response(400, json={"error": "temporarily_unavailable"}),
        httpx.Response(302, headers={"Location": "https://elsewhere.test/"}),
    ],
    ids=["server error", "not JSON", "transient", "redirect"],
)
async def test_a_sign_in_service_that_cannot_answer_is_down(
    tokens: Tokens, entra: Entra, answer: httpx.Response
) -> None:
    entra.answer = lambda _: answer
    with pytest.raises(UpstreamDown):
        await tokens.token(GRAPH)
    assert {request.url.host for request in entra.requests} == {"login.test"}


async def test_no_connection_is_down_and_hides_the_request(tokens: Tokens, entra: Entra) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    entra.answer = refuse
    with pytest.raises(UpstreamDown) as caught:
        await tokens.token(GRAPH)
    assert caught.value.__cause__ is None
    assert caught.value.data["reason"] == "ConnectError"


async def test_nothing_is_sent_to_a_token_endpoint_on_another_host(tokens: Tokens, entra: Entra) -> None:
    entra.token_host = "evil.test"
    with pytest.raises(AuthBroken) as caught:
        await tokens.token(GRAPH)
    assert caught.value.data["reason"] == "foreign-host"
    assert {request.url.host for request in entra.requests} == {"login.test"}


async def test_an_unknown_tenant_is_said_to_be_ours_to_mend(clock: Clock) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json={"error": "invalid_tenant"}))
    tokens = Tokens(settings(), clock=clock, http_client=lambda: httpx.Client(transport=transport))
    with pytest.raises(AuthBroken):
        await tokens.token(GRAPH)
    await tokens.close()


async def test_a_closed_tokens_gives_no_more(tokens: Tokens) -> None:
    await tokens.close()
    with pytest.raises(UpstreamDown):
        await tokens.token(GRAPH)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "irbot")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "irbot.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def signed_claims(assertion: str, certificate: Path) -> dict[str, object]:
    public = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return jwt.decode(assertion, public, ["PS256"], audience="https://login.test/t1/oauth2/v2.0/token")  # type: ignore[arg-type]


async def test_a_certificate_comes_before_the_secret(entra: Entra, certificate: Path) -> None:
    tokens = Tokens(
        settings(certificate_file=certificate),
        http_client=lambda: httpx.Client(transport=httpx.MockTransport(entra)),
    )
    assert await tokens.token(GRAPH) == "token-1"
    (asked,) = entra.token_requests
    assert asked["client_assertion_type"].endswith("jwt-bearer")
    claims = signed_claims(asked["client_assertion"], certificate)
    assert claims["iss"] == claims["sub"] == "app"
    assert "client_secret" not in asked
    await tokens.close()


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_an_unreadable_certificate_is_said_plainly(entra: Entra, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "irbot.pem"
    if content is not None:
        path.write_text(content)
    tokens = Tokens(
        settings(certificate_file=path), http_client=lambda: httpx.Client(transport=httpx.MockTransport(entra))
    )
    with pytest.raises(AuthBroken) as caught:
        await tokens.token(GRAPH)
    assert "certificate" in str(caught.value.data["reason"])
    await tokens.close()
