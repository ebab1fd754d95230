"""The sign-in service: msal gets tokens with a secret and with a certificate, and every refusal has its number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import msal
import pytest
import requests

from simulator.server import Simulator

GRAPH = "https://graph.microsoft.com/.default"


async def with_msal(sim: Simulator, credential: Any, scope: str = GRAPH, tenant: str = "") -> dict[str, Any]:
    """A token, or msal's error, as the product asks for it: in a thread, trusting the simulator's own authority."""
    environment = sim.environment()

    def fetch() -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = environment["IRBOT_CA_FILE"]
            app = msal.ConfidentialClientApplication(
                environment["IRBOT_APP_ID"],
                authority=f"{environment['IRBOT_LOGIN_URL']}/{tenant or environment['IRBOT_TENANT_ID']}",
                client_credential=credential,
                http_client=session,
                instance_discovery=False,
            )
            found: dict[str, Any] = app.acquire_token_for_client([scope])
            return found

    return await asyncio.to_thread(fetch)


def claims_of(sim: Simulator, token: str) -> dict[str, Any]:
    """The claims, with the signature checked against the published key."""
    key = jwt.PyJWK(sim.world.keys.login.jwk())
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})
    return found


@pytest.mark.parametrize(
    ("scope", "audience", "roles"),
    [
        (GRAPH, "https://graph.microsoft.com", None),
        ("https://outlook.office365.com/.default", "https://outlook.office365.com", ["Exchange.ManageAsApp"]),
        ("https://api.botframework.com/.default", "https://api.botframework.com", []),
    ],
)
async def test_a_secret_gives_a_signed_token_for_each_audience(
    sim: Simulator, scope: str, audience: str, roles: list[str] | None
) -> None:
    result = await with_msal(sim, sim.world.app_secret, scope)
    claims = claims_of(sim, result["access_token"])
    assert claims["aud"] == audience
    assert claims["appid"] == sim.world.app_id
    assert claims["tid"] == sim.world.tenant.id
    assert claims.get("roles", []) == (sorted(sim.world.bot.permissions) if roles is None else roles)
    assert 3500 < claims["exp"] - time.time() < 3700
    entry = sim.world.journal.entries(service="login", path="/token$")[0]
    assert entry.body["client_secret"] == "(removed)"
    assert entry.app_id == sim.world.app_id


async def test_a_certificate_gives_a_token(sim: Simulator) -> None:
    pem = sim.certificate_file.read_text()
    public = pem[pem.index("-----BEGIN CERTIFICATE") :]
    result = await with_msal(sim, {"private_key": pem, "public_certificate": public})
    assert claims_of(sim, result["access_token"])["aud"] == "https://graph.microsoft.com"
    [entry] = sim.world.journal.entries(service="login", path="/token$")
    assert entry.body["client_assertion"] == "(removed)"


async def test_another_certificate_is_not_registered(sim: Simulator) -> None:
    pem = sim.certificate_file.read_text()
    result = await with_msal(sim, {"private_key": pem, "thumbprint": "A" * 40})
    assert result["error"] == "invalid_client"
    assert "AADSTS700027" in result["error_description"]


async def test_a_wrong_secret_has_its_number(sim: Simulator) -> None:
    result = await with_msal(sim, "wrong")
    assert result["error"] == "invalid_client"
    assert result["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert result["error_codes"] == [7000215]
    assert {"correlation_id", "trace_id", "timestamp", "error_uri"} <= set(result)


async def test_an_unknown_scope_and_a_scope_without_default_are_refused(sim: Simulator) -> None:
    assert (
        "AADSTS500011"
        in (await with_msal(sim, sim.world.app_secret, "https://x.example/.default"))["error_description"]
    )
    result = await with_msal(sim, sim.world.app_secret, "https://graph.microsoft.com/User.Read.All")
    assert (result["error"], result["error_codes"]) == ("invalid_scope", [1002012])


async def test_msal_finds_no_authority_for_an_unknown_tenant(sim: Simulator) -> None:
    with pytest.raises(ValueError, match="authority configuration"):
        await with_msal(sim, sim.world.app_secret, tenant="11111111-2222-3333-4444-555555555555")


class Raw:
    """The token endpoint without msal."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session
        self.form = {
            "grant_type": "client_credentials",
            "client_id": sim.world.app_id,
            "client_secret": sim.world.app_secret,
            "scope": GRAPH,
        }

    async def post(self, changed: dict[str, str | None], path: str = "oauth2/v2.0/token") -> tuple[int, dict[str, Any]]:
        form = {name: value for name, value in (self.form | changed).items() if value is not None}
        url = f"{self.sim.login_url}/{self.sim.world.tenant.id}/{path}"
        async with self.session.post(url, data=form, ssl=False) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self.session.get(f"{self.sim.login_url}/{path}", ssl=False) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def raw(sim: Simulator) -> AsyncIterator[Raw]:
    async with aiohttp.ClientSession() as session:
        yield Raw(sim, session)


