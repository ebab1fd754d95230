from __future__ import annotations

import asyncio
import base64
import json

import httpx
import pytest
from kiota_abstractions.method import Method

from services.errors import AuthBroken, Bug, Conflict, Gone, Throttled, UnknownOutcome, UpstreamDown
from services.microsoft365.graph import Graph
from services.microsoft365.operations import Effect, Operation, Row
from services.microsoft365.tokens import Tokens
from tests.services.microsoft365.graph_bench import BASE, EMPTY, GraphBench, error, page, settings

READ = Operation("read", ("User.Read.All",))
REPEATABLE = Operation("change", ("User.ReadWrite.All",), effect=Effect.REPEATABLE)
ONCE = Operation("send", ("Mail.Send",), effect=Effect.ONCE)
OK = httpx.Response(200, json={"id": "1"})
NETWORK = [httpx.ReadTimeout("slow"), httpx.ReadError("cut"), httpx.RemoteProtocolError("hung up")]


async def call(wire: GraphBench, operation: Operation) -> int:
    method = {Effect.READ: Method.GET, Effect.REPEATABLE: Method.PATCH, Effect.ONCE: Method.POST}[operation.effect]
    user = wire.graph.client.users.by_user_id("u1")
    body = None if operation.effect is Effect.READ else {"accountEnabled": False}
    return (await wire.graph.call(operation, wire.graph.request(method, user, body=body))).status


async def test_a_request_says_who_asks_and_can_be_found_again(wire: GraphBench) -> None:
    wire.replies = [OK]
    await call(wire, READ)
    assert wire.last.headers["Authorization"] == f"Bearer {wire.tokens_issued[0]}"
    assert len(wire.last.headers["client-request-id"]) == 36
    assert "x-ms-throttle-priority" not in wire.last.headers


@pytest.mark.parametrize("operation", [READ, REPEATABLE, ONCE], ids=lambda operation: operation.name)
async def test_a_throttled_call_waits_as_long_as_it_is_told(wire: GraphBench, operation: Operation) -> None:
    wire.replies = [error(429, "TooManyRequests", Retry_After="7"), OK]
    assert await call(wire, operation) == 200
    assert sum(wire.clock.waits) == 7
    assert len(wire.requests) == 2


async def test_a_throttled_call_without_a_time_waits_longer_each_time_and_then_says_so(wire: GraphBench) -> None:
    wire.replies = [error(429, "TooManyRequests")]
    with pytest.raises(Throttled):
        await call(wire, READ)
    assert wire.clock.waits == [2, 4, 8, 16]
    assert len(wire.requests) == 5


async def test_a_long_wait_is_left_to_who_asked(wire: GraphBench) -> None:
    wire.replies = [error(429, "TooManyRequests", Retry_After="300")]
    with pytest.raises(Throttled) as caught:
        await call(wire, READ)
    assert caught.value.retry_after == 300
    assert wire.clock.waits == []


@pytest.mark.parametrize("status", [503, 504])
async def test_a_read_is_tried_again_when_the_service_is_down(wire: GraphBench, status: int) -> None:
    wire.replies = [error(status, "serviceNotAvailable"), OK]
    assert await call(wire, READ) == 200


@pytest.mark.parametrize("failure", NETWORK, ids=lambda failure: type(failure).__name__)
async def test_a_read_is_tried_again_when_the_line_breaks(wire: GraphBench, failure: Exception) -> None:
    wire.replies = [failure, OK]
    assert await call(wire, READ) == 200


@pytest.mark.parametrize("status", [503, 504])
async def test_a_change_that_can_be_repeated_is(wire: GraphBench, status: int) -> None:
    wire.replies = [error(status, "serviceNotAvailable"), EMPTY]
    assert await call(wire, REPEATABLE) == 204


@pytest.mark.parametrize("operation", [REPEATABLE, ONCE], ids=lambda operation: operation.name)
@pytest.mark.parametrize("failure", NETWORK, ids=lambda failure: type(failure).__name__)
async def test_a_change_with_a_broken_line_has_an_unknown_outcome(
    wire: GraphBench, operation: Operation, failure: Exception
) -> None:
    wire.replies = [failure, OK]
    with pytest.raises(UnknownOutcome):
        await call(wire, operation)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_call_that_makes_something_is_never_sent_twice(wire: GraphBench, status: int) -> None:
    wire.replies = [error(status, "UnknownError"), OK]
    with pytest.raises(UnknownOutcome):
        await call(wire, ONCE)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("operation", [READ, REPEATABLE, ONCE], ids=lambda operation: operation.name)
async def test_what_was_surely_not_sent_is_sent_again(wire: GraphBench, operation: Operation) -> None:
    wire.replies = [httpx.ConnectError("refused"), OK]
    assert await call(wire, operation) == 200


