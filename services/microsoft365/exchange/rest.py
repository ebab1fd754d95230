"""Exchange over HTTP: the InvokeCommand endpoint that Microsoft's own PowerShell module uses.

Raw bytes are read, never decoded by the HTTP client: the service labels a 403 as gzip that is none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, Protocol
from urllib.parse import quote, urlsplit

import httpx

from services import metrics
from services.errors import AuthBroken, IRBotError, MissingPermission, Stopped, Throttled, UnknownOutcome, UpstreamDown
from services.microsoft365.exchange import answers, wire
from services.microsoft365.exchange.backend import SERVICE, Anchor, Call, Host, Parameter, Record, Result, checked
from services.microsoft365.exchange.pace import Pace, Sleep
from services.microsoft365.graph_errors import permissions_in
from services.microsoft365.operations import Gate, always_open
from services.microsoft365.trust import trusted_authorities
from services.settings import Cloud, Settings

logger = logging.getLogger(__name__)

APP_ROLE = "Exchange.ManageAsApp"
BATCH_SIZE = 10
_PAGE_SIZE = 1000
_TRIES = 4
_MODULE_VERSION = "3.9.2"  # asked for by the endpoint that lists our cmdlets
_SYSTEM_MAILBOX = "bb558c35-97f1-4cb9-8ff7-d53741dc928c"
_AUDIT_MAILBOX = "8cc370d3-822a-4ab8-a926-bb94bd0641a9"
_SLOW = {"Search-UnifiedAuditLog": 10.0, "Get-MessageTraceV2": 10.0, "Get-MailboxFolderStatistics": 4.0}
_LOW_BUDGET = 0.05
# What a token is asked for. The address may be another one (a proxy, a test tenant); the resource stays the cloud's.
_RESOURCES = {
    Cloud.CHINA: "https://partner.outlook.cn",
    Cloud.DOD: "https://outlook-dod.office365.us",
    Cloud.GCC_HIGH: "https://outlook.office365.us",
    Cloud.GLOBAL: "https://outlook.office365.com",
}


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def token(self, scope: str, *, claims: str | None = None) -> str:
        """A token for the scope."""
        ...

    async def forget(self, scope: str, token: str) -> None:
        """Drops a refused token."""
        ...


class RestBackend:
    """Keeps `ExchangeBackend` over HTTPS. Reads are tried again, writes never."""

    def __init__(
        self,
        settings: Settings,
        tokens: TokenSource,
        *,
        pace: Pace | None = None,
        client: httpx.AsyncClient | None = None,
        sleep: Sleep = asyncio.sleep,
        gate: Gate = always_open,
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._scope = f"{_RESOURCES[settings.cloud]}/.default"
        self._root = f"{settings.exchange_url.rstrip('/')}/adminapi"
        self._base = f"{self._root}/beta/{quote(settings.tenant_id, safe='')}"
        self._pace = pace or Pace()
        self._client = client
        self._building = asyncio.Lock()
        self._sleep = sleep
        self._gate = gate

    async def invoke(
        self,
        cmdlet: str,
        parameters: Mapping[str, Parameter],
        *,
        anchor: Anchor,
        select: Sequence[str] = (),
        max_rows: int | None = None,
        timeout_seconds: float | None = None,
        background: bool = False,
    ) -> Result:
        """Keeps `ExchangeBackend.invoke`."""
        call = checked(
            cmdlet,
            parameters,
            anchor=anchor,
            select=select,
            max_rows=max_rows,
            timeout_seconds=timeout_seconds,
            background=background,
        )
        return await self._read(call)

    async def pages(self, call: Call) -> AsyncIterator[Result]:
        """Keeps `ExchangeBackend.pages`. A page link that went stale ends the reading: whoever reads begins again."""
        headers = {"client-request-id": str(uuid.uuid4())}
        url: str | None = self._url(call)
        followed: set[str] = set()
        while url is not None:
            try:
                page = await self._page(url, call, headers)
            except answers.PageExpired:
                raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="pages-expire") from None
            url = None if page.next_link is None else self._own(page.next_link, call)
            again = url is not None and url in followed
            yield Result(page.records, page.warnings, not (page.errors or again or answers.says_more(page.warnings)))
            if again:
                return
            followed.add(url or "")

    async def invoke_many(self, calls: Sequence[Call]) -> list[Result | IRBotError]:
        """Keeps `ExchangeBackend.invoke_many`, ten to a request."""
        parts = [calls[start : start + BATCH_SIZE] for start in range(0, len(calls), BATCH_SIZE)]
        found = await asyncio.gather(*(self._batch(part) for part in parts))
        return [each for part in found for each in part]

    async def cmdlets(self) -> frozenset[str]:
        """Keeps `ExchangeBackend.cmdlets`: one request, which tells what our roles hold right now."""
        call = Call("Get-EXOModuleFile", {})
        url = f"{self._root}/v1.0/{quote(self._settings.tenant_id, safe='')}/EXOModuleFile?Version={_MODULE_VERSION}"
        answer = await self._persist("GET", url, None, {"CommandName": "*"}, call)
        rows = answers.parse_page(answer.json(call.cmdlet), call.cmdlet).records
        names = {name.strip() for row in rows for name in str(row.get("exportedCmdlets") or "").split(",")}
        return frozenset(names - {""})

    async def close(self) -> None:
        """Ends the connections."""
        if self._client is not None:
            await self._client.aclose()

    # -- one call --------------------------------------------------------------------------------------------------

    async def _read(self, call: Call, start: answers.Page | None = None) -> Result:
        """All pages of a call. A page link that went stale makes a read begin again, once."""
        try:
            return await self._pages(call, start)
        except answers.PageExpired:
            logger.info("exchange %s: a page expired, reading again", call.cmdlet)
        try:
            return await self._pages(call, None)
        except answers.PageExpired:
            raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="pages-expire") from None

    async def _pages(self, call: Call, start: answers.Page | None) -> Result:
        headers = {"client-request-id": str(uuid.uuid4())}
        page = start or await self._page(self._url(call), call, headers)
        records: list[Record] = list(page.records)
        warnings = list(page.warnings)
        followed: set[str] = set()
        complete = not page.errors
        while page.next_link is not None:
            if page.next_link in followed or (call.max_rows is not None and len(records) >= call.max_rows):
                complete = False
                break
            followed.add(page.next_link)
            page = await self._page(self._own(page.next_link, call), call, headers)
            records += page.records
            warnings += page.warnings
            complete = complete and not page.errors
        if call.max_rows is not None and len(records) > call.max_rows:
            records, complete = records[: call.max_rows], False
        said = tuple(dict.fromkeys(warnings))
        return Result(tuple(records), said, complete and not answers.says_more(said))

    async def _page(self, url: str, call: Call, headers: Mapping[str, str]) -> answers.Page:
        answer = await self._persist("POST", url, self._body(call), headers, call)
        if not answer.raw.strip() and not call.reads:
            return answers.Page((), (), None)
        return wire.carried_out(answers.parse_page(answer.json(call.cmdlet), call.cmdlet), call)

    async def _persist(self, method: str, url: str, body: Any, headers: Mapping[str, str], call: Call) -> wire.Answer:
        """One request with its retries: a new token once, a read again while the trouble is a passing one."""
        renewed = False
        for attempt in range(1, _TRIES + 1):
            try:
                answer = await self._counted(method, url, body, headers, call)
                refused = None if answer.status < 300 else wire.refused(answer)
                if refused is None:
                    return answer
                if answer.status == 401 and not renewed:
                    renewed = True
                    await self._renew(answer)
                    continue
                error = self._problem(refused, answer, call)
            except httpx.HTTPError as failure:
                error, refused = wire.unanswered(failure, call), None
            if not call.reads or attempt == _TRIES or not wire.may_try_again(error):
                if isinstance(error, AuthBroken):
                    await self._explain(error)
                raise error
            await self._sleep(wire.delay(error, attempt))
        raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="gave-up")

    async def _counted(self, method: str, url: str, body: Any, headers: Mapping[str, str], call: Call) -> wire.Answer:
        """One request for the operator's numbers: an answer that refuses counts by its status."""
        with metrics.call(SERVICE, call.cmdlet) as outcome:
            answer = await self._send(method, url, body, headers, call)
            if answer.status >= 300:
                outcome(f"http-{answer.status}")
            return answer

    def _problem(self, refused: answers.Refused, answer: wire.Answer, call: Call) -> IRBotError:
        retry_after = wire.seconds_of(answer.headers.get("Retry-After"))
        error = answers.problem(refused, call, retry_after=retry_after, request_id=answer.headers.get("request-id"))
        if isinstance(error, Throttled):
            self._pace.pause(min(wire.LONGEST_PAUSE_SECONDS, error.retry_after or 1.0), refused=True)
        return error

    async def _send(
        self, method: str, url: str, body: Any, headers: Mapping[str, str], call: Call, *, writes: bool | None = None
    ) -> wire.Answer:
        token = await self._tokens.token(self._scope)
        client = await self._http()
        seconds = call.timeout_seconds or self._settings.call_timeout_seconds * _SLOW.get(call.cmdlet, 1.0)
        sent = self._headers(call, token) | dict(headers)
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8")
        loop = asyncio.get_running_loop()
        async with self._pace.background() if call.background else self._pace.turn(call.cmdlet):
            if not call.reads if writes is None else writes:
                await self._gate()
            started = loop.time()
            status: int | str = "no answer"
            try:
                # The whole answer must be there in time: a trickle of bytes keeps httpx's own time-out from striking.
                async with asyncio.timeout(seconds):
                    request = client.build_request(
                        method,
                        url,
                        content=content,
                        headers=sent,
                        timeout=httpx.Timeout(seconds, connect=min(10.0, seconds / 2)),
                    )
                    response = await client.send(request, stream=True)
                    try:
                        raw = b"".join([part async for part in response.aiter_raw()])
                    finally:
                        await response.aclose()
                status = response.status_code
            except TimeoutError:
                raise httpx.ReadTimeout("no answer in time") from None
            finally:
                logger.info("exchange %s %s: %s in %.2f s", call.cmdlet, call.target, status, loop.time() - started)
        self._spare(response.headers)
        return wire.Answer(response.status_code, raw, response.headers, token)

    def _spare(self, headers: httpx.Headers) -> None:
        """Slows down before the service refuses, where it tells how much of the budget is left."""
        try:
            limit = float(headers["Rate-Limit-Limit"])
            left = float(headers["Rate-Limit-Remaining"])
        except (KeyError, ValueError):
            return
        if limit > 0 and left / limit < _LOW_BUDGET:
            self._pace.pause(1.0)

    # -- parts of a request ----------------------------------------------------------------------------------------

    def _url(self, call: Call) -> str:
        url = f"{self._base}/InvokeCommand"
        return f"{url}?$select={quote(','.join(call.select), safe=',')}" if call.select else url

    @staticmethod
    def _body(call: Call) -> dict[str, Any]:
        parameters = {name: wire.encoded(value) for name, value in call.parameters.items()}
        return {"CmdletInput": {"CmdletName": call.cmdlet, "Parameters": parameters}}

    def _headers(self, call: Call, token: str) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json; charset=utf-8",
            "Prefer": f"odata.maxpagesize={_PAGE_SIZE}",
            "User-Agent": "IRBot",
            "X-AnchorMailbox": self.anchor(call.anchor),
            "X-CmdletName": call.cmdlet,
        }

    def anchor(self, anchor: Anchor) -> str:
        """The routing hint as the service wants it."""
        tenant = self._settings.tenant_id
        if anchor.host is Host.MAILBOX:
            return f"MBX:{anchor.name}@{tenant}"
        if anchor.host is Host.USER:
            # A header is ASCII; a name that is not goes by the organisation, which costs a hop inside the service.
            return f"UPN:{anchor.name}" if anchor.name.isascii() else self.anchor(Anchor(Host.ORGANISATION))
        mailbox = _AUDIT_MAILBOX if anchor.host is Host.AUDIT_SETTINGS else _SYSTEM_MAILBOX
        return f"APP:SystemMailbox{{{mailbox}}}@{tenant}"

    def _own(self, link: str, call: Call) -> str:
        """A link that may have our token: same scheme, host, port and endpoint. Raises UpstreamDown for any other."""
        ours = urlsplit(self._url(replace(call, select=())))
        try:
            theirs = urlsplit(link)
        except ValueError:
            raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="foreign-link") from None
        same = (theirs.scheme, theirs.netloc.lower(), theirs.path) == (ours.scheme, ours.netloc.lower(), ours.path)
        if not same or not link.isprintable():
            raise UpstreamDown(
                service=SERVICE, operation=call.cmdlet, reason="foreign-link", host=theirs.hostname or ""
            )
        return link

    async def _renew(self, answer: wire.Answer) -> None:
        await self._tokens.forget(self._scope, answer.token)
        if (claims := wire.claims_of(answer.headers)) is not None:
            await self._tokens.token(self._scope, claims=claims)

    async def _explain(self, error: AuthBroken) -> NoReturn:
        """A refused token without the app role is a missing permission, and the token itself tells."""
        token = await self._tokens.token(self._scope)
        if APP_ROLE not in (permissions_in(token) or ()):
            raise MissingPermission(permissions=[APP_ROLE], service=SERVICE) from None
        raise error

    async def _http(self) -> httpx.AsyncClient:
        async with self._building:
            if self._client is None:
                trust = await asyncio.to_thread(trusted_authorities, self._settings.ca_file)
                limits = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=60.0)
                self._client = httpx.AsyncClient(verify=trust, limits=limits, follow_redirects=False)
            return self._client

    # -- several calls ---------------------------------------------------------------------------------------------

    async def _batch(self, calls: Sequence[Call]) -> list[Result | IRBotError]:
        if len(calls) == 1:
            return [await self._caught(calls[0])]
        try:
            answered = await self._post_batch(calls)
        except IRBotError as error:
            return list(await asyncio.gather(*(self._without_batch(error, call) for call in calls)))
        return list(await asyncio.gather(*(self._part(answered.get(str(n)), call) for n, call in enumerate(calls))))

    async def _post_batch(self, calls: Sequence[Call]) -> dict[str, Mapping[str, Any]]:
        """Sends the batch once. Its parts carry their own tokens, so the batch is built anew after a renewal."""
        carrier = Call("$batch", {})
        for renewed in (False, True):
            token = await self._tokens.token(self._scope)
            body = {"requests": [self._inner(str(n), call, token) for n, call in enumerate(calls)]}
            prefer = {"Prefer": f"odata.maxpagesize={_PAGE_SIZE};odata.continue-on-error"}
            try:
                answer = await self._send(
                    "POST", f"{self._base}/$batch", body, prefer, carrier, writes=not all(call.reads for call in calls)
                )
            except httpx.HTTPError as failure:
                raise wire.unanswered(failure, carrier) from None
            if answer.status == 401 and not renewed:
                await self._renew(answer)
                continue
            break
        if answer.status >= 300:
            error = self._problem(wire.refused(answer), answer, carrier)
            if isinstance(error, AuthBroken):
                await self._explain(error)
            raise error
        try:
            parts = answer.json(carrier.cmdlet)["responses"]
            return {str(part["id"]): part for part in parts}
        except (UpstreamDown, KeyError, TypeError):
            # It was accepted and the answer cannot be read: writes in it may have been done.
            raise UnknownOutcome(service=SERVICE, operation=carrier.cmdlet, reason="unreadable-answer") from None

    def _inner(self, number: str, call: Call, token: str) -> dict[str, Any]:
        headers = self._headers(call, token)
        del headers["Accept-Encoding"]
        return {"id": number, "method": "POST", "url": self._url(call), "headers": headers, "body": self._body(call)}

    async def _part(self, part: Mapping[str, Any] | None, call: Call) -> Result | IRBotError:
        if part is None:
            return wire.unanswered(httpx.ReadError("missing in the batch"), call)
        given, body, headers = str(part.get("status")), part.get("body"), part.get("headers")
        status = int(given) if len(given) == 3 and given.isdecimal() else 0
        if 200 <= status < 300 and not (isinstance(body, Mapping) and "error" in body):
            try:
                page = wire.carried_out(answers.parse_page(body or {}, call.cmdlet), call)
                return await self._read(call, page)
            except IRBotError as error:
                return error
        refused = answers.refusal_of(status, body)
        retry_after = wire.seconds_of(headers.get("Retry-After") if isinstance(headers, Mapping) else None)
        try:
            refusal = answers.problem(refused, call, retry_after=retry_after)
        except answers.PageExpired:
            refusal = UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="pages-expire")
        if call.reads and wire.may_try_again(refusal):
            return await self._caught(call)
        return refusal

    async def _without_batch(self, error: IRBotError, call: Call) -> Result | IRBotError:
        """After the whole batch failed: a read is asked on its own, a write keeps the batch's error."""
        if call.reads and isinstance(error, (Stopped, UnknownOutcome, UpstreamDown)):
            return await self._caught(call)
        return error

    async def _caught(self, call: Call) -> Result | IRBotError:
        try:
            return await self._read(call)
        except IRBotError as error:
            return error
