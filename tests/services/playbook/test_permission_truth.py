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
from uuid import UUID

import pytest

from services.bulk import Bulk
from services.errors import IRBotError
from services.incidents.model import Phase, Subject
from services.incidents.subjects import recognise
from services.microsoft365 import Microsoft365, Tokens
from services.microsoft365.accounts import Account
from services.microsoft365.operations import Gate, always_open
from services.playbook import STEPS
from services.playbook.planner import outcome_of
from services.playbook.step import Context, Outcome, State, Step, Undo
from services.rights import EXCHANGE, beside_the_steps
from services.settings import Settings
from simulator.clock import stamp
from simulator.config import SimulatorConfig
from simulator.exchange import exchange_of
from simulator.exchange.audit_log import log
from simulator.exchange.cmdlets.inbox_rules import new_sweep_rule
from simulator.exchange.defaults import new_outbound_connector
from simulator.exchange.state import Folder, FolderPermission, Mailbox, Permission
from simulator.licences import assigned, assigned_plans
from simulator.server import Simulator
from simulator.stories import STORIES, Story
from simulator.stories import apply as tell
from simulator.stories.acts.mail import SendsMail
from tests.services.playbook.open_past import taken_away
from tests.services.playbook.tenancy import lists, unpaced
from tests.thorough import one_in

BESIDE = frozenset(beside_the_steps())
PEOPLE: Mapping[str, str] = {  # who is looked at, and what happened to them
    "megan": "mass-phishing",
    "lee": "invoice-fraud",
    "miriam.o'connor": "consent-phishing",
    "joni": "token-replay",
    "joni.sherman2": "method-and-device",
    "isaiah": "global-administrator",
}
# Who gives each step the most to do, and who the least. Whoever is not named here: Megan, for whom all do the same.
CHOSEN: Mapping[str, tuple[str, ...]] = {
    "assess-exposure": ("megan",),
    "check-delegates": ("isaiah", "megan"),
    "check-devices": ("joni.sherman2", "megan"),
    "check-firewall": ("joni.sherman2", "megan"),
    "check-forwarding": ("lee", "megan"),
    "check-inbox-rules": ("megan", "miriam.o'connor"),
    "check-updates": ("joni.sherman2", "megan"),
    "clear-recovery-details": ("isaiah", "megan"),
    "disable-devices": ("joni.sherman2", "megan"),
    "purge-phish": ("megan", "lee"),
    "recommend-licences": ("joni", "megan"),
    "remove-delegates": ("isaiah", "megan"),
    "remove-forwarding": ("lee", "megan"),
    "remove-inbox-rules": ("megan", "miriam.o'connor"),
    "remove-mobile-partnerships": ("joni.sherman2", "megan"),
    "remove-sign-in-methods": ("joni.sherman2", "megan"),
    "restore-mail-protocols": ("joni", "megan"),
    "restore-roles": ("megan", "lee"),
    "review-activity": ("lee", "megan"),
    "review-sign-ins": ("megan", "miriam.o'connor"),
    "revoke-app-consents": ("miriam.o'connor", "megan"),
    "strip-roles": ("lee", "megan"),
    "switch-off-mail-protocols": ("megan", "joni"),
    "trace-sent-mail": ("megan", "miriam.o'connor"),
    "unblock-sending": ("megan", "lee"),
}
# The one for whom the step has to look whether somebody else is Global Administrator.
ALSO: Mapping[str, tuple[str, ...]] = {"strip-roles": ("isaiah",)}
_FEW_DAYS, _FEW_PEOPLE = 2, 4  # of everyday life before, and of whom a mail is sent to: rights know no numbers
CANNOT = frozenset({State.NOT_EVALUATED, State.REFUSED})