async def test_a_service_that_stays_away_is_down_and_nothing_was_changed(wire: GraphBench) -> None:
    wire.replies = [httpx.ConnectError("refused")]
    with pytest.raises(UpstreamDown):
        await call(wire, REPEATABLE)


@pytest.mark.parametrize(("operation", "expected"), [(READ, UpstreamDown), (REPEATABLE, UnknownOutcome)])
async def test_a_call_has_an_end(operation: Operation, expected: type[Exception]) -> None:
    wire = GraphBench(OK)

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return OK

    graph = Graph(
        settings(call_timeout_seconds=0.05),
        wire.tokens,
        httpx.AsyncClient(transport=httpx.MockTransport(hang)),
        sleep=wire.clock.sleep,
        jitter=lambda: 0.0,
    )
    wire.graph = graph
    with pytest.raises(expected):
        await call(wire, operation)
    await wire.close()


async def test_two_changes_at_once_are_settled_by_waiting(wire: GraphBench) -> None:
    wire.replies = [error(409, "Directory_ConcurrencyViolation"), EMPTY]
    assert await call(wire, REPEATABLE) == 204
    wire.replies = [error(409, "Conflict")]
    with pytest.raises(Conflict):
        await call(wire, ONCE)


async def test_a_refused_token_is_renewed_once(wire: GraphBench) -> None:
    wire.next_tokens = ["first", "second"]
    wire.replies = [error(401, "InvalidAuthenticationToken"), OK]
    assert await call(wire, ONCE) == 200
    assert [request.headers["Authorization"] for request in wire.requests] == ["Bearer first", "Bearer second"]


async def test_credentials_that_stay_refused_are_said_to_be(wire: GraphBench) -> None:
    wire.replies = [error(401, "InvalidAuthenticationToken")]
    with pytest.raises(AuthBroken) as caught:
        await call(wire, READ)
    assert len(wire.requests) == 2
    assert caught.value.data["graph_code"] == "InvalidAuthenticationToken"


async def test_a_claims_challenge_is_answered_with_a_token_that_meets_it(wire: GraphBench) -> None:
    claims = {"access_token": {"nbf": {"essential": True, "value": "1764000000"}}}
    encoded = base64.b64encode(json.dumps(claims).encode()).decode()
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'
    wire.next_tokens = ["first", "second"]
    wire.replies = [httpx.Response(401, headers={"WWW-Authenticate": challenge}), OK]
    assert await call(wire, READ) == 200
    assert json.loads(wire.token_claims[1] or "") == claims
    assert wire.last.headers["Authorization"] == "Bearer second"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1.0/users?$skiptoken=1",
        "http://graph.test/v1.0/users?$skiptoken=1",
        "https://graph.test:8443/v1.0/users",
        "https://graph.test@evil.test/v1.0/users",
        "https://graph.test.evil.test/v1.0/users",
        "//evil.test/users",
        "https://graph.test:x/",
        7,
    ],
)
async def test_a_next_link_to_elsewhere_gets_no_token(wire: GraphBench, link: str) -> None:
    wire.replies = [page({"id": "1"}, next_link=link), page({"id": "2"})]
    with pytest.raises(UpstreamDown) as caught:
        await wire.graph.items(READ, wire.graph.request(Method.GET, wire.graph.client.users))
    assert caught.value.data["reason"] == "foreign-next-link"
    assert len(wire.requests) == 1


@pytest.mark.parametrize("url", ["https://evil.test/v1.0/users", "http://graph.test/v1.0/users"])
async def test_the_token_provider_itself_refuses_another_place(wire: GraphBench, url: str) -> None:
    request = wire.graph.request(Method.GET, wire.graph.client.users.with_url(url))
    request.url = url
    with pytest.raises(UpstreamDown) as caught:
        await wire.graph.call(READ, request)
    assert caught.value.data["reason"] == "foreign-host"
    assert wire.requests == []


async def test_a_redirect_is_not_followed(wire: GraphBench) -> None:
    wire.replies = [httpx.Response(302, headers={"Location": "https://evil.test/"})]
    with pytest.raises(UpstreamDown):
        await call(wire, READ)
    assert {request.url.host for request in wire.requests} == {"graph.test"}


async def test_a_list_is_read_to_its_end_with_the_same_headers(wire: GraphBench) -> None:
    second = f"{BASE}/v1.0/users?%24skiptoken=a%2Fb%3D"
    wire.replies = [page({"id": "1"}, next_link=second), page({"id": "2"})]
    request = wire.graph.request(Method.GET, wire.graph.client.users, headers={"ConsistencyLevel": "eventual"})
    items = await wire.graph.items(READ, request)
    assert [entry["id"] for entry in items.values] == ["1", "2"]
    assert items.complete
    assert wire.last.url.params["$skiptoken"] == "a/b="
    assert wire.last.headers["ConsistencyLevel"] == "eventual"


