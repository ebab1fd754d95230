"""Each right that a step declares is needed, and missed by its name; and no step needs one that it does not declare.

Every row starts a tenant in which several stories have happened, takes rights away, and lets steps do all that they
can: plan, apply, verify and undo.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

import pytest

from services.errors import IRBotError
from services.incidents.model import Subject
from services.incidents.subjects import recognise
from services.microsoft365 import GRAPH_NEEDS, Microsoft365, Tokens
from services.microsoft365.accounts import Account
from services.playbook import STEPS
from services.playbook.planner import outcome_of
from services.playbook.step import Context, Outcome, State, Step, Undo
from services.settings import Settings
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule
from simulator.exchange.state import Permission
from simulator.permissions import GRANTED, KNOWN
from simulator.server import Simulator
from tests.services.playbook.tenancy import unpaced

_EXCHANGE = "Exchange: "
PEOPLE: Mapping[str, str] = {  # who is looked at, and what happened to them
    "megan": "mass-phishing",
    "lee": "invoice-fraud",
    "miriam.o'connor": "consent-phishing",
    "joni": "token-replay",
    "joni.sherman2": "method-and-device",
    "isaiah": "global-administrator",
}
CANNOT = frozenset({State.NOT_EVALUATED, State.REFUSED})

# What asks for these beside the steps: who may do what, and who is to be asked.
ROLE_CHECKS = frozenset(GRAPH_NEEDS["directory.groups_of"] + GRAPH_NEEDS["directory.people_in"])

# What does in place of a right: Graph takes the wider one, or the step reads the same elsewhere. The right is missed
# only where those are gone as well.
STANDS_IN: Mapping[str, frozenset[str]] = {
    "Application.Read.All": frozenset({"Application.ReadWrite.All", "Directory.Read.All"}),
    "AuditLogsQuery.Read.All": frozenset({"Exchange: Search-UnifiedAuditLog"}),
    "Device.Read.All": frozenset({"Device.ReadWrite.All", "Directory.Read.All"}),
    "Directory.Read.All": frozenset({"AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"}),
    "ExchangeMessageTrace.Read.All": frozenset({"Exchange: Get-MessageTraceV2"}),
    "LicenseAssignment.Read.All": frozenset({"Directory.Read.All", "User.Read.All"}),
    "RoleEligibilitySchedule.Read.Directory": frozenset(
        {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"}
    ),
    "RoleManagement.Read.Directory": frozenset({"Directory.Read.All", "RoleManagement.ReadWrite.Directory"}),
    "User.Read.All": frozenset({"DeviceManagementManagedDevices.Read.All", "Directory.Read.All"}),
    "UserAuthenticationMethod.Read.All": frozenset({"UserAuthenticationMethod.ReadWrite.All"}),
}

# What a step works without, and why that is so. A line that is not true any more fails.
WORKS_WITHOUT: dict[tuple[str, str], str] = {
    ("check-delegates", "User.Read.All"): "people are told from strangers by Exchange's own answer",
    ("check-devices", "AuditLog.Read.All"): "devices are judged without sign-ins, and the step does not say so",
    ("check-forwarding", "Exchange: Get-Recipient"): "the finding says that nobody is behind the name",
    ("identify", "GroupMember.Read.All"): "Graph gives the groups' ids for User.Read.All; the role checks need it",
    ("remove-delegates", "Exchange: Add-MailboxFolderPermission"): "an undo for entries that no story has",
    ("remove-delegates", "Exchange: Get-Recipient"): "who is behind a name stays unsaid, and nothing is proposed",
    ("remove-delegates", "Exchange: Remove-MailboxFolderPermission"): "for entries that no story has",
    ("remove-delegates", "User.Read.All"): "people are told from strangers by Exchange's own answer",
    ("remove-inbox-rules", "Exchange: Disable-InboxRule"): "a rule that cannot be turned off is removed all the same",
    ("review-activity", "AuditLog.Read.All"): "not evaluated, without the permission's name",
    ("review-activity", "Exchange: Get-AdminAuditLogConfig"): "the log is taken for switched on",
    ("review-activity", "Exchange: Get-OrganizationConfig"): "the log is taken for switched on",
    ("review-activity", "Exchange: Search-UnifiedAuditLog"): "the second way to what Graph's query finds",
    ("review-sign-ins", "Exchange: Search-UnifiedAuditLog"): "the second way, where the sign-in log is not licensed",
    ("review-sign-ins", "IdentityRiskEvent.Read.All"): "named in the reason of a step that is done",
    ("review-sign-ins", "Policy.Read.All"): "named in the reason of a step that is done",
    ("strip-roles", "GroupMember.Read.All"): "Graph gives the groups' ids for User.Read.All",
    ("strip-roles", "RoleEligibilitySchedule.Read.Directory"): "eligible roles that were not read count as none",
    ("strip-roles", "User.Read.All"): "Graph takes GroupMember.Read.All for the groups of an account",
    ("trace-sent-mail", "AuditLog.Read.All"): "said without the permission's name, in a step that is done",
    ("trace-sent-mail", "Exchange: Get-MessageTraceV2"): "the second way to what Graph's trace finds",
}
# A part of the mail flow that cannot be read is left out of a plan that has another change; the check names it.
for _right in (
    "Get-HostedOutboundSpamFilterPolicy",
    "Get-InboundConnector",
    "Get-JournalRule",
    "Get-OutboundConnector",
    "Get-RemoteDomain",
    "Get-TransportRule",
    "Search-UnifiedAuditLog",
):
    WORKS_WITHOUT["disable-mail-flow", f"{_EXCHANGE}{_right}"] = "left out of a plan that has another change"
for _right in ("Disable-JournalRule", "Enable-JournalRule", "Set-OutboundConnector"):
    WORKS_WITHOUT["disable-mail-flow", f"{_EXCHANGE}{_right}"] = "for what no story has"
# Two more things by which sign-ins are judged; who only uses that judgement does not name them.
for _step, _right in product(
    ("check-devices", "review-activity", "trace-sent-mail"), ("IdentityRiskEvent.Read.All", "Policy.Read.All")
):
    WORKS_WITHOUT[_step, _right] = "sign-ins are judged without it, and the step does not say so"


def declared(step: Step) -> frozenset[str]:
    return frozenset(step.needs)


# What the simulated app holds besides: for functions of an area that no step may use so far, and for what is no step.
_TESTED_ALONE = "the simulated service answers it, and only its own tests ask"
BESIDE_THE_STEPS: Mapping[str, str] = {
    "AppCatalog.Read.All": "teams_apps.catalogue_id: reaching people in Teams",
    "AttackSimulation.ReadWrite.All": _TESTED_ALONE,
    "Chat.Create": _TESTED_ALONE,
    "Contacts.Read": _TESTED_ALONE,
    "DeviceManagementManagedDevices.PrivilegedOperations.All": "devices.sync and devices.scan",
    "Domain.Read.All": _TESTED_ALONE,
    "IdentityRiskEvent.ReadWrite.All": "sign_ins.confirm_compromised",
    "LicenseAssignment.ReadWrite.All": "licences.assign",
    "Mail.ReadBasic.All": "messages.in_folder and messages.was_sent",
    "Mail.ReadWrite": "messages.move and messages.purge",
    "Mail.Send": "messages.send",
    "MailboxSettings.ReadWrite": "mailbox.switch_rule and its like",
    "Organization.Read.All": _TESTED_ALONE,
    "People.Read.All": _TESTED_ALONE,
    "Policy.ReadWrite.AuthenticationMethod": "policies.set_per_user_mfa",
    "Policy.ReadWrite.ConditionalAccess": "policies.create_access_policy",
    "Policy.ReadWrite.SecurityDefaults": "policies.set_security_defaults",
    "RoleAssignmentSchedule.Read.Directory": _TESTED_ALONE,
    "SecurityAlert.Read.All": "alerts.about",
    "SecurityAlert.ReadWrite.All": "alerts.mark_compromised",
    "SecurityAnalyzedMessage.ReadWrite.All": "messages.remediate",
    "SecurityEvents.Read.All": "scores.latest and scores.recommendations",
    "SecurityIdentitiesAccount.Read.All": "on_premises.account",
    "SecurityIdentitiesActions.ReadWrite.All": "on_premises.disable and its like",
    "SecurityIncident.Read.All": _TESTED_ALONE,
    "SecurityIncident.ReadWrite.All": _TESTED_ALONE,
    "TeamsActivity.Send": "teams_apps.notify",
    "TeamsAppInstallation.ReadWriteSelfForUser.All": "teams_apps.install",
    "ThreatHunting.Read.All": "alerts.hunt",
    "User-Mail.ReadWrite.All": _TESTED_ALONE,
    "User-Phone.ReadWrite.All": _TESTED_ALONE,
}

PERMISSIONS = sorted({need for step in STEPS for need in step.needs if not need.startswith(_EXCHANGE)})
CMDLETS = sorted({need for step in STEPS for need in step.needs if need.startswith(_EXCHANGE)})


@dataclass(frozen=True)
class End:
    """How one step ended: each of its parts, and what it did."""

    outcomes: tuple[Outcome, ...]
    items: tuple[str, ...]

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(outcome.state for outcome in self.outcomes)

    def misses(self, right: str) -> bool:
        """Whether some part could not be done, with this right in its reason."""
        name = re.compile(rf"(?<![\w.-]){re.escape(right.removeprefix(_EXCHANGE))}(?![\w-]|\.\w)")
        return any(outcome.state in CANNOT and name.search(outcome.reason) for outcome in self.outcomes)


@dataclass(frozen=True)
class Tenant:
    """A tenant, Microsoft 365 as the product sees it, and the moment."""

    sim: Simulator
    m365: Microsoft365
    settings: Settings
    now: datetime

    def object_id(self, who: str) -> str:
        return self.sim.world.tenant.user(who).id

    def context(self, subject: Subject, account: Account) -> Context:
        since = self.now - timedelta(days=self.settings.look_back_days)
        return Context(self.m365, self.settings, subject, account, self.now, since, self.now)


@asynccontextmanager
async def tenant(without: Iterable[str] = ()) -> AsyncIterator[Tenant]:
    """All rights that are declared, except those."""
    gone = frozenset(without)
    granted = (frozenset(PERMISSIONS) | ROLE_CHECKS) - gone
    config = SimulatorConfig(permissions=granted, stories=tuple(PEOPLE.values()), audit_query_seconds=0)
    async with Simulator(config) as sim:
        _furnish(sim)
        exchange_of(sim.world).knobs.without_cmdlets = frozenset(name.removeprefix(_EXCHANGE) for name in gone)
        values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
        settings = Settings(**values)  # type: ignore[arg-type]  # pydantic reads the texts
        tokens = Tokens(settings)
        m365 = unpaced(settings, tokens)
        try:
            yield Tenant(sim, m365, settings, datetime.now(UTC))
        finally:
            await m365.close()
            await tokens.close()


def _furnish(sim: Simulator) -> None:
    """What no story has, so that every part of every step has something to do."""
    isaiah = exchange_of(sim.world).mailbox("isaiah")
    isaiah.send_as.append(
        Permission(sim.world.tenant.user("ravi_fabrikam.com#EXT#@contoso.onmicrosoft.com").id, ["SendAs"])
    )
    for folder in isaiah.folders:
        if folder.folder_type == "Inbox":
            folder.permissions[0].rights = ["Reviewer"]
        if folder.folder_type == "Calendar":
            folder.publishing |= {"PublishEnabled": True, "DetailLevel": "FullDetails"}
    tenant, lee, miriam = sim.world.tenant, sim.world.tenant.user("lee"), sim.world.tenant.user("miriam.o'connor")
    new_sweep_rule(exchange_of(sim.world).mailbox("lee"), "Colleagues", Sender=f"lynne@{tenant.domain}", KeepLatest=1)
    lee.mailbox_settings["automaticRepliesSetting"] |= {
        "status": "alwaysEnabled",
        "externalAudience": "all",
        "internalReplyMessage": "See https://contoso-payments.example/new",
        "externalReplyMessage": "See https://contoso-payments.example/new",
    }
    app = next(app for app in tenant.service_principals.values() if app.display_name == "Mail Backup Pro")
    tenant.app_role_assignments.append(
        {
            "id": "place-of-miriam",
            "appRoleId": "00000000-0000-0000-0000-000000000000",
            "createdDateTime": stamp(sim.world.clock.now()),
            "principalDisplayName": miriam.display_name,
            "principalId": miriam.id,
            "principalType": "User",
            "resourceDisplayName": app.display_name,
            "resourceId": app.id,
        }
    )


async def end_of(step: Step, ctx: Context) -> End:
    """Lets a step do all that it can; the runner words its refusals in the same way."""
    try:
        plan = await step.plan(ctx)
    except IRBotError as error:
        return End((outcome_of(step, ctx, error, reading=True),), ())
    if plan.settled is not None:
        return End((plan.settled,), tuple(finding.key for finding in plan.findings))
    outcomes: list[Outcome] = []
    for change in plan.changes:
        assert step.apply is not None
        assert step.verify is not None
        try:
            await step.apply(ctx, change)
            assert await step.verify(ctx, change), f"{step.id} does not show {change.item}"
            outcomes.append(Outcome(State.DONE, ""))
            if isinstance(step.undo, Undo):
                back = replace(change, before=change.after, after=change.before, seen=None)
                await step.undo.apply(ctx, back)
                assert await step.undo.verify(ctx, back), f"{step.id} does not show the undo of {change.item}"
                outcomes.append(Outcome(State.UNDONE, ""))
        except IRBotError as error:
            outcomes.append(outcome_of(step, ctx, error, reading=False))
    if not plan.changes:
        outcomes.append(Outcome(State.DONE, ""))
    return End(tuple(outcomes), tuple(change.item for change in plan.changes))


@dataclass(frozen=True)
class Baseline:
    """What every step does while nothing is missing, and with whom: who gives it the most to do, and who the least."""

    people: Mapping[str, tuple[Subject, Account]]
    chosen: Mapping[str, tuple[str, ...]]
    ends: Mapping[str, tuple[End, ...]]


_baseline: list[Baseline] = []


async def baseline() -> Baseline:
    if not _baseline:
        async with tenant() as full:
            people = {who: await recognise(full.m365, full.settings, full.object_id(who)) for who in PEOPLE}
            chosen = {step.id: await _extremes(step, full, people) for step in STEPS}
        async with tenant() as full:
            ends = {
                step.id: tuple([await end_of(step, full.context(*people[who])) for who in chosen[step.id]])
                for step in in_order()
            }
        _baseline.append(Baseline(people, chosen, ends))
    return _baseline[0]


async def _extremes(step: Step, full: Tenant, people: Mapping[str, tuple[Subject, Account]]) -> tuple[str, ...]:
    async def work(who: str) -> tuple[int, int]:
        plan = await step.plan(full.context(*people[who]))
        kinds = {change.item.partition(":")[0] for change in plan.changes}
        return len(kinds), len(plan.changes) + len(plan.findings)

    loads = {who: await work(who) for who in people}
    most, least = max(loads, key=lambda who: loads[who]), min(loads, key=lambda who: loads[who])
    return (most,) if loads[most] == loads[least] else (most, least)


@cache
def in_order() -> tuple[Step, ...]:
    """Those that only read go first: what the others leave behind is no matter of rights."""
    return tuple(sorted(STEPS, key=lambda step: step.apply is not None))


async def ends_without(gone: frozenset[str], steps: Iterable[Step]) -> dict[str, tuple[End, ...]]:
    """How these steps end in a tenant where these rights are missing."""
    base = await baseline()
    async with tenant(gone) as poor:
        return {
            step.id: tuple([await _end_for(who, step, poor, base) for who in base.chosen[step.id]]) for step in steps
        }


async def _end_for(who: str, step: Step, poor: Tenant, base: Baseline) -> End:
    subject, account = base.people[who]
    if step.id == "identify":  # its reading is the recognition, which comes before every step
        try:
            subject, account = await recognise(poor.m365, poor.settings, poor.object_id(who))
        except IRBotError as error:
            return End((outcome_of(step, poor.context(subject, account), error, reading=True),), ())
    return await end_of(step, poor.context(subject, account))


async def test_with_all_rights_every_step_works_and_every_change_is_tried() -> None:
    base = await baseline()
    assert [(step_id, end) for step_id, both in base.ends.items() for end in both if CANNOT & set(end.states)] == []
    idle = [step.id for step in STEPS if step.apply is not None and State.DONE not in base.ends[step.id][0].states]
    assert idle == []


@pytest.mark.parametrize("right", [*PERMISSIONS, *CMDLETS])
async def test_a_right_is_missed_by_name_where_it_is_declared(right: str) -> None:
    declaring = [step for step in STEPS if right in declared(step)]
    ends = await ends_without(frozenset({right}) | STANDS_IN.get(right, frozenset()), declaring)
    expected = {step.id for step in declaring if (step.id, right) not in WORKS_WITHOUT}
    assert {step_id for step_id, both in ends.items() if any(end.misses(right) for end in both)} == expected


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
async def test_no_step_changes_its_state_where_it_lacks_what_it_does_not_declare(step: Step) -> None:
    """All that it does not declare is gone at once, which is worse than any one of them."""
    base = await baseline()
    ends = await ends_without(frozenset({*PERMISSIONS, *CMDLETS, *ROLE_CHECKS}) - declared(step), [step])
    assert [(end.states, end.items) for end in ends[step.id]] == [
        (usual.states, usual.items) for usual in base.ends[step.id]
    ]


def test_what_a_step_works_without_is_something_that_it_declares() -> None:
    assert {
        pair for pair in WORKS_WITHOUT if pair not in {(step.id, need) for step in STEPS for need in step.needs}
    } == set()


def test_the_simulated_app_holds_what_is_declared_and_what_is_explained() -> None:
    asked = frozenset(PERMISSIONS) | ROLE_CHECKS
    assert GRANTED - asked <= set(BESIDE_THE_STEPS) <= GRANTED
    assert asked <= GRANTED <= set(KNOWN)
