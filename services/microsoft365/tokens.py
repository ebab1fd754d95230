"""Our application's access tokens: the one place that talks to the Entra sign-in service.

msal asks and caches; it blocks, so it runs in a small pool of threads of its own. A token that is still good is handed
out from memory on the event loop. A few minutes before its end it is renewed behind the calls that go on using it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
import msal

from services.errors import AuthBroken, Throttled, Unavailable, UpstreamDown
from services.microsoft365.managed_identity import HostIdentity
from services.microsoft365.trust import origin, trusted_authorities
from services.settings import Settings

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

SERVICE = "entra-sign-in"

_RENEW_SECONDS = 5 * 60  # msal stops handing out a cached token at this age before its end
_AGAIN_SECONDS = 10  # between two tries to renew a token that is still good
_LAST_USE_SECONDS = 60  # a token this close to its end is not handed out: the call might outlive it
_ENTRA_CODE = re.compile(r"AADSTS\d+")
_TRANSIENT = frozenset({"temporarily_unavailable", "server_error", "request_timeout"})


@dataclass(frozen=True, repr=False)
class _Held:
    """A token in memory. `ends` is on the monotonic clock of `Tokens`."""

    token: str
    ends: float


class _SignInHttp:
    """The HTTP client that msal uses: time-outs, no redirects, and no host but the configured one."""

    def __init__(self, base_url: str, seconds: float, client: httpx.Client) -> None:
        self._origin = origin(base_url)
        self._timeout = httpx.Timeout(seconds, connect=min(5.0, seconds))
        self._client = client

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str | bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> httpx.Response:
        # Not `data=`: msal's client assertion is bytes, which httpx would write as "b'…'".
        form = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return self._send("POST", url, params=params, content=urlencode(data or {}), headers=form)

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: object
    ) -> httpx.Response:
        return self._send("GET", url, params=params, headers=headers)

    def close(self) -> None:
        self._client.close()

    def _send(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        if origin(url) != self._origin:
            raise AuthBroken(service=SERVICE, reason="foreign-host", host=urlsplit(url).hostname)
        try:
            response = self._client.request(method, url, timeout=self._timeout, follow_redirects=False, **kwargs)
        except httpx.HTTPError as error:
            # The httpx error carries the request, and the request the secret: it must not travel in a traceback.
            raise UpstreamDown(service=SERVICE, reason=type(error).__name__) from None
        if response.status_code == 429:
            raise Throttled(_seconds(response.headers.get("Retry-After")), service=SERVICE)
        return response


class Tokens:
    """Application tokens by scope: one msal application for the process, one request in flight per scope."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        http_client: Callable[[], httpx.Client] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._http_client = http_client or self._real_client
        self._seconds = min(10.0, settings.call_timeout_seconds)
        self._application: Any = None  # msal is untyped
        self._sign_in: _SignInHttp | None = None
        self._identity: HostIdentity | None = None
        self._held: dict[str, _Held] = {}
        self._not_before: dict[str, float] = {}
        self._flights: dict[tuple[str, str | None], asyncio.Task[str]] = {}
        self._building = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="irbot-tokens")
        self._closed = False

    async def token(self, scope: str, *, claims: str | None = None) -> str:
        """An access token for `scope`, such as `https://graph.microsoft.com/.default`.

        `claims` is a claims challenge of the service: it always brings a new token. Raises AuthBroken (our credentials
        are not accepted; data `aadsts`) or UpstreamDown.
        """
        left = self._left(scope)
        if claims is None and left > _RENEW_SECONDS:
            return self._held[scope].token
        if claims is None and left > _LAST_USE_SECONDS:
            if self._clock() >= self._not_before.get(scope, 0.0):
                self._renewal(scope, claims)
            return self._held[scope].token
        flight = self._renewal(scope, claims)
        # Shielded: a caller who gives up must not take the token away from the others who wait for it.
        return await asyncio.shield(flight)

    async def forget(self, scope: str, token: str) -> None:
        """Drops `token`, which a service refused, so that the next call asks for a new one."""
        held = self._held.get(scope)
        if held is not None and held.token == token:
            del self._held[scope]
            if self._application is not None:
                await self._in_thread(self._application.remove_tokens_for_client)

    async def close(self) -> None:
        """Ends what is under way and frees threads and connections."""
        self._closed = True
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._held.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._sign_in is not None:
            self._sign_in.close()
        if self._identity is not None:
            self._identity.close()

    def _left(self, scope: str) -> float:
        held = self._held.get(scope)
        return 0.0 if held is None else held.ends - self._clock()

    def _renewal(self, scope: str, claims: str | None) -> asyncio.Task[str]:
        key = (scope, claims)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._renew(scope, claims), name=f"token {scope}")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: tuple[str, str | None], flight: asyncio.Task[str]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled() and (error := flight.exception()) is not None:
            self._not_before[key[0]] = self._clock() + _AGAIN_SECONDS
            logger.warning("no token for %s: %r", key[0], error)

    async def _renew(self, scope: str, claims: str | None) -> str:
        if self._closed:
            raise UpstreamDown(service=SERVICE, reason="closed")
        application = await self._build()
        asked = self._clock()
        try:
            async with asyncio.timeout(2 * self._seconds):
                result = await self._in_thread(
                    lambda: application.acquire_token_for_client([scope], claims_challenge=claims)
                )
        except TimeoutError:
            raise UpstreamDown(service=SERVICE, reason="timeout") from None
        except msal.exceptions.MsalServiceError:
            raise UpstreamDown(service=SERVICE, reason="server-error") from None
        except (ValueError, KeyError, TypeError):
            raise UpstreamDown(service=SERVICE, reason="unreadable-answer") from None
        if not isinstance(result, dict) or not isinstance(result.get("access_token"), str):
            error = _error(result if isinstance(result, dict) else {})
            if isinstance(error, AuthBroken):
                self._application = None  # the next try takes the credential anew: it may have been replaced
            raise error
        token: str = result["access_token"]
        self._held[scope] = _Held(token, asked + float(result.get("expires_in") or 0))
        return token

    async def _build(self) -> Any:
        async with self._building:
            if self._application is None:
                try:
                    async with asyncio.timeout(2 * self._seconds):
                        self._application = await self._in_thread(self._new_application)
                except TimeoutError:
                    raise UpstreamDown(service=SERVICE, reason="timeout") from None
            return self._application

    def _new_application(self) -> Any:
        """Builds msal's application, which looks up the tenant's endpoints at once. Runs in a thread."""
        settings = self._settings
        credential: str | Mapping[str, str | Callable[[], str]]
        if settings.managed_identity_client_id:
            if self._identity is None:
                self._identity = HostIdentity(settings.managed_identity_client_id, settings.cloud, self._seconds)
            credential = self._identity.credential()
        elif settings.certificate_file is not None:
            try:
                pem = settings.certificate_file.read_text(encoding="ascii")
            except (OSError, UnicodeError):
                raise AuthBroken(service=SERVICE, reason="certificate-unreadable") from None
            credential = {"private_key": pem, "public_certificate": pem}
        else:
            assert settings.app_secret is not None  # the settings insist on one of the three
            credential = settings.app_secret.get_secret_value()
        if self._sign_in is None:
            try:
                client = self._http_client()
            except OSError:
                raise AuthBroken(service=SERVICE, reason="ca-file-unreadable") from None
            self._sign_in = _SignInHttp(settings.login_url, self._seconds, client)
        try:
            return msal.ConfidentialClientApplication(
                settings.app_id,
                authority=f"{settings.login_url.rstrip('/')}/{settings.tenant_id}",
                client_credential=credential,
                http_client=self._sign_in,
                # Off: msal would ask login.microsoftonline.com about a host that it does not know.
                instance_discovery=False,
                azure_region=False,
                enable_pii_log=False,
            )
        except msal.exceptions.MsalServiceError:
            raise UpstreamDown(service=SERVICE, reason="server-error") from None
        except (ValueError, KeyError, TypeError):
            # msal says ValueError for an unknown tenant, an answer that is not JSON and a bad certificate alike.
            raise AuthBroken(service=SERVICE, reason="tenant-or-certificate") from None

    def _real_client(self) -> httpx.Client:
        return httpx.Client(verify=trusted_authorities(self._settings.ca_file))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


def _error(result: Mapping[str, Any]) -> Unavailable:
    """The sign-in service's refusal as one of ours. Its description is left out: it may repeat what we sent."""
    word = str(result.get("error") or "no-token")
    found = _ENTRA_CODE.search(str(result.get("error_description") or ""))
    data: dict[str, str | None] = {
        "service": SERVICE,
        "reason": word,
        "aadsts": found.group() if found else None,
        "request_id": str(result["correlation_id"]) if result.get("correlation_id") else None,
    }
    return UpstreamDown(**data) if word in _TRANSIENT else AuthBroken(**data)
