"""The token endpoint: client credentials with a secret, a certificate or another identity's token.

What it refuses, it refuses in the cloud's own words.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping

import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from simulator.gateway import ENTRY
from simulator.login.discovery import knows_tenant
from simulator.login.errors import refusal, unknown_tenant
from simulator.login.host_identity import issuer_of
from simulator.tenant import ServicePrincipal
from simulator.tokens import LIFETIME_SECONDS, Audience, audience_of
from simulator.world import World

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class _Refused(Exception):
    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.number, self.text = status, error, number, text


def token_routes(world: World) -> list[web.RouteDef]:
    """Both versions of the endpoint; version one takes `resource`, version two takes `scope`."""

    async def token(request: web.Request) -> web.Response:
        name = request.match_info["tenant"]
        correlation = request.headers.get("client-request-id")
        if not knows_tenant(world, name):
            return unknown_tenant(world, name, correlation)
        form = {key: str(value) for key, value in (await request.post()).items()}
        version_two = "/v2.0/" in request.path
        try:
            app = _client(world, form)
            request[ENTRY].app_id = app.app_id
            _authenticate(world, app, form, f"{request.scheme}://{request.host}")
            audience = _audience(form, version_two=version_two)
        except _Refused as problem:
            return refusal(world, problem.status, problem.error, problem.number, problem.text, correlation)
        body = {
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "ext_expires_in": LIFETIME_SECONDS,
            "access_token": world.tokens.issue(app, audience),
        }
        if not version_two:
            body |= {
                "resource": audience.value,
                "expires_on": str(int(world.clock.now().timestamp()) + LIFETIME_SECONDS),
            }
        return web.json_response(body, headers={"Cache-Control": "no-store"})

    return [web.post("/{tenant}/oauth2/v2.0/token", token), web.post("/{tenant}/oauth2/token", token)]


def _need(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        text = f"The request body must contain the following parameter: '{name}'."
        raise _Refused(400, "invalid_request", 900144, text)
    return value


def _client(world: World, form: Mapping[str, str]) -> ServicePrincipal:
    if _need(form, "grant_type") != "client_credentials":
        text = f"The app requested an unsupported grant type '{form['grant_type']}'."
        raise _Refused(400, "unsupported_grant_type", 70003, text)
    client_id = _need(form, "client_id")
    app = world.tenant.app(client_id)
    if app is None or not (app.secret_digest or app.certificate_pem or app.federated_credentials):
        text = (
            f"Application with identifier '{client_id}' was not found in the directory '{world.tenant.name}'. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by "
            "any user in the tenant. You may have sent your authentication request to the wrong tenant."
        )
        raise _Refused(400, "unauthorized_client", 700016, text)
    if not app.properties["accountEnabled"]:
        raise _Refused(400, "unauthorized_client", 7000112, f"Application '{client_id}' is disabled.")
    return app


def _authenticate(world: World, app: ServicePrincipal, form: Mapping[str, str], base: str) -> None:
    if "client_assertion" in form:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            text = "The client_assertion_type is not supported."
            raise _Refused(400, "invalid_request", 90023, text)
        if _of_another_issuer(form["client_assertion"]):
            _check_federated(world, app, form["client_assertion"])
        else:
            _check_assertion(app, form["client_assertion"], base)
        return
    if "client_secret" not in form:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise _Refused(401, "invalid_client", 7000218, text)
    digest = hashlib.sha256(form["client_secret"].encode()).hexdigest()
    if app.secret_digest is None or not secrets.compare_digest(digest, app.secret_digest):
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{app.app_id}'."
        )
        raise _Refused(401, "invalid_client", 7000215, text)


def _check_assertion(app: ServicePrincipal, assertion: str, base: str) -> None:
    unknown_key = _Refused(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application. "
        f"[Reason - The key was not found.] Application '{app.app_id}'.",
    )
    if app.certificate_pem is None:
        raise unknown_key
    certificate = x509.load_pem_x509_certificate(app.certificate_pem)
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    try:
        header = jwt.get_unverified_header(assertion)
        named = {
            "x5t": base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA1())).rstrip(b"=").decode(),  # noqa: S303  # the header's own definition
            "x5t#S256": base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode(),
        }
        if not any(str(header.get(name, "")).rstrip("=") == value for name, value in named.items()):
            raise unknown_key
        claims = jwt.decode(
            assertion,
            public,
            algorithms=["RS256", "PS256"],
            options={"verify_aud": False, "require": ["exp", "iss", "sub", "aud"]},
            leeway=300,
        )
    except jwt.ExpiredSignatureError as problem:
        text = "Client assertion is not within its valid time range."
        raise _Refused(401, "invalid_client", 700024, text) from problem
    except jwt.InvalidSignatureError as problem:
        text = "Client assertion contains an invalid signature. [Reason - The key used is not the registered one.]"
        raise _Refused(401, "invalid_client", 700027, text) from problem
    except jwt.InvalidTokenError as problem:
        raise _Refused(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from problem
    if claims["iss"] != app.app_id or claims["sub"] != app.app_id:
        text = "Client assertion's issuer and subject must be the client id."
        raise _Refused(401, "invalid_client", 700021, text)
    if not str(claims["aud"]).startswith(base):
        text = "Client assertion audience claim does not match Realm issuer."
        raise _Refused(401, "invalid_client", 700023, text)


def _of_another_issuer(assertion: str) -> bool:
    """Whether it is a token that somebody issued, and not one that the app signed for itself."""
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return False
    return str(claims.get("iss", "")).startswith("https://")


def _check_federated(world: World, app: ServicePrincipal, assertion: str) -> None:
    """Issuer, audience and subject must be those of one federated credential, and the issuer must have signed."""
    claims = jwt.decode(assertion, options={"verify_signature": False})
    issuer, audience, subject = (str(claims.get(name, "")) for name in ("iss", "aud", "sub"))
    hint = (
        "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. "
        "https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    )
    left = [each for each in app.federated_credentials if each.issuer == issuer]
    if not left:
        text = f"No matching federated identity record found for presented assertion issuer '{issuer}'. {hint}"
        raise _Refused(401, "invalid_client", 700211, text)
    left = [each for each in left if audience in each.audiences]
    if not left:
        text = f"No matching federated identity record found for presented assertion audience '{audience}'. {hint}"
        raise _Refused(401, "invalid_client", 700212, text)
    if not any(each.subject == subject for each in left):
        text = f"No matching federated identity record found for presented assertion subject '{subject}'. {hint}"
        raise _Refused(401, "invalid_client", 700213, text)
    unsigned = _Refused(
        401,
        "invalid_client",
        700027,
        "Client assertion contains an invalid signature. [Reason - The key was not found.]",
    )
    if issuer != issuer_of(world):  # the keys of other issuers are not to be had here
        raise unsigned
    key = world.keys.login
    try:
        if jwt.get_unverified_header(assertion).get("kid") != key.kid:
            raise unsigned
        jwt.decode(
            assertion,
            key.private.public_key(),
            algorithms=["RS256"],
            options={
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["exp"],
            },
        )
    except jwt.InvalidSignatureError as problem:
        raise unsigned from problem
    except jwt.InvalidTokenError as problem:
        raise _Refused(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from problem
    if not float(claims.get("nbf", 0)) <= world.clock.now().timestamp() < float(claims["exp"]):
        text = "Client assertion is not within its valid time range."
        raise _Refused(401, "invalid_client", 700024, text)


def _audience(form: Mapping[str, str], *, version_two: bool) -> Audience:
    if version_two:
        scopes = _need(form, "scope").split()
        if len(scopes) != 1 or not scopes[0].endswith("/.default"):
            text = (
                f"The provided value for scope {form['scope']} is not valid. Client credential flows must have a scope "
                "value with /.default suffixed to the resource identifier (application ID URI)."
            )
            raise _Refused(400, "invalid_scope", 1002012, text)
        resource = scopes[0].removesuffix("/.default")
    else:
        resource = _need(form, "resource")
    audience = audience_of(resource)
    if audience is None:
        text = (
            f"The resource principal named {resource} was not found in the tenant. This can happen if the application "
            "has not been installed by the administrator of the tenant or consented to by any user in the tenant."
        )
        raise _Refused(400, "invalid_resource", 500011, text)
    return audience
