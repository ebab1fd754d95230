"""Exchange over Microsoft's own PowerShell module: the supported way, and slower. One session, one call at a time.

Needs PowerShell 7, the module ExchangeOnlineManagement and a certificate: the module takes no client secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.decoding import decoded
from services.errors import AuthBroken, IRBotError, MissingRole, UnknownOutcome, UpstreamDown
from services.microsoft365.exchange import answers
from services.microsoft365.exchange.backend import SERVICE, Anchor, Call, Edit, Parameter, Record, Result, checked
from services.microsoft365.operations import Gate, always_open
from services.settings import Cloud, Settings

logger = logging.getLogger(__name__)

MODULE = "ExchangeOnlineManagement"
SCRIPT = Path(__file__).with_name("session.ps1")
_ENVIRONMENTS = {
    Cloud.CHINA: "O365China",
    Cloud.DOD: "O365USGovDoD",
    Cloud.GCC_HIGH: "O365USGovGCCHigh",
    Cloud.GLOBAL: "",
}
_LINE_LIMIT = 256 * 1024 * 1024  # one answer is one line, and may be every mailbox of a large organisation
_CONNECT_FACTOR = 4.0  # loading the module and connecting takes several calls' time
_SLOW = {"Search-UnifiedAuditLog": 10.0, "Get-MessageTraceV2": 10.0}
_NOT_FOUND = frozenset({"CommandNotFoundException"})
_NO_PARAMETER = ("ParameterBindingException", "NamedParameterNotFound")


def powershell() -> str | None:
    """Where PowerShell 7 is, None where it is not installed."""
    return shutil.which("pwsh")


class PowerShellBackend:
    """Keeps `ExchangeBackend` over a PowerShell process, which is started at the first call and again after a failure.

    `organisation` is the initial domain (contoso.onmicrosoft.com): the module wants it in place of the tenant id.
    """

    def __init__(
        self,
        settings: Settings,
        organisation: str,
        *,
        command: Sequence[str] | None = None,
        module: str = MODULE,
        gate: Gate = always_open,
    ) -> None:
        self._settings = settings
        self._organisation = organisation
        self._command = command
        self._module = module
        self._gate = gate
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: asyncio.Task[None] | None = None
        self._number = 0

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
        """Keeps `ExchangeBackend.invoke`. The module routes by itself: the anchor is not used."""
        call = checked(
            cmdlet,
            parameters,
            anchor=anchor,
            select=select,
            max_rows=max_rows,
            timeout_seconds=timeout_seconds,
            background=background,
        )
        return await self._run(call)

    async def pages(self, call: Call) -> AsyncIterator[Result]:
        """Keeps `ExchangeBackend.pages`; the module gives everything at once."""
        yield await self._run(call)

    async def invoke_many(self, calls: Sequence[Call]) -> list[Result | IRBotError]:
        """Keeps `ExchangeBackend.invoke_many`, one after another."""
        found: list[Result | IRBotError] = []
        for call in calls:
            try:
                found.append(await self._run(call))
            except IRBotError as error:
                found.append(error)
        return found

    async def cmdlets(self) -> frozenset[str]:
        """Keeps `ExchangeBackend.cmdlets`: what the module made for our roles when it connected."""
        result = await self._run(Call("Get-Command", {}))
        names = result.records[0].get("Names") if result.records else None
        return frozenset(str(name) for name in names or ())

    async def close(self) -> None:
        """Ends the process."""
        async with self._turn:
            await self._end()

    # -- the session -----------------------------------------------------------------------------------------------

    async def _run(self, call: Call) -> Result:
        seconds = call.timeout_seconds or self._settings.call_timeout_seconds * _SLOW.get(call.cmdlet, 2.0)
        async with self._turn:
            await self._connected()
            if not call.reads:
                await self._gate()
            self._number += 1
            request = {
                "id": self._number,
                "cmdlet": call.cmdlet,
                "parameters": {name: _encoded(value) for name, value in call.parameters.items()},
            }
            answer = await self._exchange(request, seconds, call)
        if not answer.get("ok"):
            raise _problem(answer, call)
        return _result(answer, call)

    async def _connected(self) -> None:
        """Starts the process and connects it, where that has not been done or has ended."""
        if self._process is not None and self._process.returncode is None:
            return
        await self._end()
        call = Call("Get-ConnectionInformation", {})
        connection = self._connection()
        command = await self._program()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LINE_LIMIT,
            )
        except OSError:
            raise UpstreamDown(service=SERVICE, operation="Connect-ExchangeOnline", reason="no-powershell") from None
        self._complaints = asyncio.create_task(self._drain(self._process), name="powershell complaints")
        answer = await self._exchange(connection, self._settings.call_timeout_seconds * _CONNECT_FACTOR, call)
        if not answer.get("ok"):
            await self._end()
            logger.warning("no Exchange session: %s", answer.get("exception"))
            raise AuthBroken(
                service=SERVICE, operation="Connect-ExchangeOnline", reason=str(answer.get("exception") or "refused")
            )

    async def _program(self) -> Sequence[str]:
        if self._command is not None:
            return self._command
        found = await asyncio.to_thread(powershell)
        if found is None:
            raise UpstreamDown(service=SERVICE, operation="Connect-ExchangeOnline", reason="no-powershell")
        return (found, "-NoLogo", "-NoProfile", "-NonInteractive", "-File", str(SCRIPT))

    def _connection(self) -> dict[str, Any]:
        certificate = self._settings.certificate_file
        if certificate is None:
            raise AuthBroken(service=SERVICE, operation="Connect-ExchangeOnline", reason="certificate-needed")
        return {
            "module": self._module,
            "module_name": Path(self._module).stem,
            "app_id": self._settings.app_id,
            "organisation": self._organisation,
            "certificate_file": str(certificate),
            "environment": _ENVIRONMENTS[self._settings.cloud],
        }

    async def _exchange(self, request: Mapping[str, Any], seconds: float, call: Call) -> dict[str, Any]:
        """One line out, one line in. A session that does not answer in time is ended: its answer would come late."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        line = json.dumps(request, ensure_ascii=False).encode("utf-8") + b"\n"
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(line)
                await process.stdin.drain()
                answered = await process.stdout.readline()
        except (TimeoutError, OSError, ValueError) as failure:
            await self._end()
            raise _unanswered(call, type(failure).__name__) from None
        except asyncio.CancelledError:
            # Whoever asks next must not read the answer to this one.
            await self._end()
            raise
        finally:
            logger.info("exchange %s %s by PowerShell in %.2f s", call.cmdlet, call.target, loop.time() - started)
        try:
            answer = decoded(answered)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != request.get("id", 0):
            await self._end()
            raise _unanswered(call, "unreadable-answer" if answered else "session-ended")
        return answer

    async def _drain(self, process: asyncio.subprocess.Process) -> None:
        """Reads what PowerShell complains about, so that its pipe never fills; the text stays out of the log."""
        assert process.stderr is not None
        while await process.stderr.read(65536):
            logger.debug("powershell wrote to its error stream")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if self._complaints is not None:
            await self._complaints
            self._complaints = None


