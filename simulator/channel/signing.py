"""The channel's signature: tokens as Bot Framework sends them to a bot, its keys, and forged tokens for tests."""

from __future__ import annotations

import time
import uuid
from enum import StrEnum
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.keys import SigningKey

ISSUER = "https://api.botframework.com"
_LIFETIME_SECONDS = 3600
_CLOCK_SKEW_SECONDS = 300
_OTHER_CHANNEL = "simulated-skype-key"


class Forgery(StrEnum):
    """Ways in which a token can be wrong. The keys and metadata that the bot reads stay right."""

    ALG_NONE = "alg-none"
    EXPIRED = "expired"
    GARBAGE = "garbage"
    HMAC_WITH_PUBLIC_KEY = "hmac-with-public-key"
    MISSING_ENDORSEMENT = "missing-endorsement"
    NO_HEADER = "no-header"
    NOT_YET_VALID = "not-yet-valid"
    OTHER_SERVICE_URL = "other-service-url"
    UNKNOWN_KEY = "unknown-key"
    WRONG_AUDIENCE = "wrong-audience"
    WRONG_ISSUER = "wrong-issuer"
    WRONG_KEY = "wrong-key"
    WRONG_SCHEME = "wrong-scheme"


@lru_cache(maxsize=8)
def _another_key(kid: str) -> SigningKey:
    """A key that is not the channel's; one per purpose and process, since RSA is slow."""
    return SigningKey(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))


class ChannelSigner:
    """Signs for one bot. The tokens live in real time, whatever the simulated clock says: the bot reads a real one."""

    def __init__(self, app_id: str, key: SigningKey) -> None:
        self._app_id = app_id
        self._key = key

    def rotate(self) -> None:
        """Takes a new key, as Microsoft does now and then; the old one disappears from the key set."""
        self._key = _another_key(f"simulated-channel-key-{uuid.uuid4().hex[:8]}")

    def metadata(self, keys_url: str) -> dict[str, Any]:
        """The OpenID metadata document."""
        return {
            "issuer": ISSUER,
            "authorization_endpoint": "https://invalid.botframework.com",
            "jwks_uri": keys_url,
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        }

    def key_set(self) -> dict[str, Any]:
        """The public keys; the second one belongs to another channel and is not endorsed for Teams."""
        other = _another_key(_OTHER_CHANNEL)
        return {"keys": [self._key.jwk(("msteams", "webchat", "directline")), other.jwk(("skype",))]}

    def authorization(self, service_url: str, forgery: Forgery | None = None) -> str | None:
        """The value of the Authorization header for an activity with this service URL; None for none at all."""
        if forgery is Forgery.NO_HEADER:
            return None
        if forgery is Forgery.GARBAGE:
            return "Bearer not.a.token"
        scheme = "Basic" if forgery is Forgery.WRONG_SCHEME else "Bearer"
        return f"{scheme} {self._token(service_url, forgery)}"

    def _token(self, service_url: str, forgery: Forgery | None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": self._app_id,
            "nbf": now - _CLOCK_SKEW_SECONDS,
            "exp": now + _LIFETIME_SECONDS,
            "serviceurl": service_url,
        }
        headers = {"kid": self._key.kid, "x5t": self._key.kid}
        match forgery:
            case Forgery.EXPIRED:
                claims |= {"nbf": now - 2 * _LIFETIME_SECONDS, "exp": now - _LIFETIME_SECONDS}
            case Forgery.NOT_YET_VALID:
                claims |= {"nbf": now + _LIFETIME_SECONDS, "exp": now + 2 * _LIFETIME_SECONDS}
            case Forgery.WRONG_AUDIENCE:
                claims["aud"] = str(uuid.uuid4())
            case Forgery.WRONG_ISSUER:
                claims["iss"] = "https://sts.windows.net/00000000-0000-0000-0000-000000000000/"
            case Forgery.OTHER_SERVICE_URL:
                claims["serviceurl"] = "https://attacker.example/"
            case Forgery.UNKNOWN_KEY:
                headers["kid"] = headers["x5t"] = "no-such-key"
            case Forgery.WRONG_KEY:
                return jwt.encode(claims, _another_key("stranger").private, algorithm="RS256", headers=headers)
            case Forgery.MISSING_ENDORSEMENT:
                other = _another_key(_OTHER_CHANNEL)
                return jwt.encode(claims, other.private, algorithm="RS256", headers={"kid": other.kid})
            case Forgery.ALG_NONE:
                return jwt.encode(claims, "", algorithm="none", headers=headers)
            case Forgery.HMAC_WITH_PUBLIC_KEY:
                return jwt.encode(claims, str(self._key.jwk()["n"]), algorithm="HS256", headers=headers)
            case _:
                pass
        return jwt.encode(claims, self._key.private, algorithm="RS256", headers=headers)
