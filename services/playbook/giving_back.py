"""What the steps that give an account back share: the shut gate, and changes of an earlier step turned round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.playbook.step import Change, Context, Outcome, Plan, State

# What a step of the lock or the eviction changed, by what gives it back, item by item under the same keys.
PUT_BACK_BY: Mapping[str, str] = {
    "block-sign-in": "unlock-sign-in",
    "strip-roles": "restore-roles",
    "switch-off-mail-protocols": "restore-mail-protocols",
}


async def shut(ctx: Context, *, mail_only: bool = False) -> Outcome | None:
    """Refused with every line that is not green; None where the gate is open. Looked at once for all steps of a run."""

    async def look() -> str | None:
        return await ctx.past.closed_gate(ctx, mail_only=mail_only)

    reason = await ctx.shared.once(f"gate:{mail_only}", look)
    return None if reason is None else Outcome(State.REFUSED, f"The gate is not open. {reason}")


def backwards(change: Change) -> Change:
    """The change that puts an earlier one back, under the same item."""
    return replace(change, before=change.after, after=change.before, seen=None)


def plan_of(changes: Sequence[Change], nothing: str) -> Plan:
    """The changes, or "already so" with the reason."""
    return Plan(tuple(changes)) if changes else Plan(settled=Outcome(State.ALREADY_SO, nothing))