# What does in place of a right: Graph takes the wider one, or the step reads the same elsewhere. The right is missed
# only where those are gone as well.
STANDS_IN: Mapping[str, frozenset[str]] = {
    "Application.Read.All": frozenset({"Application.ReadWrite.All", "Directory.Read.All"}),
    "AuditLogsQuery.Read.All": frozenset({"Exchange: Search-UnifiedAuditLog"}),
    "GroupMember.Read.All": frozenset({"Directory.Read.All", "GroupMember.ReadWrite.All"}),
    "Device.Read.All": frozenset({"Device.ReadWrite.All", "Directory.Read.All"}),
    "Directory.Read.All": frozenset({"AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All"}),
    "ExchangeMessageTrace.Read.All": frozenset({"Exchange: Get-MessageTraceV2"}),
    "LicenseAssignment.Read.All": frozenset({"Directory.Read.All", "User.Read.All"}),
    "Mail.ReadBasic.All": frozenset({"Mail.Read", "Mail.ReadWrite"}),
    "RoleEligibilitySchedule.Read.Directory": frozenset(
        {"RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"}
    ),
    "RoleManagement.Read.Directory": frozenset({"Directory.Read.All", "RoleManagement.ReadWrite.Directory"}),
    "Policy.Read.All": frozenset({"Policy.ReadWrite.AuthenticationMethod"}),
    "User.Read.All": frozenset({"DeviceManagementManagedDevices.Read.All", "Directory.Read.All"}),
    "UserAuthenticationMethod.Read.All": frozenset({"UserAuthenticationMethod.ReadWrite.All"}),
}

# The second way to the same: a step works without it, and says what the first way says where both are gone.
SECOND_WAYS: Mapping[tuple[str, str], str] = {
    ("purge-phish", "Exchange: Get-MessageTraceV2"): "ExchangeMessageTrace.Read.All",
    ("review-activity", "Exchange: Search-UnifiedAuditLog"): "AuditLogsQuery.Read.All",
    ("trace-sent-mail", "Exchange: Get-MessageTraceV2"): "ExchangeMessageTrace.Read.All",
}
# The second way where the first one is not licensed.
WITHOUT_A_LICENCE = frozenset(
    {
        ("enforce-mfa", "Policy.ReadWrite.SecurityDefaults"),
        ("review-sign-ins", "Exchange: Search-UnifiedAuditLog"),
    }
)


def declared(step: Step) -> frozenset[str]:
    return frozenset(step.needs)


PERMISSIONS = sorted({need for step in STEPS for need in step.needs if not need.startswith(EXCHANGE)})
CMDLETS = sorted({need for step in STEPS for need in step.needs if need.startswith(EXCHANGE)})


@dataclass(frozen=True)
class End:
    """How one step ended: each of its parts, what it had to leave out for want of reading, and what it did."""

    outcomes: tuple[Outcome, ...]
    items: tuple[str, ...]

    @property
    def states(self) -> tuple[State, ...]:
        return tuple(outcome.state for outcome in self.outcomes)

    def misses(self, right: str) -> bool:
        """Whether some part could not be done, with this right in its reason."""
        name = re.compile(rf"(?<![\w.-]){re.escape(right.removeprefix(EXCHANGE))}(?![\w-]|\.\w)")
        return any(outcome.state in CANNOT and name.search(outcome.reason) for outcome in self.outcomes)


@dataclass(frozen=True)
class Tenant:
    """A tenant, Microsoft 365 as the product sees it, and the moment."""

    sim: Simulator
    m365: Microsoft365
    settings: Settings
    now: datetime
    bulk: Bulk

    def object_id(self, who: str) -> str:
        return self.sim.world.tenant.user(who).id

    def context(self, subject: Subject, account: Account) -> Context:
        since = self.now - timedelta(days=self.settings.look_back_days)
        past = taken_away(self.sim.world)
        return Context(self.m365, self.settings, subject, account, self.now, since, self.now, bulk=self.bulk, past=past)


@asynccontextmanager
async def tenant(without: Iterable[str] = (), *, gate: Gate = always_open) -> AsyncIterator[Tenant]:
    """All rights that are declared, except those. `gate` is asked before each effect."""
    gone = frozenset(without)
    granted = (frozenset(PERMISSIONS) | BESIDE) - gone
    config = SimulatorConfig(permissions=granted, audit_query_seconds=0, device_seconds=0)
    async with Simulator(config) as sim:
        for story_id in PEOPLE.values():
            tell(_short(STORIES[story_id]), sim.world)
        _furnish(sim)
        exchange_of(sim.world).knobs.without_cmdlets = frozenset(name.removeprefix(EXCHANGE) for name in gone)
        values = {name.removeprefix("IRBOT_").lower(): value for name, value in sim.environment().items()}
        values["break_glass_groups"] = sim.world.tenant.group("Security Leads").id
        settings = Settings(**values)  # type: ignore[arg-type]  # pydantic reads the texts
        tokens = Tokens(settings)
        m365 = unpaced(settings, tokens, gate)
        try:
            async with lists() as bulk:
                yield Tenant(sim, m365, settings, datetime.now(UTC), bulk)
        finally:
            await m365.close()
            await tokens.close()


