"""What is read of an incident, from both databases, is all that there is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from services.approvals import ApprovalState
from services.database import Database, tables
from services.incidents import store
from services.incidents.report.case import Case, Standing, read_case
from services.incidents.report.check import check_bundle
from services.playbook.ledger import RunKind
from services.playbook.step import Finding, Outcome, Plan, Severity, State
from services.vault import Vault
from tests.services.fakes import NOW, VAULT
from tests.services.incidents.report.scene import bundle, saved, sign_ins
from tests.services.playbook.bench import ALEX, RunnerBench

LATER = NOW + timedelta(hours=2)


@pytest.fixture
async def bench(database: Database) -> RunnerBench:
    """Megan's account is locked, and a check found something."""
    bench = await RunnerBench.start(database)
    await bench.locked()
    await _checked(bench, "first", State.DONE, "An alarm")
    return bench


async def _checked(bench: RunnerBench, cause: str, state: State, title: str = "") -> None:
    run, _ = await bench.ledger.begin(
        bench.incident_id, "review-sign-ins", RunKind.READ, cause, Plan(), ALEX, bench.clock()
    )
    findings = [Finding("key", Severity.ALARM, title, ("Because",), NOW)] if title else []
    await bench.ledger.end(run, Outcome(state, "Said why."), bench.clock(), {"sign-ins": sign_ins()}, findings)
    bench.clock.pass_by(minutes=1)


async def _case(bench: RunnerBench, vault: Vault | None = VAULT) -> Case:
    async with bench.database.read() as connection:
        return await read_case(connection, vault, await bench.incident(), LATER)


def _at(case: Case, step_id: str) -> Standing:
    return next(each for each in case.standings() if each.step_id == step_id)


async def test_everything_is_read(bench: RunnerBench) -> None:
    case = await _case(bench)
    assert case.broken_at is None
    assert case.head == case.entries[-1].hash
    assert [approval.state for approval in case.approvals] == [ApprovalState.USED]
    assert {record.run.step_id for record in case.records} == {*(step.id for step in bench.steps), "review-sign-ins"}
    assert [effect.item for record in case.records for effect in record.effects]
    assert [found.finding.title for found in case.findings] == ["An alarm"]
    assert [(piece.step_id, piece.problem) for piece in case.evidence] == [("review-sign-ins", "")]
    assert case.name_of("alex") == "Alex"
    assert case.name_of("irbot") == "IRBot"
    assert case.name_of("nobody") == "nobody"


async def test_its_bundle_is_whole(bench: RunnerBench, tmp_path_factory: pytest.TempPathFactory) -> None:
    verdict = check_bundle(saved(tmp_path_factory.mktemp("whole"), bundle(await _case(bench))))
    assert verdict.faults == ()
    assert verdict.lines == (await bench.incident()).revision


async def test_each_step_stands_where_its_newest_run_left_it(bench: RunnerBench) -> None:
    case = await _case(bench)
    assert _at(case, "block-sign-in").state == State.DONE
    assert _at(case, "block-sign-in").who == "Alex"
    assert _at(case, "review-sign-ins").looked
    assert _at(case, "check-forwarding").state == "not-run"
    assert not _at(case, "check-forwarding").looked
    await _checked(bench, "second", State.NOT_EVALUATED)
    case = await _case(bench)
    assert not _at(case, "review-sign-ins").looked
    assert ("Review sign-ins", "Said why.") in case.not_checked()


@pytest.mark.parametrize("state", [state for state in State if state not in {State.DONE, State.ALREADY_SO}])
async def test_a_check_that_did_not_end_well_has_not_looked(state: State) -> None:
    assert not Standing("check", "Check", state.value, "", reads_only=True).looked


async def test_what_is_proposed_and_not_run_is_said(database: Database) -> None:
    bench = await RunnerBench.start(database)
    await bench.propose()
    assert _at(await _case(bench), "block-sign-in").state == "planned"
    settled = Plan(settled=Outcome(State.NEEDS_ON_PREMISES, "Over there."))
    await bench.propose(block_sign_in=settled)
    standing = _at(await _case(bench), "block-sign-in")
    assert (standing.state, standing.reason) == (State.NEEDS_ON_PREMISES, "Over there.")


async def test_deleted_evidence_stays_in_the_list(bench: RunnerBench) -> None:
    before = (await _case(bench)).evidence[0]
    await store.purge_evidence(bench.database, LATER)
    after = (await _case(bench)).evidence[0]
    assert (after.sha256, after.raw) == (before.sha256, None)
    assert after.problem.startswith("Deleted")


@pytest.mark.parametrize("vault", [None, Vault((Fernet.generate_key().decode(),))], ids=["no key", "another key"])
async def test_evidence_without_its_key_is_listed_and_not_opened(bench: RunnerBench, vault: Vault | None) -> None:
    piece = (await _case(bench, vault)).evidence[0]
    assert piece.raw is None
    assert piece.problem.startswith("Could not be decrypted")


async def test_evidence_that_is_not_what_was_kept_is_said(bench: RunnerBench) -> None:
    async with bench.database.write() as connection:
        await connection.execute(sa.update(tables.evidence).values(body=VAULT.pack(b"{}")))
    assert (await _case(bench)).evidence[0].problem.startswith("Not what was kept")


async def test_evidence_that_the_timeline_does_not_know_is_said(bench: RunnerBench) -> None:
    async with bench.database.write() as connection:
        await connection.execute(sa.update(tables.evidence).values(name="another"))
    there, stranger = (await _case(bench)).evidence
    assert there.problem.startswith("Deleted")
    assert (stranger.name, stranger.problem) == ("another", "The timeline does not know it.")


async def test_a_line_that_is_gone_from_the_end_shows(bench: RunnerBench) -> None:
    length = (await bench.incident()).revision
    async with bench.database.write() as connection:
        await store.update(connection, bench.incident_id, revision=length + 1)
    assert (await _case(bench)).broken_at == length + 1


async def test_an_unknown_of_the_account_is_not_checked(bench: RunnerBench) -> None:
    case = await _case(bench)
    subject = replace(case.incident.subject, unknowns=("Directory roles: no answer.",))
    changed = replace(case, incident=replace(case.incident, subject=subject))
    assert ("About the account", "Directory roles: no answer.") in changed.not_checked()
