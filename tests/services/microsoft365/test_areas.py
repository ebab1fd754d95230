from __future__ import annotations

import inspect
import re

import pytest

from services.microsoft365 import GRAPH_NEEDS, Microsoft365, Tokens
from services.microsoft365.exchange import backend
from services.settings import Cloud
from simulator.permissions import KNOWN
from tests.services.microsoft365.graph_bench import GraphBench, settings, token_with

PERMISSION = re.compile(r"[A-Z][A-Za-z-]+(?:\.[A-Za-z-]+)+")


@pytest.fixture
def m365(wire: GraphBench) -> Microsoft365:
    return Microsoft365(wire.graph, "app-1", backend(settings(), Tokens(settings())))


def _asks(value: object) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)


def functions(m365: Microsoft365) -> dict[str, object]:
    """Every public function of every area, by the name under which its needs are declared."""
    return {
        f"{area}.{name}": function
        for area, value in vars(m365).items()
        if type(value).__module__.startswith("services.microsoft365.") and not area.startswith("_")
        for name, function in inspect.getmembers(value, _asks)
        if not name.startswith("_") and "exchange" not in type(value).__module__
    }


def test_every_function_says_what_it_needs_and_nothing_else_does(m365: Microsoft365) -> None:
    assert set(functions(m365)) == set(GRAPH_NEEDS)


def test_every_function_tells_its_endpoint_its_rights_and_whether_it_may_be_repeated(m365: Microsoft365) -> None:
    for name, function in functions(m365).items():
        promise = " ".join((inspect.getdoc(function) or "").split())
        assert re.search(r"\b(GET|POST|PATCH|DELETE)\b", promise), name
        assert re.search(r"read only|safe to repeat|every call|second call|unknown outcome", promise), name


def test_every_permission_is_one_of_microsofts() -> None:
    wanted = {permission for permissions in GRAPH_NEEDS.values() for permission in permissions}
    assert all(PERMISSION.fullmatch(permission) for permission in wanted)
    assert wanted - set(KNOWN) == set()


async def test_what_was_granted_is_read_from_our_own_token(wire: GraphBench, m365: Microsoft365) -> None:
    wire.next_tokens = [token_with("User.Read.All", "Mail.Send")]
    assert await m365.granted() == {"User.Read.All", "Mail.Send"}


@pytest.mark.parametrize(
    ("cloud", "graph", "login"),
    [
        (Cloud.GLOBAL, "graph.microsoft.com", "login.microsoftonline.com"),
        (Cloud.GCC_HIGH, "graph.microsoft.us", "login.microsoftonline.us"),
        (Cloud.DOD, "dod-graph.microsoft.us", "login.microsoftonline.us"),
        (Cloud.CHINA, "microsoftgraph.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
    ],
)
def test_one_setting_moves_everything_to_another_cloud(cloud: Cloud, graph: str, login: str) -> None:
    chosen = settings(cloud=cloud, graph_url="", login_url="")
    assert chosen.graph_url == f"https://{graph}"
    assert chosen.graph_scope == f"https://{graph}/.default"
    assert chosen.login_url == f"https://{login}"
