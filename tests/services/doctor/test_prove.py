"""Steps are tried on an account that nobody needs, and what Microsoft does otherwise is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.doctor import Sources, Verdict, find, prove
from services.errors import Conflict, NotFound
from services.microsoft365 import Microsoft365, Tokens, open_microsoft365
from services.organisation import Kind
from services.playbook import BY_ID
from services.settings import Profile
from simulator.config import SimulatorConfig
from simulator.faults import Fault
from simulator.server import Simulator
from tests.services.doctor.test_examine import set_in_teams, settings_of

_CONFIG = SimulatorConfig(audit_query_seconds=0, device_seconds=0, stories=("consent-phishing",))


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(_CONFIG) as sim:
        yield sim


@pytest.fixture
async def opened(sim: Simulator, tmp_path: Path) -> AsyncIterator[tuple[Microsoft365, Sources]]:
    settings = settings_of(sim, tmp_path, verify_patience_seconds=3)
    tokens = Tokens(settings)
    m365 = await open_microsoft365(settings, tokens)
    yield m365, await Sources.read(settings)
    await m365.close()
    await tokens.close()


async def proofs(opened: tuple[Microsoft365, Sources], upn: str) -> dict[str, Any]:
    ctx = await find(*opened, upn, datetime.now(UTC))
    return {proof.step: proof async for proof in prove(ctx)}


async def test_every_step_about_an_account_is_tried_and_put_back(
    sim: Simulator, opened: tuple[Microsoft365, Sources]
) -> None:
    user = sim.world.tenant.user("joni")
    found = await proofs(opened, user.upn)
    assert {title: proof.words for title, proof in found.items() if proof.verdict is Verdict.FAILED} == {}
    assert found[BY_ID["block-sign-in"].title].verdict is Verdict.PROVEN
    assert found[BY_ID["scramble-password"].title].verdict is Verdict.LEFT
    assert found[f"{BY_ID['block-sign-in'].title}, undo"].verdict is Verdict.PROVEN
    assert user.enabled
    assert BY_ID["disable-mail-flow"].title not in found
    assert BY_ID["enforce-mfa"].title not in found


async def test_a_step_that_microsoft_refuses_has_failed_and_the_others_go_on(
    sim: Simulator, opened: tuple[Microsoft365, Sources], tmp_path: Path
) -> None:
    opened = (
        opened[0],
        await Sources.read(settings_of(sim, tmp_path, profile=Profile.LOCK, verify_patience_seconds=3)),
    )
    sim.world.faults.add(Fault(path="revokeSignInSessions", times=None, status=403, code="Authorization_RequestDenied"))
    found = await proofs(opened, sim.world.tenant.user("joni").upn)
    assert found[BY_ID["revoke-sessions"].title].verdict is Verdict.FAILED
    assert found[BY_ID["block-sign-in"].title].verdict is Verdict.PROVEN


@pytest.mark.parametrize("who", ["isaiah", "emergency1", "lynne"])
async def test_an_account_that_somebody_needs_is_refused(
    sim: Simulator, opened: tuple[Microsoft365, Sources], who: str
) -> None:
    with pytest.raises(Conflict):
        await find(*opened, sim.world.tenant.user(who).upn, datetime.now(UTC))


async def test_an_account_that_is_protected_from_teams_is_refused(
    sim: Simulator, opened: tuple[Microsoft365, Sources], tmp_path: Path
) -> None:
    user = sim.world.tenant.user("joni")
    settings = opened[1].organisation.environment
    await set_in_teams(settings, Kind.BREAK_GLASS, user.id, "Joni Sherman")
    with pytest.raises(Conflict) as refused:
        await find(opened[0], await Sources.read(settings), user.upn, datetime.now(UTC))
    assert refused.value.data["reason"] == "not-throw-away"


async def test_nobody_is_tried_on_where_the_protected_cannot_be_read(
    sim: Simulator, opened: tuple[Microsoft365, Sources], tmp_path: Path
) -> None:
    (tmp_path / "irbot.sqlite").write_text("no database")
    sources = await Sources.read(opened[1].organisation.environment)
    with pytest.raises(Conflict) as refused:
        await find(opened[0], sources, sim.world.tenant.user("joni").upn, datetime.now(UTC))
    assert refused.value.data["reason"] == "protection-not-read"


async def test_nobody_is_not_found(opened: tuple[Microsoft365, Sources]) -> None:
    with pytest.raises(NotFound):
        await find(*opened, "nobody@contoso.com", datetime.now(UTC))
