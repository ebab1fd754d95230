"""What the doctor makes of what it read: pure, so that every case can be tried."""

from __future__ import annotations

from collections.abc import Sequence

from services.doctor.model import Check, Grade, StepCheck
from services.errors import IRBotError
from services.microsoft365.exchange import PERMISSION as EXCHANGE_APP_ROLE
from services.microsoft365.licences import TenantLicence
from services.plain_words import explain
from services.playbook.step import Step
from services.rights import EXCHANGE, beside_the_steps
from services.settings import Profile

# What a licence lets IRBot see or do; service plans by their names.
LICENCES = {
    "AAD_PREMIUM": ("Microsoft Entra ID P1", "sign-in logs by Graph, Conditional Access"),
    "AAD_PREMIUM_P2": ("Microsoft Entra ID P2", "risk detections, marking an account as compromised"),
    "INTUNE_A": ("Microsoft Intune", "managed devices: updates, firewall, protection"),
    "THREAT_INTELLIGENCE": ("Microsoft Defender for Office 365 P2", "pulling delivered mail back"),
}


def grade_of(error: IRBotError) -> Grade:
    """What was refused has failed; what did not answer is unknown."""
    return Grade.UNKNOWN if error.code in {"throttled", "upstream-down", "missing-permission"} else Grade.FAILED


def credentials(granted: frozenset[str] | IRBotError | None) -> Check:
    """Whether Entra knows the app."""
    title = "Credentials"
    if isinstance(granted, IRBotError):
        words = explain(granted)
        return Check("credentials", title, grade_of(granted), words.what, words.next_step)
    return Check("credentials", title, Grade.GOOD, "Entra gives the app a token for Graph.")


def program(profile: Profile, granted: frozenset[str] | IRBotError | None) -> Check:
    """What the program needs beside the steps."""
    title = "Permissions of the program itself"
    if granted is None or isinstance(granted, IRBotError):
        return Check("permissions", title, Grade.UNKNOWN, "The permissions of the app cannot be read.")
    lacking = [name for name in beside_the_steps(profile) if name not in granted]
    if lacking:
        return Check("permissions", title, Grade.FAILED, f"Without {', '.join(lacking)}.", "Grant them: app.py grant.")
    return Check("permissions", title, Grade.GOOD, "All are granted.")


def exchange(role: bool | IRBotError | None, cmdlets: frozenset[str] | IRBotError) -> Check:
    """Whether Exchange lets the app in."""
    title = "Exchange Online"
    if isinstance(role, IRBotError):
        return Check("exchange", title, grade_of(role), explain(role).what)
    if role is False:
        return Check(
            "exchange",
            title,
            Grade.FAILED,
            f"The app lacks the app role {EXCHANGE_APP_ROLE}.",
            "Grant it: app.py grant.",
        )
    if isinstance(cmdlets, IRBotError):
        return Check(
            "exchange",
            title,
            grade_of(cmdlets),
            explain(cmdlets).what,
            "Give the app's service principal the role Exchange Administrator.",
        )
    return Check("exchange", title, Grade.GOOD, f"The app may run {len(cmdlets)} cmdlets.")


def step_check(
    step: Step, granted: frozenset[str] | IRBotError | None, cmdlets: frozenset[str] | IRBotError
) -> StepCheck:
    """What a step needs against what is granted."""
    missing: list[str] = []
    unknown: list[str] = []
    held = None if isinstance(cmdlets, IRBotError) else {name.lower() for name in cmdlets}
    for need in step.needs:
        if need.startswith(EXCHANGE):
            name = need.removeprefix(EXCHANGE)
            known, there = held is not None, held is not None and name.lower() in held
        else:
            known = granted is not None and not isinstance(granted, IRBotError)
            there = known and need in granted  # type: ignore[operator]  # known says that it is a set
        if not known:
            unknown.append(need)
        elif not there:
            missing.append(need)
    return StepCheck(step.id, step.title, tuple(missing), tuple(unknown))


def licences(owned: Sequence[TenantLicence]) -> Check:
    """What the tenant owns of what IRBot can use."""
    plans = frozenset(plan for each in owned if each.works for plan in each.plans)
    lacking = [f"{name} ({what_for})" for plan, (name, what_for) in LICENCES.items() if plan not in plans]
    if not lacking:
        return Check("licences", "Licences", Grade.GOOD, "Every step has the licence that it can use.")
    return Check(
        "licences",
        "Licences",
        Grade.WARNING,
        f"Without {'; '.join(lacking)}.",
        "IRBot works without, sees less, and says so on the card.",
    )
