"""The doctor looks at a whole tenant, and says by name what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.channel import Actor
from services.database import Database
from services.database.operation_tables import organisation_entries
from services.doctor import Diagnosis, Grade, as_json, as_lines, examine
from services.organisation import Kind
from services.playbook import BY_ID
from services.rights import EXCHANGE
from services.settings import Settings
from simulator.config import SimulatorConfig
from simulator.faults import Fault
from simulator.faults import Kind as FaultKind
from simulator.server import Simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(SimulatorConfig()) as sim:
        yield sim


def settings_of(sim: Simulator, folder: Path, **changes: Any) -> Settings:
    values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
    return Settings(**{**values, "data_dir": folder, **changes})


async def look(sim: Simulator, folder: Path, **changes: Any) -> Diagnosis:
    return await examine(settings_of(sim, folder, **changes), lambda: datetime.now(UTC))


async def set_in_teams(settings: Settings, kind: Kind, value: str, shown: str, by: str = "Ada Admin") -> None:
    """As setup leaves it in the database."""
    database = await Database.open(settings.sql_url)
    try:
        async with database.write() as connection:
            row = {"kind": kind.value, "value": value, "shown": shown, "by": asdict(Actor("ada", by, ""))}
            await connection.execute(sa.insert(organisation_entries).values(**row, at=datetime.now(UTC)))
    finally:
        await database.close()


def found_of(diagnosis: Diagnosis) -> dict[str, str]:
    return {check.id: check.found for check in diagnosis.checks}


def grades(diagnosis: Diagnosis) -> dict[str, Grade]:
    return {check.id: check.grade for check in diagnosis.checks}


async def test_a_tenant_with_everything_is_fit(sim: Simulator, tmp_path: Path) -> None:
    sender = sim.world.tenant.user("patti").id
    diagnosis = await look(sim, tmp_path, mail_from=sender)
    assert diagnosis.fit, "\n".join(as_lines(diagnosis))
    assert {step.id for step in diagnosis.steps} == set(BY_ID)
    assert {step.grade for step in diagnosis.steps} == {Grade.GOOD}
    assert "IRBot can do its work." in as_lines(diagnosis)


@pytest.mark.parametrize("permission", ["User.EnableDisableAccount.All", "Mail.Send", "Policy.Read.All"])
async def test_a_missing_permission_is_named_at_each_step_that_needs_it(
    sim: Simulator, tmp_path: Path, permission: str
) -> None:
    app = sim.world.tenant.app(sim.world.app_id)
    assert app is not None
    app.permissions.discard(permission)
    diagnosis = await look(sim, tmp_path)
    lacking = {step.id for step in diagnosis.steps if permission in step.missing}
    assert lacking == {step.id for step in BY_ID.values() if permission in step.needs}
    assert not diagnosis.fit
    if permission == "Mail.Send":
        assert grades(diagnosis)["permissions"] is Grade.FAILED


async def test_without_the_exchange_app_role_every_step_in_exchange_is_unknown(sim: Simulator, tmp_path: Path) -> None:
    app = sim.world.tenant.app(sim.world.app_id)
    assert app is not None
    app.exchange_roles.clear()
    diagnosis = await look(sim, tmp_path)
    assert grades(diagnosis)["exchange"] is Grade.FAILED
    in_exchange = {step.id for step in BY_ID.values() if any(need.startswith(EXCHANGE) for need in step.needs)}
    assert {step.id for step in diagnosis.steps if step.unknown} == in_exchange


async def test_a_wrong_secret_is_said_and_never_shown(sim: Simulator, tmp_path: Path) -> None:
    diagnosis = await look(sim, tmp_path, certificate_file=None, app_secret="not-the-secret-of-anybody")
    assert grades(diagnosis)["credentials"] is Grade.FAILED
    assert grades(diagnosis)["bot"] is Grade.FAILED
    assert not diagnosis.fit
    assert "not-the-secret-of-anybody" not in json.dumps(as_json(diagnosis))


async def test_a_clock_that_is_off_is_said(sim: Simulator, tmp_path: Path) -> None:
    diagnosis = await examine(settings_of(sim, tmp_path), lambda: datetime.now(UTC) + timedelta(minutes=7))
    assert grades(diagnosis)["clock"] is Grade.FAILED


async def test_an_unreachable_cloud_is_unknown_and_not_good(sim: Simulator, tmp_path: Path) -> None:
    diagnosis = await look(
        sim, tmp_path, login_url="https://127.0.0.1:9", graph_url="https://127.0.0.1:9", call_timeout_seconds=2
    )
    assert not diagnosis.fit
    assert Grade.GOOD not in {step.grade for step in diagnosis.steps}
    assert grades(diagnosis)["clock"] is Grade.UNKNOWN


async def test_roles_without_people_and_single_approvers_are_said(sim: Simulator, tmp_path: Path) -> None:
    tenant = sim.world.tenant
    settings = settings_of(sim, tmp_path)
    tenant.groups[settings.responder_groups[0]].members.clear()
    approvers = tenant.groups[settings.approver_groups[0]]
    approvers.members = [tenant.user("adele").id]
    diagnosis = await look(sim, tmp_path, communicator_groups=())
    found = grades(diagnosis)
    assert found["role-responder"] is Grade.FAILED
    assert found["role-approver"] is Grade.WARNING
    assert found["role-communicator"] is Grade.WARNING


async def test_no_break_glass_account_and_no_sender_are_warnings(sim: Simulator, tmp_path: Path) -> None:
    diagnosis = await look(sim, tmp_path, break_glass_users=())
    assert grades(diagnosis)["break-glass"] is Grade.WARNING
    assert grades(diagnosis)["mail"] is Grade.WARNING


async def test_what_was_set_in_teams_counts_and_is_told_from_the_environment(sim: Simulator, tmp_path: Path) -> None:
    settings = settings_of(sim, tmp_path, break_glass_users=(), vip_users=("vip-of-the-environment",), helpdesk="4000")
    await set_in_teams(settings, Kind.BREAK_GLASS, "emergency-id", "Emergency (emergency@contoso.com)")
    await set_in_teams(settings, Kind.CHANNEL, "19:here@thread.tacv2", "19:here@thread.tacv2")
    await set_in_teams(settings, Kind.HELPDESK, "5000", "5000", by="Zoe")
    diagnosis = await examine(settings, lambda: datetime.now(UTC))
    found = found_of(diagnosis)
    assert grades(diagnosis)["break-glass"] is Grade.GOOD
    assert found["break-glass"] == "Emergency (emergency@contoso.com), added in Teams by Ada Admin."
    assert found["vip"].startswith("1 by IRBOT_VIP_USERS")
    assert found["channel"] == "19:here@thread.tacv2, set in Teams by Ada Admin."
    assert found["helpdesk"] == "4000, by IRBOT_HELPDESK. What Zoe set in Teams does not count beside it."
    assert found["time-zone"] == "UTC; nobody set it."
    assert found["setup"].startswith("3 entries")


async def test_what_was_set_in_teams_and_cannot_be_read_is_unknown(sim: Simulator, tmp_path: Path) -> None:
    (tmp_path / "irbot.sqlite").write_text("no database")
    diagnosis = await look(sim, tmp_path, break_glass_users=())
    found = grades(diagnosis)
    assert found["setup"] is found["break-glass"] is found["channel"] is Grade.UNKNOWN
    assert not diagnosis.fit


async def test_tables_from_before_setup_hold_nothing(sim: Simulator, tmp_path: Path) -> None:
    settings = settings_of(sim, tmp_path)
    database = await Database.open(settings.sql_url)
    async with database.write() as connection:
        await connection.execute(sa.text("DROP TABLE organisation_entries"))
    await database.close()
    diagnosis = await examine(settings, lambda: datetime.now(UTC))
    assert found_of(diagnosis)["setup"] == "Nothing yet."
    assert grades(diagnosis)["channel"] is Grade.WARNING


async def test_the_profile_decides_what_is_looked_at(sim: Simulator, tmp_path: Path) -> None:
    lock = await look(sim, tmp_path, profile="lock")
    investigate = await look(sim, tmp_path, profile="investigate")
    phases = [{BY_ID[step.id].phase.value for step in each.steps} for each in (lock, investigate)]
    assert phases == [{"prepare", "lock"}, {"prepare", "lock", "scope"}]


async def test_a_database_that_does_not_answer_is_said(sim: Simulator, tmp_path: Path) -> None:
    diagnosis = await look(sim, tmp_path, database_url="postgresql://nobody:secret-word@127.0.0.1:9/irbot")
    assert grades(diagnosis)["database"] is Grade.FAILED
    assert "secret-word" not in json.dumps(as_json(diagnosis))


async def test_it_changes_nothing(sim: Simulator, tmp_path: Path) -> None:
    await look(sim, tmp_path, mail_from=sim.world.tenant.user("patti").id)
    writes = [
        entry
        for entry in sim.world.journal
        if entry.method not in {"GET", "HEAD"} and entry.service not in {"login", "exchange"}
    ]
    assert [entry.path for entry in writes if not entry.path.endswith(("checkMemberGroups", "getByIds"))] == []
    assert os.listdir(tmp_path) == []


async def test_a_slow_service_does_not_hold_up_the_rest_for_ever(sim: Simulator, tmp_path: Path) -> None:
    sim.world.faults.add(Fault(service="graph", path="subscribedSkus", kind=FaultKind.HANG, times=None))
    diagnosis = await examine(settings_of(sim, tmp_path), lambda: datetime.now(UTC), patience_seconds=2)
    assert grades(diagnosis)["licences"] is Grade.UNKNOWN


async def test_the_endpoint_is_looked_at_where_it_is_given(sim: Simulator, tmp_path: Path) -> None:
    settings = settings_of(sim, tmp_path)
    diagnosis = await examine(settings, lambda: datetime.now(UTC), "http://127.0.0.1:9/api/messages")
    assert grades(diagnosis)["endpoint"] is Grade.FAILED
    assert grades(await examine(settings, lambda: datetime.now(UTC), sim.url))["endpoint"] is Grade.FAILED
