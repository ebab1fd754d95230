"""Forged and unfitting tokens: each is refused with 401 or 403 and a word, and nothing behind is reached."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.bot.channel_double import APP_ID, ISSUER, KEY, OTHER_KEY, ChannelDouble, jwk
from tests.bot.conftest import Bench
from tests.counting import BadRequests


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _hs256_with_the_public_key(channel: ChannelDouble) -> str:
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload = _part({"alg": "HS256", "typ": "JWT", "kid": "k1"}), _part(channel.claims())
    import hashlib
    import hmac

    mac = hmac.new(public, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _bent(channel: ChannelDouble) -> str:
    """A good token whose claims were changed after it was signed."""
    header, _, signature = channel.token().split(".")
    return f"{header}.{_part(channel.claims(aud=APP_ID, note='changed'))}.{signature}"


def _headed(channel: ChannelDouble, header: Any) -> str:
    return f"{_part(header)}.{_part(channel.claims())}.c2lnbmF0dXJl"


def _deep_header(channel: ChannelDouble) -> str:
    nested = base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode()
    return f"{nested}.{_part(channel.claims())}.c2lnbmF0dXJl"


NOW = int(time.time())
SHORT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)

FORGED: dict[str, tuple[Any, int, str]] = {
    "no header": (lambda c: None, 401, "no-token"),
    "empty header": (lambda c: "", 401, "no-token"),
    "no scheme": (lambda c: c.token(), 401, "bad-token"),
    "other scheme": (lambda c: f"Basic {c.token()}", 401, "bad-token"),
    "garbage": (lambda c: "Bearer a.b.c", 401, "bad-token"),
    "garbage of no shape": (lambda c: "Bearer hello", 401, "bad-token"),
    "two tokens": (lambda c: f"Bearer {c.token()} {c.token()}", 401, "bad-token"),
    "huge": (lambda c: "Bearer " + "a" * 5000 + ".b." + "c" * 3100, 401, "bad-token"),
    "deep header": (lambda c: f"Bearer {_deep_header(c)}", 401, "bad-token"),
    "header is a list": (lambda c: f"Bearer {_headed(c, [1])}", 401, "bad-token"),
    "no key id": (lambda c: f"Bearer {_headed(c, {'alg': 'RS256'})}", 401, "bad-token"),
    "key id is a number": (lambda c: f"Bearer {_headed(c, {'alg': 'RS256', 'kid': 7})}", 401, "bad-token"),
    "critical header": (
        lambda c: "Bearer " + jwt.encode(c.claims(), KEY, "RS256", headers={"kid": "k1", "crit": ["x"], "x": 1}),
        401,
        "bad-token",
    ),
    "alg none": (lambda c: f"Bearer {_headed(c, {'alg': 'none', 'kid': 'k1'})}", 401, "wrong-algorithm"),
    "alg none, no signature": (
        lambda c: f"Bearer {_part({'alg': 'none', 'kid': 'k1'})}.{_part(c.claims())}.",
        401,
        "bad-token",
    ),
    "HS256 with the public key": (lambda c: f"Bearer {_hs256_with_the_public_key(c)}", 401, "wrong-algorithm"),
    "RS512": (lambda c: f"Bearer {c.token(algorithm='RS512')}", 401, "wrong-algorithm"),
    "PS256": (lambda c: f"Bearer {c.token(algorithm='PS256')}", 401, "wrong-algorithm"),
    "wrong key": (lambda c: f"Bearer {c.token(key=OTHER_KEY)}", 401, "wrong-signature"),
    "changed after signing": (lambda c: f"Bearer {_bent(c)}", 401, "wrong-signature"),
    "unknown key id": (lambda c: f"Bearer {c.token(kid='k9')}", 401, "unknown-key"),
    "wrong issuer": (lambda c: f"Bearer {c.token(iss='https://sts.windows.net/x/')}", 401, "wrong-issuer"),
    "emulator issuer": (
        lambda c: "Bearer " + c.token(iss="https://sts.windows.net/f8cdef31-a31e-4b4a-93e4-5f571e91255a/"),
        401,
        "wrong-issuer",
    ),
    "government issuer": (lambda c: f"Bearer {c.token(iss='https://api.botframework.us')}", 401, "wrong-issuer"),
    "issuer is a list": (lambda c: f"Bearer {_signed(c, iss=[ISSUER])}", 401, "wrong-issuer"),
    "no issuer": (lambda c: f"Bearer {c.token(iss=None)}", 401, "claim-missing"),
    "wrong audience": (
        lambda c: f"Bearer {c.token(aud='99999999-9999-4999-8999-999999999999')}",
        401,
        "wrong-audience",
    ),
    "audience is a list": (lambda c: f"Bearer {c.token(aud=[APP_ID, 'x'])}", 401, "wrong-audience"),
    "no audience": (lambda c: f"Bearer {c.token(aud=None)}", 401, "claim-missing"),
    "expired": (lambda c: f"Bearer {c.token(exp=NOW - 301)}", 401, "token-expired"),
    "never expires": (lambda c: f"Bearer {c.token(exp=None)}", 401, "claim-missing"),
    "expiry is a word": (lambda c: f"Bearer {_signed(c, exp='tomorrow')}", 401, "bad-token"),
    "not yet valid": (lambda c: f"Bearer {c.token(nbf=NOW + 86_400)}", 401, "token-not-yet-valid"),
    "no service URL claim": (lambda c: f"Bearer {c.token(serviceurl=None)}", 403, "service-url-mismatch"),
    "service URL claim is a number": (lambda c: f"Bearer {c.token(serviceurl=7)}", 403, "service-url-mismatch"),
    "wrong service URL claim": (
        lambda c: f"Bearer {c.token(serviceurl='https://smba.trafficmanager.net/emea/')}",
        403,
        "service-url-mismatch",
    ),
    "key not endorsed for Teams": (lambda c: f"Bearer {c.token(kid='webchat')}", 403, "key-not-endorsed"),
    "key endorsed for nothing": (lambda c: f"Bearer {c.token(kid='bare')}", 403, "key-not-endorsed"),
    "key too short": (lambda c: f"Bearer {c.token(key=SHORT_KEY, kid='short')}", 401, "unknown-key"),
}


def _signed(channel: ChannelDouble, **claims: Any) -> str:
    """A rightly signed token with claims that a library would not write."""
    header, payload = _part({"alg": "RS256", "kid": "k1"}), _part({**channel.claims(), **claims})
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        f"{header}.{payload}".encode(), KEY
    )
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _more_keys(channel: ChannelDouble) -> None:
    bare = jwk(KEY, "bare")
    del bare["endorsements"]
    channel.keys += [jwk(KEY, "webchat", ("webchat", "directline")), bare, jwk(SHORT_KEY, "short")]


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("kind", ["message", "click"])
@pytest.mark.parametrize("case", FORGED)
async def test_a_forged_request_is_refused(bench: Bench, bad_requests: BadRequests, case: str, kind: str) -> None:
    make, status, reason = FORGED[case]
    _more_keys(bench.channel)
    header = make(bench.channel)
    activity = bench.channel.click() if kind == "click" else bench.channel.activity()
    answered, body = await bench.post(activity, headers={} if header is None else {"Authorization": header})
    bad_requests.refused((answered, body["error"]["code"]) == (status, reason), (case, answered, body))
    assert body["error"]["correlationId"]
    assert bench.handler.told == 0
    assert bench.channel.sent == []


async def test_a_good_token_is_let_in(bench: Bench) -> None:
    assert (await bench.post(bench.channel.activity()))[0] == 200
    assert bench.handler.told == 1


@pytest.mark.parametrize("off_by", [{"exp": -200}, {"nbf": 200}])
async def test_clocks_may_differ_by_minutes(bench: Bench, off_by: dict[str, int]) -> None:
    claims = {name: int(time.time()) + seconds for name, seconds in off_by.items()}
    assert (await bench.post(bench.channel.activity(), bench.channel.headers(**claims)))[0] == 200


async def test_a_token_may_be_silent_about_its_beginning(bench: Bench) -> None:
    assert (await bench.post(bench.channel.activity(), bench.channel.headers(nbf=None)))[0] == 200


async def test_the_scheme_is_read_in_any_case(bench: Bench) -> None:
    headers = {"Authorization": f"bearer {bench.channel.token()}"}
    assert (await bench.post(bench.channel.activity(), headers))[0] == 200


async def test_a_slash_at_the_end_of_the_service_url_does_not_matter(bench: Bench) -> None:
    activity = bench.channel.activity(serviceUrl=bench.channel.service_url.rstrip("/"))
    assert (await bench.post(activity))[0] == 200


async def test_a_service_url_outside_the_list_is_refused_even_when_the_token_names_it(bench: Bench) -> None:
    elsewhere = "https://evil.example/"
    status, body = await bench.post(
        bench.channel.activity(serviceUrl=elsewhere), bench.channel.headers(serviceurl=elsewhere)
    )
    assert (status, body["error"]["code"]) == (403, "service-url-not-allowed")
    assert bench.handler.told == 0


async def test_another_channel_is_refused(bench: Bench) -> None:
    _more_keys(bench.channel)
    headers = {"Authorization": f"Bearer {bench.channel.token(kid='webchat')}"}
    status, body = await bench.post(bench.channel.activity(channelId="webchat"), headers)
    assert (status, body["error"]["code"]) == (403, "other-channel")


async def test_without_keys_nobody_is_let_in_and_nobody_is_blamed(bench: Bench) -> None:
    await asyncio.sleep(0)
    bench.channel.keys_down = True
    bench.channel.keys = []
    status, body = await bench.post(bench.channel.activity())
    assert (status, body["error"]["code"]) == (503, "keys-unavailable")
    assert bench.handler.told == 0