def _encoded(value: Parameter) -> Any:
    if isinstance(value, Edit):
        sides = {"Add": list(value.add), "Remove": list(value.remove)}
        return {"@edit": {name: side for name, side in sides.items() if side}}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return value


def _unanswered(call: Call, reason: str) -> IRBotError:
    error = UpstreamDown if call.reads else UnknownOutcome
    return error(service=SERVICE, operation=call.cmdlet, reason=reason)


def _problem(answer: Mapping[str, Any], call: Call) -> IRBotError:
    """The module's error, whose text carries the same `id|exception|text` as the HTTP answer."""
    exception = str(answer.get("exception") or "")
    error_id = str(answer.get("error_id") or "")
    if exception in _NOT_FOUND:
        return MissingRole(roles=[answers.ROLE], cmdlet=call.cmdlet, service=SERVICE, operation=call.cmdlet)
    if exception in _NO_PARAMETER or error_id.startswith(_NO_PARAMETER):
        # The module makes only the parameters that our roles hold.
        return MissingRole(roles=[answers.ROLE], cmdlet=call.cmdlet, service=SERVICE, operation=call.cmdlet)
    message = str(answer.get("message") or "")
    if message.count("|") < 2 <= error_id.count("|"):
        message = error_id
    details = [{"message": message}]
    body = {"error": {"code": exception, "message": "", "details": details}}
    try:
        return answers.problem(answers.refusal_of(400, body), call)
    except answers.PageExpired:
        return UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="pages-expire")


def _result(answer: Mapping[str, Any], call: Call) -> Result:
    records = answer.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UpstreamDown(service=SERVICE, operation=call.cmdlet, reason="unreadable-answer")
    rows: list[Record] = [_selected(record, call.select) for record in records]
    said = answer.get("warnings")
    warnings = tuple(str(warning) for warning in said) if isinstance(said, list) else ()
    complete = not answers.says_more(warnings)
    if call.max_rows is not None and len(rows) > call.max_rows:
        rows, complete = rows[: call.max_rows], False
    return Result(tuple(rows), warnings, complete)


def _selected(record: Record, select: Sequence[str]) -> Record:
    if not select:
        return record
    wanted = {name.lower() for name in select}
    return {name: value for name, value in record.items() if name.lower() in wanted}
