from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import services.microsoft365.exchange as exchange_package
from services.errors import AuthBroken, IRBotError, UnknownOutcome, UpstreamDown
from services.microsoft365.exchange.backend import ORGANISATION, ExchangeBackend
from services.microsoft365.exchange.powershell import PowerShellBackend, powershell
from services.microsoft365.exchange.rest import RestBackend
from services.settings import Settings
from simulator.exchange import parameters
from simulator.server import Simulator
from simulator.tokens import Audience
from tests.services.microsoft365.exchange.conftest import IssuedTokens
from tests.services.microsoft365.exchange.contract import ExchangeContract

HERE = Path(__file__).parent
INITIAL_DOMAIN = "contoso.onmicrosoft.com"


def _token(sim: Simulator) -> str:
    app = sim.world.tenant.app(sim.world.app_id)
    assert app is not None
    return sim.world.tokens.issue(app, Audience.EXCHANGE)


def _addresses(sim: Simulator) -> tuple[str, str]:
    base = f"{sim.url}/exchange/adminapi"
    return f"{base}/beta/{sim.world.tenant.id}/InvokeCommand", f"{base}/v1.0/{sim.world.tenant.id}/EXOModuleFile"


def _stand_in(sim: Simulator, settings: Settings, mode: str = "") -> PowerShellBackend:
    command = (sys.executable, str(HERE / "stand_in_session.py"), *_addresses(sim), _token(sim), mode)
    return PowerShellBackend(_with_certificate(sim, settings), INITIAL_DOMAIN, command=command)


def _with_certificate(sim: Simulator, settings: Settings) -> Settings:
    return settings.model_copy(update={"certificate_file": sim.certificate_file})


class TestRest(ExchangeContract):
    @pytest.fixture
    def backend(self, exchange: RestBackend) -> ExchangeBackend:
        return exchange


class TestPowerShellHost(ExchangeContract):
    """Our side of the PowerShell session, with a program in its place that speaks the same lines."""

    @pytest.fixture
    async def backend(self, sim: Simulator, settings: Settings) -> AsyncIterator[ExchangeBackend]:
        backend = _stand_in(sim, settings)
        yield backend
        await backend.close()


@pytest.mark.skipif(powershell() is None, reason="PowerShell 7 (pwsh) is not installed here")
class TestPowerShell(ExchangeContract):
    """The real session script in a real PowerShell, with a module over the simulated tenant."""

    @pytest.fixture
    async def backend(
        self, sim: Simulator, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[ExchangeBackend]:
        invoke, module_file = _addresses(sim)
        table = Path(parameters.__file__).with_name("parameters.tsv")
        told = {"invoke": invoke, "module_file": module_file, "token": _token(sim), "parameters": str(table)}
        monkeypatch.setenv("SIMULATED_EXCHANGE", json.dumps(told))
        module = str(HERE / "SimulatedExchange.psm1")
        backend = PowerShellBackend(_with_certificate(sim, settings), INITIAL_DOMAIN, module=module)
        yield backend
        await backend.close()


def test_the_settings_choose_the_way(settings: Settings, tokens: IssuedTokens) -> None:
    assert isinstance(exchange_package.backend(settings, tokens), RestBackend)
    by_powershell = settings.model_copy(update={"exchange_powershell_domain": INITIAL_DOMAIN})
    assert isinstance(exchange_package.backend(by_powershell, tokens), PowerShellBackend)


# -- when the session misbehaves ---------------------------------------------------------------------------------------


async def _read(backend: PowerShellBackend) -> object:
    return await backend.invoke("Get-CASMailbox", {"Identity": "megan"}, anchor=ORGANISATION, timeout_seconds=0.7)


async def _write(backend: PowerShellBackend) -> object:
    given = {"Identity": "megan", "ImapEnabled": False}
    return await backend.invoke("Set-CASMailbox", given, anchor=ORGANISATION, timeout_seconds=0.7)


@pytest.mark.parametrize("mode", ["hang", "die", "babble"])
@pytest.mark.parametrize(("call", "expected"), [(_read, UpstreamDown), (_write, UnknownOutcome)])
async def test_a_session_that_does_not_answer_is_ended_and_the_call_not_repeated(
    sim: Simulator, settings: Settings, mode: str, call: Callable[..., object], expected: type[IRBotError]
) -> None:
    backend = _stand_in(sim, settings, mode)
    with pytest.raises(expected):
        await call(backend)  # type: ignore[misc]  # either coroutine function
    assert backend._process is None
    calls = sim.world.journal.entries(service="cmdlet")
    assert len(calls) == (1 if mode == "die" else 0)
    await backend.close()


async def test_the_next_call_starts_a_new_session(sim: Simulator, settings: Settings) -> None:
    backend = _stand_in(sim, settings, "die")
    with pytest.raises(UpstreamDown):
        await _read(backend)
    backend._command = (*(backend._command or ())[:-1], "")
    await _write(backend)
    await backend.close()


async def test_a_caller_who_gives_up_leaves_no_answer_behind(sim: Simulator, settings: Settings) -> None:
    backend = _stand_in(sim, settings, "hang")
    waiting = asyncio.create_task(_read(backend))
    while backend._number == 0:  # noqa: ASYNC110  # until the request has gone out
        await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert backend._process is None
    await backend.close()


async def test_a_refused_connection_is_broken_authentication(sim: Simulator, settings: Settings) -> None:
    backend = _stand_in(sim, settings, "refuse")
    with pytest.raises(AuthBroken):
        await _read(backend)
    await backend.close()


async def test_without_a_certificate_nothing_is_started(settings: Settings) -> None:
    backend = PowerShellBackend(settings, INITIAL_DOMAIN, command=("/does/not/exist",))
    with pytest.raises(AuthBroken) as broken:
        await _read(backend)
    assert broken.value.data["reason"] == "certificate-needed"


async def test_without_powershell_the_reason_is_said(sim: Simulator, settings: Settings) -> None:
    backend = PowerShellBackend(_with_certificate(sim, settings), INITIAL_DOMAIN, command=("/does/not/exist",))
    with pytest.raises(UpstreamDown) as down:
        await _write(backend)
    assert down.value.data["reason"] == "no-powershell"
    await backend.close()