@pytest.mark.parametrize(
    ("changed", "status", "number"),
    [
        ({"grant_type": None}, 400, 900144),
        ({"grant_type": "password"}, 400, 70003),
        ({"client_id": None}, 400, 900144),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, 400, 700016),
        ({"client_id": "00000003-0000-0000-c000-000000000000"}, 400, 700016),
        ({"client_secret": None}, 401, 7000218),
        ({"scope": None}, 400, 900144),
        ({"client_assertion": "x", "client_assertion_type": "y"}, 400, 90023),
        (
            {
                "client_assertion": "x.y.z",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            },
            401,
            50027,
        ),
    ],
)
async def test_each_wrong_form_has_its_number(
    raw: Raw, changed: dict[str, str | None], status: int, number: int
) -> None:
    found, body = await raw.post(changed)
    assert (found, body["error_codes"]) == (status, [number])
    assert "access_token" not in body


@pytest.mark.parametrize(
    ("changed", "number"),
    [({"exp": 1}, 700024), ({"sub": "other"}, 700021), ({"aud": "https://evil.example/token"}, 700023)],
)
async def test_assertions_are_checked_claim_by_claim(raw: Raw, changed: dict[str, Any], number: int) -> None:
    import base64

    from cryptography.hazmat.primitives import hashes

    sim = raw.sim
    thumbprint = sim.world.keys.app.certificate.fingerprint(hashes.SHA256())
    now = int(time.time())
    claims = {
        "iss": sim.world.app_id,
        "sub": sim.world.app_id,
        "aud": f"{sim.login_url}/{sim.world.tenant.id}/oauth2/v2.0/token",
        "exp": now + 300,
    }
    header = {"x5t#S256": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()}
    assertion = jwt.encode(claims | changed, sim.world.keys.app.key_pem, algorithm="RS256", headers=header)
    _, body = await raw.post(
        {
            "client_secret": None,
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
    )
    assert body["error_codes"] == [number]


async def test_a_disabled_app_gets_no_token(raw: Raw) -> None:
    raw.sim.world.bot.properties["accountEnabled"] = False
    assert (await raw.post({}))[1]["error_codes"] == [7000112]


async def test_version_one_takes_a_resource(raw: Raw) -> None:
    status, body = await raw.post({"scope": None, "resource": "https://graph.microsoft.com"}, "oauth2/token")
    assert status == 200
    assert body["resource"] == "https://graph.microsoft.com"
    assert claims_of(raw.sim, body["access_token"])["aud"] == "https://graph.microsoft.com"


async def test_discovery_documents_lead_to_the_key(raw: Raw) -> None:
    for version in ("", "/v2.0"):
        status, body = await raw.get(f"contoso.com{version}/.well-known/openid-configuration")
        assert status == 200
        assert body["token_endpoint"].startswith(f"{raw.sim.login_url}/{raw.sim.world.tenant.id}/oauth2")
        path = body["jwks_uri"].removeprefix(raw.sim.login_url + "/")
        keys = (await raw.get(path))[1]["keys"]
        assert [key["kid"] for key in keys] == [raw.sim.world.keys.login.kid]
    status, body = await raw.get("nobody.example/v2.0/.well-known/openid-configuration")
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_tenant", [90002])
    found = (await raw.get("common/discovery/instance"))[1]
    assert found["tenant_discovery_endpoint"].startswith(raw.sim.login_url)