def _short(story: Story) -> Story:
    """The story with all its deeds, and little around them."""
    deeds = tuple(
        replace(act, inside=min(act.inside, _FEW_PEOPLE)) if isinstance(act, SendsMail) else act
        for act in story.intruder_actions
    )
    return replace(story, background_days=_FEW_DAYS, intruder_actions=deeds)


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
            _share(sim, isaiah, folder)
            folder.publishing |= {"PublishEnabled": True, "DetailLevel": "FullDetails"}
    tenant, lee, miriam = sim.world.tenant, sim.world.tenant.user("lee"), sim.world.tenant.user("miriam.o'connor")
    sim.world.tenant.user("isaiah").properties |= {
        "otherMails": ["i@elsewhere.example"],
        "mobilePhone": "+1 425 5550100",
    }
    exchange_of(sim.world).mailbox("joni").cas["SmtpClientAuthenticationDisabled"] = True
    _furnish_mail_flow(sim)
    _furnish_licences_and_devices(sim)
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


def _furnish_licences_and_devices(sim: Simulator) -> None:
    """Somebody who could have a better licence, and laptops whose protection knows too little."""
    tenant = sim.world.tenant
    tenant.licences.add("SPE_E3")
    joni = tenant.user("joni")
    joni.licences = ("SPE_E3",)
    joni.properties |= {
        "assignedLicenses": assigned(joni.licences),
        "assignedPlans": assigned_plans(joni.licences, stamp(sim.world.clock.now())),
    }
    for state in tenant.records.protection_states.values():
        state["signatureUpdateOverdue"] = True


def _share(sim: Simulator, mailbox: Mailbox, folder: Folder) -> None:
    """An entry for one colleague, made lately."""
    lynne, identity = sim.world.tenant.user("lynne"), f"{mailbox.exchange_guid}:{folder.folder_id}"
    folder.permissions.append(FolderPermission(lynne.id, ["Reviewer"]))
    parameters = [{"Name": "Identity", "Value": identity}, {"Name": "User", "Value": lynne.id}]
    log(exchange_of(sim.world), datetime.now(UTC) - timedelta(hours=1), "Add-MailboxFolderPermission",
        record_id="shared", upn="isaiah@contoso.com", record_type="ExchangeAdmin", workload="Exchange",
        object_id=identity, delay=timedelta(0), Parameters=parameters)  # fmt: skip


def _furnish_mail_flow(sim: Simulator) -> None:
    exchange, now = exchange_of(sim.world), datetime.now(UTC)
    held = exchange.organisation
    held.outbound_connectors.append(new_outbound_connector("relay", UUID(int=7), now, IsTransportRuleScoped=True))
    held.journal_rules.append(
        {"Name": "Copies", "Enabled": True, "JournalEmailAddress": "copies@elsewhere.example", "Scope": "Global"}
    )
    log(exchange, now - timedelta(hours=1), "New-JournalRule", record_id="copies", upn="isaiah@contoso.com",
        record_type="ExchangeAdmin", workload="Exchange", object_id="Copies", delay=timedelta(0))  # fmt: skip


def locked_for(step: Step, ctx: Context) -> Context:
    """What a step gets that comes after the lock."""
    if step.phase is not Phase.EVICT and step.id != "unlock-sign-in":
        return ctx
    return replace(ctx, account=replace(ctx.account, account_enabled=False))


async def end_of(step: Step, ctx: Context) -> End:
    """Lets a step do all that it can; the runner words its refusals in the same way. Evictions follow a lock."""
    ctx = locked_for(step, ctx)
    try:
        plan = await step.plan(ctx)
    except IRBotError as error:
        return End((outcome_of(step, ctx, error, reading=True),), ())
    if plan.settled is not None:
        return End((plan.settled,), tuple(finding.key for finding in plan.findings))
    outcomes = [Outcome(State.NOT_EVALUATED, sentence) for sentence in plan.unread]
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


_people: dict[str, tuple[Subject, Account]] = {}


async def people() -> Mapping[str, tuple[Subject, Account]]:
    """Everybody who is looked at, as they are recognised while nothing is missing."""
    if not _people:
        async with tenant() as full:
            _people.update(
                {who: await recognise(full.m365, full.settings, full.object_id(who)) for who in sorted(PEOPLE)}
            )
    return _people


def chosen(step: Step) -> tuple[str, ...]:
    """With whom the step is tried."""
    return tuple(dict.fromkeys((*CHOSEN.get(step.id, ("megan",)), *ALSO.get(step.id, ()))))