async def test_a_list_cut_at_the_limit_says_that_there_is_more(wire: GraphBench) -> None:
    wire.replies = [page({"id": "1"}, {"id": "2"}, next_link=f"{BASE}/v1.0/users?x=1")]
    items = await wire.graph.items(READ, wire.graph.request(Method.GET, wire.graph.client.users), limit=2)
    assert len(items.values) == 2
    assert not items.complete


async def test_a_list_that_goes_in_circles_is_left(wire: GraphBench) -> None:
    wire.replies = [page({"id": "1"}, next_link=f"{BASE}/v1.0/users?x=1")]
    with pytest.raises(UpstreamDown) as caught:
        await wire.graph.items(READ, wire.graph.request(Method.GET, wire.graph.client.users))
    assert caught.value.data["reason"] == "endless-list"


@pytest.mark.parametrize("answer", [{}, {"value": None}, {"value": [None]}, {"value": {"id": "1"}}, None])
async def test_an_empty_or_odd_answer_is_not_an_empty_list(wire: GraphBench, answer: object) -> None:
    wire.replies = [EMPTY if answer is None else httpx.Response(200, json=answer)]
    with pytest.raises(UpstreamDown):
        await wire.graph.items(READ, wire.graph.request(Method.GET, wire.graph.client.users))


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b"\xff\xfe"])
async def test_an_unreadable_answer_is_not_taken_for_one(wire: GraphBench, content: bytes) -> None:
    wire.replies = [httpx.Response(200, content=content)]
    with pytest.raises(UpstreamDown):
        await call(wire, READ)
    with pytest.raises(UnknownOutcome):
        await call(wire, ONCE)


async def test_a_query_option_that_the_sdk_does_not_know_there_is_a_fault(wire: GraphBench) -> None:
    action = wire.graph.client.users.by_user_id("u1").revoke_sign_in_sessions
    with pytest.raises(Bug):
        wire.graph.request(Method.POST, action, select=("id",))


async def test_beta_has_its_own_address(wire: GraphBench) -> None:
    wire.replies = [OK]
    await wire.graph.call(READ, wire.graph.beta(Method.GET, "/users/{user}/x", user="a b/c", top=1))
    assert str(wire.last.url) == f"{BASE}/beta/users/a%20b%2Fc/x?$top=1"


async def test_calls_to_one_mailbox_keep_to_four_at_a_time() -> None:
    wire = GraphBench(OK)
    at_work: dict[str, int] = {}
    most: dict[str, int] = {}

    async def serve(request: httpx.Request) -> httpx.Response:
        mailbox = request.url.path.split("/")[3]
        at_work[mailbox] = at_work.get(mailbox, 0) + 1
        most[mailbox] = max(most.get(mailbox, 0), at_work[mailbox])
        await asyncio.sleep(0.01)
        at_work[mailbox] -= 1
        return httpx.Response(200, json={})

    graph = Graph(settings(), wire.tokens, httpx.AsyncClient(transport=httpx.MockTransport(serve)))
    operation = Operation("settings", ("MailboxSettings.Read",), Row.OUTLOOK)

    async def read(mailbox: str) -> None:
        builder = graph.client.users.by_user_id(mailbox).mailbox_settings
        await graph.call(operation, graph.request(Method.GET, builder), mailbox=mailbox)

    await asyncio.gather(*(read(mailbox) for mailbox in ("a", "b") for _ in range(12)))
    assert most == {"a": 4, "b": 4}
    await graph.close()
    await wire.close()


async def test_a_slow_sign_in_service_never_makes_a_change_uncertain() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    wire = GraphBench(OK)
    tokens = Tokens(settings(), http_client=lambda: httpx.Client(transport=httpx.MockTransport(refuse)))
    wire.graph = Graph(
        settings(), tokens, httpx.AsyncClient(transport=httpx.MockTransport(lambda _: OK)), sleep=wire.clock.sleep
    )
    with pytest.raises(UpstreamDown) as caught:
        await call(wire, ONCE)
    assert caught.value.data["service"] == "entra-sign-in"
    await tokens.close()
    await wire.close()


async def test_what_is_not_there_is_gone_with_graphs_request_id(wire: GraphBench) -> None:
    wire.replies = [error(404, "Request_ResourceNotFound")]
    with pytest.raises(Gone) as caught:
        await call(wire, READ)
    assert caught.value.data["request_id"] == "r-1"
    assert caught.value.data["operation"] == "read"
