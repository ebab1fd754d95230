"""How the REST backend behaves on a bad line: retries, pages, tokens, time-outs."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable

import httpx
import pytest

from services.errors import (
    AuthBroken,
    Conflict,
    Gone,
    IRBotError,
    MissingPermission,
    MissingRole,
    Throttled,
    UnknownOutcome,
    UpstreamDown,
)
from services.microsoft365.exchange import mailboxes, preflight, protocols
from services.microsoft365.exchange.backend import ORGANISATION, Anchor, Call, Host, Parameter, Result, checked
from services.microsoft365.exchange.mailboxes import Mailbox
from services.microsoft365.exchange.pace import Pace
from services.microsoft365.exchange.rest import RestBackend
from services.microsoft365.tokens import Tokens
from services.settings import Settings
from simulator.exchange import Exchange
from simulator.exchange.paging import Pages
from simulator.faults import Fault, Kind, When
from simulator.server import Simulator
from tests.services.microsoft365.exchange.conftest import Hours, IssuedTokens

EVERYBODY: dict[str, Parameter] = {"ResultSize": "Unlimited"}


async def _reads(exchange: RestBackend, megan: Mailbox) -> Result:
    return await exchange.invoke("Get-CASMailbox", {"Identity": megan.identity}, anchor=megan.anchor)


async def _writes(exchange: RestBackend, megan: Mailbox) -> Result:
    given: dict[str, Parameter] = {"Identity": megan.identity, "ImapEnabled": False}
    return await exchange.invoke("Set-CASMailbox", given, anchor=megan.anchor)


def _fault(sim: Simulator, cmdlet: str, **more: object) -> None:
    sim.world.faults.add(Fault(service="cmdlet", path=f"^/{cmdlet}", **more))  # type: ignore[arg-type]  # as given


def _calls(sim: Simulator, cmdlet: str) -> int:
    return len(sim.world.journal.entries(service="cmdlet", path=f"^/{cmdlet}$"))


# -- tokens ------------------------------------------------------------------------------------------------------------


async def test_with_the_real_token_client_a_call_goes_through(settings: Settings, sim: Simulator) -> None:
    tokens = Tokens(settings)
    backend = RestBackend(settings, tokens)
    try:
        found = await mailboxes.find(backend, sim.world.tenant.user("megan").id)
        assert found.user_principal_name == "megan@contoso.com"
    finally:
        await backend.close()
        await tokens.close()


@pytest.mark.parametrize(
    ("cloud", "scope"),
    [
        ("global", "https://outlook.office365.com/.default"),
        ("gcc-high", "https://outlook.office365.us/.default"),
        ("dod", "https://outlook-dod.office365.us/.default"),
        ("china", "https://partner.outlook.cn/.default"),
    ],
)
def test_the_token_is_asked_for_the_cloud_s_own_exchange(cloud: str, scope: str, tokens: IssuedTokens) -> None:
    chosen = Settings(tenant_id="t", app_id="a", app_secret="s", cloud=cloud)  # type: ignore[arg-type]  # text
    backend = RestBackend(chosen, tokens)
    assert backend._scope == scope
    assert scope.startswith(chosen.exchange_url)


async def test_a_refused_token_is_renewed_once_even_for_a_write(
    exchange: RestBackend, megan: Mailbox, sim: Simulator, tenant: Exchange, tokens: IssuedTokens
) -> None:
    sim.world.tokens.expire_all()
    await asyncio.sleep(0.01)  # a token is dated by the millisecond
    await _writes(exchange, megan)
    assert tenant.mailbox("megan").cas["ImapEnabled"] is False
    assert len(tokens.forgotten) == 1


async def test_a_claims_challenge_brings_a_new_token_for_those_claims(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1700000000"}}})
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            encoded = base64.b64encode(claims.encode()).decode()
            challenge = f'Bearer error="insufficient_claims", claims="{encoded}"'
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        return httpx.Response(200, json={"value": []})

    backend = _backend(settings, tokens, hours, answer)
    await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert tokens.claims == [claims]
    assert asked == 2


async def test_without_the_app_role_the_missing_permission_is_named(
    exchange: RestBackend, sim: Simulator, tokens: IssuedTokens
) -> None:
    app = sim.world.tenant.app(sim.world.app_id)
    assert app is not None
    app.exchange_roles.clear()
    with pytest.raises(MissingPermission) as missing:
        await exchange.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert missing.value.data["permissions"] == ["Exchange.ManageAsApp"]


async def test_a_token_with_the_role_that_is_refused_all_the_same_is_broken_authentication(
    exchange: RestBackend, sim: Simulator
) -> None:
    _fault(sim, "Get-TransportConfig", status=401, times=None)
    with pytest.raises(AuthBroken):
        await exchange.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert _calls(sim, "Get-TransportConfig") == 2


async def test_without_the_directory_role_the_body_of_nul_bytes_is_understood(
    exchange: RestBackend, sim: Simulator
) -> None:
    tenant = sim.world.tenant
    app = tenant.app(sim.world.app_id)
    assert app is not None
    tenant.role_assignments = [each for each in tenant.role_assignments if each.principal_id != app.id]
    with pytest.raises(MissingRole) as missing:
        await exchange.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert missing.value.data["roles"] == ["Exchange Administrator"]
    with pytest.raises(MissingRole):
        await exchange.cmdlets()


async def test_the_list_of_our_cmdlets_tells_what_is_missing(exchange: RestBackend, tenant: Exchange) -> None:
    assert await preflight.missing(exchange, protocols.read, protocols.switch) == ()
    tenant.knobs.without_cmdlets = frozenset({"Set-CASMailbox"})
    assert await preflight.missing(exchange, protocols.read, protocols.switch) == ("Set-CASMailbox",)


# -- passing trouble ---------------------------------------------------------------------------------------------------

_PASSING = [
    {"status": 503, "code": "ServerBusyException"},
    {"status": 400, "code": "DCOverloadedException"},
    {"status": 500},
    {"kind": Kind.HTML502},
    {"kind": Kind.DROP},
    {"status": 429, "retry_after": 3},
    {"status": 429, "code": "concurrency"},
]


@pytest.mark.parametrize("trouble", _PASSING)
async def test_a_read_is_tried_again_until_the_trouble_has_passed(
    exchange: RestBackend, megan: Mailbox, sim: Simulator, trouble: dict[str, object]
) -> None:
    _fault(sim, "Get-CASMailbox", times=2, **trouble)
    assert (await _reads(exchange, megan)).records
    assert _calls(sim, "Get-CASMailbox") == 3


@pytest.mark.parametrize("trouble", _PASSING)
async def test_a_write_is_sent_once_whatever_happens(
    exchange: RestBackend, megan: Mailbox, sim: Simulator, trouble: dict[str, object]
) -> None:
    _fault(sim, "Set-CASMailbox", times=None, **trouble)
    with pytest.raises(IRBotError) as error:
        await _writes(exchange, megan)
    assert _calls(sim, "Set-CASMailbox") == 1
    assert isinstance(error.value, Throttled if trouble.get("status") == 429 else UnknownOutcome)


async def test_a_write_whose_answer_is_lost_was_done_and_is_unknown(
    exchange: RestBackend, megan: Mailbox, sim: Simulator, tenant: Exchange
) -> None:
    _fault(sim, "Set-CASMailbox", kind=Kind.DROP, when=When.AFTER)
    with pytest.raises(UnknownOutcome):
        await _writes(exchange, megan)
    assert tenant.mailbox("megan").cas["ImapEnabled"] is False


async def test_patience_ends(exchange: RestBackend, megan: Mailbox, sim: Simulator, hours: Hours) -> None:
    _fault(sim, "Get-CASMailbox", status=503, code="ServerBusyException", times=None)
    with pytest.raises(UpstreamDown):
        await _reads(exchange, megan)
    assert _calls(sim, "Get-CASMailbox") == 4
    assert sum(hours.slept) < 60


async def test_the_wait_that_the_service_asks_for_holds_everybody_back(
    exchange: RestBackend, megan: Mailbox, sim: Simulator, hours: Hours
) -> None:
    _fault(sim, "Get-CASMailbox", status=429, retry_after=7)
    await _reads(exchange, megan)
    assert max(hours.slept) >= 7


async def test_a_wait_that_is_too_long_is_handed_on(exchange: RestBackend, megan: Mailbox, sim: Simulator) -> None:
    _fault(sim, "Get-CASMailbox", status=429, retry_after=900)
    with pytest.raises(Throttled) as throttled:
        await _reads(exchange, megan)
    assert throttled.value.retry_after == 900


@pytest.mark.parametrize(("call", "expected"), [(_reads, UpstreamDown), (_writes, UnknownOutcome)])
async def test_a_service_that_hangs_is_given_up(
    settings: Settings,
    tokens: IssuedTokens,
    hours: Hours,
    sim: Simulator,
    megan: Mailbox,
    call: Callable[[RestBackend, Mailbox], object],
    expected: type[IRBotError],
) -> None:
    impatient = settings.model_copy(update={"call_timeout_seconds": 0.1})
    backend = RestBackend(impatient, tokens, pace=Pace(clock=hours.clock, sleep=hours.sleep), sleep=hours.sleep)
    _fault(sim, "(Get|Set)-CASMailbox", kind=Kind.HANG, times=None)
    with pytest.raises(expected):
        await call(backend, megan)  # type: ignore[misc]  # either coroutine function
    await backend.close()


async def test_a_write_that_never_left_did_not_happen(
    settings: Settings, tokens: IssuedTokens, hours: Hours, megan: Mailbox
) -> None:
    nowhere = settings.model_copy(update={"exchange_url": "http://127.0.0.1:1/exchange"})
    backend = RestBackend(nowhere, tokens, pace=Pace(clock=hours.clock, sleep=hours.sleep), sleep=hours.sleep)
    with pytest.raises(UpstreamDown):
        await _writes(backend, megan)
    await backend.close()


# -- pages -------------------------------------------------------------------------------------------------------------


def _backend(
    settings: Settings,
    tokens: IssuedTokens,
    hours: Hours,
    answer: Callable[[httpx.Request], httpx.Response],
) -> RestBackend:
    """A backend on a wire of our own, for answers that no honest service gives."""

    def unread(request: httpx.Request) -> httpx.Response:
        made = answer(request)
        return httpx.Response(made.status_code, headers=made.headers, stream=httpx.ByteStream(made.content))

    client = httpx.AsyncClient(transport=httpx.MockTransport(unread))
    pace = Pace(clock=hours.clock, sleep=hours.sleep)
    return RestBackend(settings, tokens, pace=pace, client=client, sleep=hours.sleep)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.microsoft365.exchange.rest._PAGE_SIZE", 7)


@pytest.mark.usefixtures("small_pages")
async def test_pages_are_followed_to_the_end_with_the_same_anchor(
    exchange: RestBackend, sim: Simulator, tenant: Exchange
) -> None:
    result = await exchange.invoke("Get-Mailbox", EVERYBODY, anchor=ORGANISATION)
    assert result.complete
    assert len(result.records) == sum(1 for _ in tenant.mailboxes()) > 14
    entries = sim.world.journal.entries(service="cmdlet", path="Get-Mailbox")
    assert len(entries) > 2
    assert len({entry.headers["x-anchormailbox"] for entry in entries}) == 1


@pytest.mark.usefixtures("small_pages")
async def test_a_page_that_expired_makes_the_read_begin_again_without_doubles(
    exchange: RestBackend, tenant: Exchange
) -> None:
    first = tenant.pages.more

    def expire_once(*args: object) -> object:
        tenant.pages.more = first  # type: ignore[method-assign]  # back to normal after one stale page
        tenant.clock.advance(31 * 60)
        return first(*args)  # type: ignore[arg-type]  # the caller's own arguments

    tenant.pages.more = expire_once  # type: ignore[method-assign,assignment]  # the clock jumps while a page waits
    result = await exchange.invoke("Get-Mailbox", EVERYBODY, anchor=ORGANISATION)
    names = [record["Identity"] for record in result.records]
    assert len(names) == len(set(names)) == sum(1 for _ in tenant.mailboxes())


async def test_an_answer_that_was_cut_short_says_so(exchange: RestBackend) -> None:
    result = await exchange.invoke("Get-Mailbox", {"ResultSize": 5}, anchor=ORGANISATION)
    assert len(result.records) == 5
    assert not result.complete
    whole = await exchange.invoke("Get-Mailbox", EVERYBODY, anchor=ORGANISATION, max_rows=6)
    assert len(whole.records) == 6
    assert not whole.complete


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/exchange/adminapi/beta/{tenant}/InvokeCommand?$skiptoken=x",
        "{origin}.evil.example/exchange/adminapi/beta/{tenant}/InvokeCommand?$skiptoken=x",
        "{origin}/exchange/adminapi/beta/other-tenant/InvokeCommand?$skiptoken=x",
        "{origin}@evil.example/exchange/adminapi/beta/{tenant}/InvokeCommand?$skiptoken=x",
        "/relative/InvokeCommand",
        "ftp://{host}/exchange/adminapi/beta/{tenant}/InvokeCommand",
    ],
)
async def test_a_hostile_next_link_gets_no_token(
    settings: Settings, tokens: IssuedTokens, hours: Hours, link: str
) -> None:
    origin = settings.exchange_url.removesuffix("/exchange")
    hostile = link.format(origin=origin, host=origin.partition("://")[2], tenant=settings.tenant_id)
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={"value": [{"Identity": "a"}], "@odata.nextLink": hostile})

    backend = _backend(settings, tokens, hours, answer)
    with pytest.raises(UpstreamDown) as error:
        await backend.invoke("Get-TransportRule", EVERYBODY, anchor=ORGANISATION)
    assert error.value.data["reason"] == "foreign-link"
    assert seen == [f"{origin}/exchange/adminapi/beta/{settings.tenant_id}/InvokeCommand"]


async def test_a_link_that_repeats_ends_the_read_as_incomplete(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    link = f"{settings.exchange_url}/adminapi/beta/{settings.tenant_id}/InvokeCommand?$skiptoken=again"

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"value": [{"Identity": "a"}], "@odata.nextLink": link})

    backend = _backend(settings, tokens, hours, answer)
    result = await backend.invoke("Get-TransportRule", EVERYBODY, anchor=ORGANISATION)
    assert not result.complete
    assert len(result.records) == 2


@pytest.mark.parametrize("content", [b"", b"<html></html>", b"\xff\xfe", b"[]", b'{"value": 3}'])
async def test_a_success_that_cannot_be_read_is_not_an_empty_answer(
    settings: Settings, tokens: IssuedTokens, hours: Hours, content: bytes
) -> None:
    backend = _backend(settings, tokens, hours, lambda request: httpx.Response(200, content=content))
    with pytest.raises(UpstreamDown):
        await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)


async def test_a_question_back_is_not_a_change(settings: Settings, tokens: IssuedTokens, hours: Hours) -> None:
    body = {"value": [], "@adminapi.confirmationmessage": "Are you sure?"}
    backend = _backend(settings, tokens, hours, lambda request: httpx.Response(200, json=body))
    with pytest.raises(UpstreamDown) as error:
        await backend.invoke("Remove-InboxRule", {"Identity": "x\\1"}, anchor=ORGANISATION)
    assert error.value.data["reason"] == "asks-for-confirmation"


async def test_an_error_beside_the_rows_makes_a_read_incomplete_and_a_write_fail(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    gone = "Ex6F9304|M.C.ManagementObjectNotFoundException|couldn't be found"
    body = {"value": [{"Identity": "a"}], "@adminapi.errors": [gone]}
    backend = _backend(settings, tokens, hours, lambda request: httpx.Response(200, json=body))
    result = await backend.invoke("Get-TransportRule", EVERYBODY, anchor=ORGANISATION)
    assert not result.complete
    with pytest.raises(Gone):
        await backend.invoke("Set-CASMailbox", {"Identity": "a", "PopEnabled": False}, anchor=ORGANISATION)


async def test_an_exception_that_only_a_header_names_is_a_passing_one(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            return httpx.Response(400, headers={"x-ExceptionType": "UnableToWriteToAadException"})
        return httpx.Response(200, json={"value": []})

    backend = _backend(settings, tokens, hours, answer)
    await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert asked == 2


async def test_a_budget_that_runs_low_slows_us_down_before_we_are_refused(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    low = {"Rate-Limit-Limit": "30000", "Rate-Limit-Remaining": "300"}
    backend = _backend(settings, tokens, hours, lambda request: httpx.Response(200, json={"value": []}, headers=low))
    await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert hours.slept == []
    await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert hours.slept == [1.0]


async def test_redirects_are_not_followed(settings: Settings, tokens: IssuedTokens, hours: Hours) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://evil.example/"})

    backend = _backend(settings, tokens, hours, answer)
    with pytest.raises(IRBotError):
        await backend.invoke("Get-TransportConfig", {}, anchor=ORGANISATION)
    assert set(seen) == {"127.0.0.1"}


# -- the request -------------------------------------------------------------------------------------------------------


async def test_what_a_request_looks_like(settings: Settings, tokens: IssuedTokens, hours: Hours) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"value": []})

    backend = _backend(settings, tokens, hours, answer)
    await backend.invoke(
        "Get-CASMailbox",
        {"Identity": "josé"},
        anchor=Anchor(Host.MAILBOX, "11111111-1111-4111-8111-111111111111"),
        select=("Name", "Guid"),
    )
    (request,) = seen
    assert request.method == "POST"
    assert request.url.params["$select"] == "Name,Guid"
    assert request.headers["x-anchormailbox"] == f"MBX:11111111-1111-4111-8111-111111111111@{settings.tenant_id}"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["prefer"] == "odata.maxpagesize=1000"
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    body = {"CmdletInput": {"CmdletName": "Get-CASMailbox", "Parameters": {"Identity": "josé"}}}
    assert json.loads(request.content) == body


@pytest.mark.parametrize(
    ("anchor", "header"),
    [
        (Anchor(Host.USER, "megan@contoso.com"), "UPN:megan@contoso.com"),
        (Anchor(Host.USER, "josé@contoso.com"), "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@TENANT"),
        (ORGANISATION, "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@TENANT"),
        (Anchor(Host.AUDIT_SETTINGS), "APP:SystemMailbox{8cc370d3-822a-4ab8-a926-bb94bd0641a9}@TENANT"),
    ],
)
def test_anchors(exchange: RestBackend, settings: Settings, anchor: Anchor, header: str) -> None:
    assert exchange.anchor(anchor) == header.replace("TENANT", settings.tenant_id)


# -- batches -----------------------------------------------------------------------------------------------------------


async def test_each_call_of_a_batch_has_its_own_answer_in_the_order_asked(
    exchange: RestBackend, sim: Simulator
) -> None:
    names = ["megan", "nobody", "adele", "lynne", "joni", "alex", "grady", "isaiah", "lee", "jose", "patti", "nobody2"]
    calls = [checked("Get-Mailbox", {"Identity": name}, anchor=ORGANISATION) for name in names]
    results = await exchange.invoke_many(calls)
    for name, result in zip(names, results, strict=True):
        if name.startswith("nobody"):
            assert isinstance(result, Gone)
        else:
            assert isinstance(result, Result)
            assert result.records[0]["Alias"] == name


async def test_in_a_batch_too_reads_are_tried_again_and_writes_are_not(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    _fault(sim, "Get-Mailbox", status=503, code="ServerBusyException")
    _fault(sim, "Set-CASMailbox", status=503, code="ServerBusyException")
    calls: list[Call] = [
        checked("Get-Mailbox", {"Identity": megan.identity}, anchor=ORGANISATION),
        checked("Set-CASMailbox", {"Identity": megan.identity, "PopEnabled": False}, anchor=ORGANISATION),
    ]
    read, write = await exchange.invoke_many(calls)
    assert isinstance(read, Result)
    assert isinstance(write, UnknownOutcome)
    assert _calls(sim, "Set-CASMailbox") == 1


async def test_a_batch_without_an_answer_leaves_its_writes_unknown_and_its_reads_answered(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.faults.add(Fault(service="exchange", path=r"\$batch$", kind=Kind.DROP))
    calls = [
        checked("Get-Mailbox", {"Identity": megan.identity}, anchor=ORGANISATION),
        checked("Set-CASMailbox", {"Identity": megan.identity, "PopEnabled": False}, anchor=ORGANISATION),
    ]
    read, write = await exchange.invoke_many(calls)
    assert isinstance(read, Result)
    assert isinstance(write, UnknownOutcome)


@pytest.mark.usefixtures("small_pages")
async def test_pages_inside_a_batch_are_followed_too(exchange: RestBackend, tenant: Exchange) -> None:
    calls = [
        checked("Get-Mailbox", EVERYBODY, anchor=ORGANISATION),
        checked("Get-TransportConfig", {}, anchor=ORGANISATION),
    ]
    everybody, _ = await exchange.invoke_many(calls)
    assert isinstance(everybody, Result)
    assert len(everybody.records) == sum(1 for _ in tenant.mailboxes())


async def test_a_batch_with_an_expired_token_is_sent_again_with_a_new_one(
    exchange: RestBackend, megan: Mailbox, sim: Simulator
) -> None:
    sim.world.tokens.expire_all()
    await asyncio.sleep(0.01)
    calls = [checked("Get-Mailbox", {"Identity": megan.identity}, anchor=ORGANISATION)] * 2
    assert all(isinstance(result, Result) for result in await exchange.invoke_many(calls))


async def test_a_refused_write_in_a_batch_keeps_its_reason(exchange: RestBackend, megan: Mailbox) -> None:
    calls = [
        checked("Remove-App", {"Identity": "x", "Mailbox": megan.identity}, anchor=ORGANISATION),
        checked(
            "Set-Mailbox", {"Identity": megan.identity, "RetainDeletedItemsFor": "99.00:00:00"}, anchor=ORGANISATION
        ),
    ]
    gone, refused = await exchange.invoke_many(calls)
    assert isinstance(gone, Gone)
    assert isinstance(refused, Conflict)


# -- pace --------------------------------------------------------------------------------------------------------------


async def test_not_more_than_four_calls_run_at_once(exchange: RestBackend, sim: Simulator, tenant: Exchange) -> None:
    tenant.knobs.busy_seconds = 0.02
    tenant.knobs.concurrent_calls = 4
    calls = [exchange.invoke("Get-TransportConfig", {}, anchor=ORGANISATION) for _ in range(20)]
    assert len(await asyncio.gather(*calls)) == 20
    assert all(entry.status == 200 for entry in sim.world.journal.entries(service="cmdlet"))


# -- page by page ------------------------------------------------------------------------------------------------------

_PAGED = checked("Get-CASMailbox", EVERYBODY, anchor=ORGANISATION, background=True)


@pytest.mark.usefixtures("small_pages")
async def test_a_long_answer_comes_page_by_page(exchange: RestBackend, tenant: Exchange) -> None:
    pages = [page async for page in exchange.pages(_PAGED)]
    assert len(pages) > 2
    assert all(page.complete for page in pages)
    assert sum(len(page.records) for page in pages) == sum(1 for _ in tenant.mailboxes())


@pytest.mark.usefixtures("small_pages")
async def test_a_page_that_expired_ends_a_reading_that_has_given_pages_away(
    exchange: RestBackend, tenant: Exchange
) -> None:
    reading = exchange.pages(_PAGED)
    await anext(reading)
    tenant.pages = Pages()  # half an hour later nothing of the answer is left
    with pytest.raises(UpstreamDown, match="pages-expire"):
        await anext(reading)


async def test_a_link_that_repeats_ends_the_pages_as_incomplete(
    settings: Settings, tokens: IssuedTokens, hours: Hours
) -> None:
    def again(request: httpx.Request) -> httpx.Response:
        link = str(request.url.copy_with(params={"$skiptoken": "same"}))
        return httpx.Response(200, json={"value": [{"Identity": "a"}], "@odata.nextLink": link})

    pages = [page async for page in _backend(settings, tokens, hours, again).pages(_PAGED)]
    assert [page.complete for page in pages] == [True, False]
