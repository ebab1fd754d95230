"""How the organisation asks for a second factor today, and who is ready to give one. It only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.errors import IRBotError, MissingLicence
from services.microsoft365.listing import Listing
from services.microsoft365.policies import ENABLED, REPORT_ONLY, AccessPolicy
from services.microsoft365.sign_in_methods import RegisteredPerson
from services.plain_words import explain
from services.playbook.device_health import or_error
from services.playbook.step import Context, Finding, Severity
from services.together import together

STATES: Mapping[str, str] = {ENABLED: "In force", "disabled": "Switched off", REPORT_ONLY: "Reporting only"}

_PREMIUM_PLANS = frozenset({"AAD_PREMIUM", "AAD_PREMIUM_P2"})
_MOST_PEOPLE = 20_000  # of the registration report: what can be read within the patience of a plan
_MOST_PER_USER = 10  # a call each, and two seconds between them
_MOST_POLICIES = 20
_MOST_NAMES = 5
_EXACT_BELOW = 100


@dataclass(frozen=True)
class Truth:
    """What was read. `report` is None where the organisation has no licence for it."""

    premium: bool  # Entra ID P1 or better
    defaults: bool
    policies: tuple[AccessPolicy, ...]
    people: int
    report: Listing[RegisteredPerson] | None
    per_user: tuple[str, ...]  # the states of the accounts that were looked at one by one
    unread: tuple[str, ...]

    def without_method(self, excluded: frozenset[str] = frozenset()) -> tuple[RegisteredPerson, ...]:
        """Who could not give a second factor, but for those who are left out."""
        people = self.report.values if self.report is not None else ()
        return tuple(each for each in people if not each.mfa_registered and each.id not in excluded)

    @property
    def enforcing(self) -> AccessPolicy | None:
        """A policy in force that asks everybody for a second factor at every app, and takes nothing else for it."""
        return next((each for each in self.policies if each.state == ENABLED and asks_everybody(each)), None)


def asks_everybody(policy: AccessPolicy) -> bool:
    """Whether it asks all users for a second factor at all apps, whatever its state and whomever it leaves out."""
    controls = policy.grant_controls
    others = len(controls.get("builtInControls") or ()) > 1 and controls.get("operator") == "OR"
    everywhere = policy.is_for_everybody and policy.is_for_every_app and not policy.is_narrowed
    return policy.asks_for_mfa and everywhere and not others


async def truth_of(ctx: Context) -> Truth:
    """Reads it all. What is licensed and does not answer is an error, not a gap: nobody must decide without it."""
    m365 = ctx.m365
    owned = await m365.licences.of_tenant()
    premium = any(each.works and each.plans & _PREMIUM_PLANS for each in owned)
    (defaults, people), policies, report, per_user = await together(
        together(m365.policies.security_defaults(), m365.directory.people_who_can_sign_in()),
        _policies(ctx, premium=premium),
        _report(ctx, premium=premium),
        _per_user(ctx),
    )
    states = tuple(state for state in per_user if isinstance(state, str))
    errors = {explain(state).what for state in per_user if isinstance(state, IRBotError)}
    unread = tuple(f"The per-user state of some accounts was not read. {words}" for words in sorted(errors))
    return Truth(premium, defaults, policies, people, report, states, unread)


async def _policies(ctx: Context, *, premium: bool) -> tuple[AccessPolicy, ...]:
    try:
        return await ctx.m365.policies.access_policies()
    except MissingLicence:
        if premium:
            raise
        return ()


async def _report(ctx: Context, *, premium: bool) -> Listing[RegisteredPerson] | None:
    return await ctx.m365.sign_in_methods.registrations(_MOST_PEOPLE) if premium else None


async def _per_user(ctx: Context) -> tuple[str | IRBotError, ...]:
    """Of the accounts that matter most: Graph tells it for one account at a time."""
    settings = ctx.settings
    names = (ctx.subject.object_id, *settings.break_glass_users, *settings.vip_users)
    chosen = list(dict.fromkeys(names))[:_MOST_PER_USER]
    found = await together(*(or_error(ctx.m365.sign_in_methods.per_user_mfa(name)) for name in chosen))
    return tuple(found)


def about(count: int) -> str:
    """A number as a plan shows it: large ones are rounded, so that one new colleague does not void an approval."""
    if count < _EXACT_BELOW:
        return str(count)
    step = 10 ** (len(str(count)) - 2)
    return f"about {round(count / step) * step:,}"


# -- as findings ---------------------------------------------------------------------------------------------------


def findings(truth: Truth) -> tuple[Finding, ...]:
    """Today's truth, one finding for each part of it."""
    return (_of_defaults(truth), *_of_policies(truth), *_of_report(truth), _of_per_user(truth))


def _of_defaults(truth: Truth) -> Finding:
    title = "Security defaults are on" if truth.defaults else "Security defaults are off"
    reasons = ("They ask everybody for a second factor, and let no old mail programs in",) if truth.defaults else ()
    return Finding("security-defaults", Severity.NOTE, title, reasons)


def _of_policies(truth: Truth) -> tuple[Finding, ...]:
    asking = [each for each in truth.policies if each.asks_for_mfa]
    if not asking:
        severity = Severity.NOTE if truth.defaults else Severity.WARNING
        return (Finding("no-policy", severity, "No Conditional Access policy asks for a second factor"),)
    return tuple(_of_policy(each) for each in asking[:_MOST_POLICIES])


def _of_policy(policy: AccessPolicy) -> Finding:
    whom = "For all users" if policy.is_for_everybody else "For some users only"
    where = "at all apps" if policy.is_for_every_app else "at some apps only"
    reasons = [f"{whom}, {where}", f"It leaves out {policy.exclusions} users, groups or roles"]
    if policy.is_narrowed:
        reasons.append("Only under some conditions, such as places, devices or risk")
    title = f"{policy.name}: {STATES.get(policy.state, policy.state).lower()}"
    return Finding(f"policy:{policy.id}", Severity.NOTE, title, tuple(reasons), data={"id": policy.id})


def _of_report(truth: Truth) -> tuple[Finding, ...]:
    if truth.report is None:
        title = "Who has a second factor registered is not known"
        return (Finding("registration", Severity.NOTE, title, ("The report needs Microsoft Entra ID P1",)),)
    missing = truth.without_method()
    reasons = ["By the registration report, which is up to a day old"]
    if not truth.report.complete:
        reasons.append(f"Only the first {len(truth.report):,} people were read")
    administrators = [each.name for each in missing if each.administrator]
    if administrators:
        more = f" and {len(administrators) - _MOST_NAMES} more" if len(administrators) > _MOST_NAMES else ""
        reasons.append(f"Administrators among them: {', '.join(administrators[:_MOST_NAMES])}{more}")
    title = f"{len(missing):,} of {len(truth.report):,} people have no second factor registered"
    return (Finding("registration", Severity.WARNING if missing else Severity.NOTE, title, tuple(reasons)),)


def _of_per_user(truth: Truth) -> Finding:
    on = sum(state.casefold() in {"enabled", "enforced"} for state in truth.per_user)
    title = f"Per-user MFA is on for {on} of {len(truth.per_user)} accounts that were looked at"
    reasons = ["This account, break-glass accounts and VIPs were looked at"]
    if on:
        reasons.append("IRBot leaves it as it is. Switch it off by hand once a policy asks everybody: never both")
    return Finding("per-user", Severity.NOTE, title, tuple(reasons))
