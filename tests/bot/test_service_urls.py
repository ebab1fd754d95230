"""The addresses that get the bot's token: the listed ones, and no look-alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.service_urls import ServiceUrls, is_safe_endpoint, same_url

TEAMS = ServiceUrls(("https://smba.trafficmanager.net/", "http://127.0.0.1:8000/connector"))


@pytest.mark.parametrize(
    "url",
    [
        "https://smba.trafficmanager.net/",
        "https://smba.trafficmanager.net",
        "https://smba.trafficmanager.net/emea/",
        "https://smba.trafficmanager.net/emea/22222222-2222-4222-8222-222222222222/",
        "https://SMBA.trafficmanager.net:443/teams/",
        "http://127.0.0.1:8000/connector/",
        "http://127.0.0.1:8000/connector",
        "http://127.0.0.1:8000/connector/v3",
    ],
)
def test_listed_addresses_are_allowed(url: str) -> None:
    assert TEAMS.allows(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "smba.trafficmanager.net",
        "http://smba.trafficmanager.net/",
        "https://smba.trafficmanager.net.evil.example/",
        "https://smba.trafficmanager.net@evil.example/",
        "https://x:y@smba.trafficmanager.net/",
        "https://evil.example/smba.trafficmanager.net/",
        "https://evil.example\\@smba.trafficmanager.net/",
        "https://smba.trafficmanager.net\\.evil.example/",
        "https://smba.trafficmanager.net:8443/",
        "https://smba.trafficmanager.net:0/",
        "https://smba.trafficmanager.net:99999/",
        "https://smba.trafficmanager.net/?x=1",
        "https://smba.trafficmanager.net/#x",
        "https://smba.trafficmanager.net/\r\nX: y",
        "https://smba.trafficmanager.net/ x",
        "https://smbа.trafficmanager.net/",  # noqa: RUF001  # a Cyrillic letter
        "https://[::1/",
        "//smba.trafficmanager.net/",
        "ftp://smba.trafficmanager.net/",
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/connectors/",
        "http://127.0.0.1:8000/connector/../graph/",
        "http://127.0.0.1:8000/connector/%2e%2e/graph/",
        "http://127.0.0.1:8000/connector/{x}/",
        "http://localhost:8000/connector/",
        "http://127.0.0.1:8001/connector/",
    ],
)
def test_look_alikes_are_not(url: str) -> None:
    assert not TEAMS.allows(url)


@pytest.mark.parametrize(
    "prefix", ["", "x", "http://smba.trafficmanager.net/", "https://a@b/", "https://x/?q", "https://x/../", "ftp://x/"]
)
def test_an_unusable_prefix_stops_the_start(prefix: str) -> None:
    with pytest.raises(ValueError, match="service URL prefix"):
        ServiceUrls((prefix,))


def test_no_prefix_allows_nothing() -> None:
    assert not ServiceUrls(()).allows("https://smba.trafficmanager.net/")


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    for url in (text, f"https://{text}", f"https://smba.trafficmanager.net{text}"):
        TEAMS.allows(url)
        is_safe_endpoint(url)


@given(st.text(alphabet="abc./@:\\#?%-_0123456789", min_size=1, max_size=30))
def test_nothing_before_the_first_slash_makes_another_host_ours(text: str) -> None:
    if not text.startswith(("/", ":443/")) and text not in {":443", ":", ".", ".:443", ":0443"}:
        url = f"https://smba.trafficmanager.net{text}"
        if TEAMS.allows(url):
            host = url.removeprefix("https://").split("/")[0].split(":")[0]
            assert host.rstrip(".") == "smba.trafficmanager.net"


def test_urls_are_the_same_but_for_a_slash() -> None:
    assert same_url("https://x/y", "https://x/y/")
    assert not same_url("https://x/y", "https://x/z")
