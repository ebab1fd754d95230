"""The host's managed identity as our application's credential: no secret and no key lies anywhere.

The host's identity endpoint gives a token for Entra's token exchange; that token is the client assertion with which our
application signs in. The app registration trusts it through a federated credential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msal

from services.errors import AuthBroken, Throttled, UpstreamDown
from services.settings import Cloud

SERVICE = "managed-identity"

# What the token is asked for. Each cloud exchanges tokens under a name of its own.
EXCHANGES: Mapping[Cloud, str] = {
    Cloud.CHINA: "api://AzureADTokenExchangeChina",
    Cloud.DOD: "api://AzureADTokenExchangeUSGov",
    Cloud.GCC_HIGH: "api://AzureADTokenExchangeUSGov",
    Cloud.GLOBAL: "api://AzureADTokenExchange",
}


class _EndpointHttp:
    """The HTTP client that msal asks the host's endpoint with: time-outs, no redirects, no proxy.

    The endpoint takes a secret header, so nothing but the host itself may see the request.
    """

    def __init__(self, seconds: float, client: httpx.Client) -> None:
        self._timeout = httpx.Timeout(seconds, connect=min(5.0, seconds))
        self._client = client

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: object
    ) -> httpx.Response:
        try:
            response = self._client.get(
                url, params=params, headers=headers, timeout=self._timeout, follow_redirects=False
            )
        except (httpx.HTTPError, httpx.InvalidURL):
            # The httpx error carries the request, and the request the secret header.
            raise AuthBroken(service=SERVICE, reason="managed-identity-unreachable") from None
        if response.status_code == 429:
            wait = response.headers.get("Retry-After", "")
            raise Throttled(float(wait) if wait.isdecimal() else None, service=SERVICE)
        if response.status_code >= 500:
            raise UpstreamDown(service=SERVICE, reason="server-error")
        return response

    def post(self, url: str, **_: object) -> httpx.Response:
        """msal wraps it, and asks no endpoint this way."""
        raise AuthBroken(service=SERVICE, reason="managed-identity-not-offered")

    def close(self) -> None:
        self._client.close()


class HostIdentity:
    """One user-assigned managed identity of the host. It blocks: for threads only."""

    def __init__(
        self, client_id: str, cloud: Cloud, seconds: float, http_client: Callable[[], httpx.Client] | None = None
    ) -> None:
        self._client_id = client_id
        self._exchange = EXCHANGES[cloud]
        self._http = _EndpointHttp(seconds, (http_client or _direct)())

    def credential(self) -> dict[str, Callable[[], str]]:
        """What msal's application takes as credential: it asks for an assertion whenever it needs one.

        Each credential starts without the assertions of the earlier ones, which may have been refused.
        """
        client = msal.ManagedIdentityClient(
            msal.UserAssignedManagedIdentity(client_id=self._client_id), http_client=self._http
        )
        return {"client_assertion": lambda: self._assertion(client)}

    def close(self) -> None:
        """Frees the connections."""
        self._http.close()

    def _assertion(self, client: Any) -> str:
        """Raises AuthBroken, Throttled or UpstreamDown. What the endpoint wrote is left out."""
        try:
            answer = client.acquire_token_for_client(resource=self._exchange)
        except msal.ManagedIdentityError:
            # This kind of host gives no user-assigned identity, or not in a way that we can ask for.
            raise AuthBroken(service=SERVICE, reason="managed-identity-not-offered") from None
        except (ValueError, KeyError, TypeError):
            raise AuthBroken(service=SERVICE, reason="managed-identity-unreadable") from None
        assertion = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(assertion, str):
            raise AuthBroken(service=SERVICE, reason="managed-identity-refused")
        return assertion


def _direct() -> httpx.Client:
    return httpx.Client(trust_env=False)