async def test_those_who_are_chosen_give_a_step_the_most_and_the_least_to_do() -> None:
    known = await people()
    async with tenant() as full:
        for step in STEPS:
            loads = {who: await _load(step, full, known[who]) for who in PEOPLE}
            taken = [loads[who] for who in CHOSEN.get(step.id, ("megan",))]
            assert (max(taken), min(taken)) == (max(loads.values()), min(loads.values())), (step.id, loads)


async def _load(step: Step, full: Tenant, who: tuple[Subject, Account]) -> tuple[int, int]:
    plan = await step.plan(full.context(*who))
    kinds = {change.item.partition(":")[0] for change in plan.changes}
    return len(kinds), len(plan.changes) + len(plan.findings)


@cache
def in_order() -> tuple[Step, ...]:
    """Those that only read go first: what the others leave behind is no matter of rights."""
    return tuple(sorted(STEPS, key=lambda step: step.apply is not None))


async def ends_without(gone: frozenset[str], steps: Iterable[Step]) -> dict[str, tuple[End, ...]]:
    """How these steps end in a tenant where these rights are missing."""
    known = await people()
    async with tenant(gone) as poor:
        return {step.id: tuple([await _end_for(who, step, poor, known) for who in chosen(step)]) for step in steps}


async def usual_ends(step: Step) -> tuple[End, ...]:
    """How a step ends while nothing is missing."""
    return (await ends_without(frozenset(), [step]))[step.id]


async def _end_for(who: str, step: Step, poor: Tenant, known: Mapping[str, tuple[Subject, Account]]) -> End:
    subject, account = known[who]
    if step.id == "identify":  # its reading is the recognition, which comes before every step
        try:
            subject, account = await recognise(poor.m365, poor.settings, poor.object_id(who))
        except IRBotError as error:
            return End((outcome_of(step, poor.context(subject, account), error, reading=True),), ())
    return await end_of(step, poor.context(subject, account))


async def test_with_all_rights_every_step_works_and_every_change_is_tried() -> None:
    ends = await ends_without(frozenset(), in_order())
    assert [(step_id, end) for step_id, both in ends.items() for end in both if CANNOT & set(end.states)] == []
    idle = [step.id for step in STEPS if step.apply is not None and State.DONE not in ends[step.id][0].states]
    assert idle == []


@pytest.mark.parametrize("right", one_in(4, [*PERMISSIONS, *CMDLETS]))
async def test_a_right_is_missed_by_name_where_it_is_declared(right: str) -> None:
    declaring = [step for step in STEPS if right in declared(step)]
    ends = await ends_without(frozenset({right}) | STANDS_IN.get(right, frozenset()), declaring)
    expected = {step.id for step in declaring} - _do_without(right)
    assert {step_id for step_id, both in ends.items() if any(end.misses(right) for end in both)} == expected


def _do_without(right: str) -> set[str]:
    return {step_id for step_id, needed in {*SECOND_WAYS, *WITHOUT_A_LICENCE} if needed == right}


@pytest.mark.parametrize(("pair", "first"), SECOND_WAYS.items(), ids=lambda value: str(value[0]))
async def test_a_second_way_does_in_place_of_the_first_and_both_gone_are_missed(
    pair: tuple[str, str], first: str
) -> None:
    step_id, second = pair
    step = next(step for step in STEPS if step.id == step_id)
    usual = await usual_ends(step)
    for gone in (first, second):
        ends = await ends_without(frozenset({gone}), [step])
        assert [end.states for end in ends[step_id]] == [end.states for end in usual]
    ends = await ends_without(frozenset({first, second}), [step])
    assert any(end.misses(first) for end in ends[step_id])


@pytest.mark.parametrize("step", one_in(2, STEPS, lambda step: step.id))
async def test_no_step_changes_its_state_where_it_lacks_what_it_does_not_declare(step: Step) -> None:
    """All that it does not declare is gone at once, which is worse than any one of them."""
    usual = await usual_ends(step)
    ends = await ends_without(frozenset({*PERMISSIONS, *CMDLETS, *BESIDE}) - declared(step), [step])
    assert [(end.states, end.items) for end in ends[step.id]] == [(each.states, each.items) for each in usual]


def test_every_second_way_is_declared() -> None:
    assert {*SECOND_WAYS, *WITHOUT_A_LICENCE} <= {(step.id, need) for step in STEPS for need in step.needs}
