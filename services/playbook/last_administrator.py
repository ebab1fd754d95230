"""The last Global Administrator who can sign in is never shut out: nobody could let the organisation in again."""

from __future__ import annotations

from services.playbook.step import Context, Outcome, State

_GLOBAL = "Global Administrator"


async def last_global_administrator(ctx: Context) -> Outcome | None:
    """A refusal where this account is the last one. Needs the rights of "Identify the account".

    Where the account's roles could not be read at all, a second person decides, as about any account that may be
    privileged. Raises what the look-up for others raises, which leaves the account as it is.
    """
    if _GLOBAL not in {*ctx.subject.active_roles, *ctx.subject.eligible_roles}:
        return None
    if await ctx.m365.role_assignments.other_global_administrator(ctx.subject.object_id):
        return None
    return Outcome(
        State.REFUSED,
        "No other Global Administrator can sign in. Shut out, nobody could let your organisation in again. "
        "Sign in with an emergency account or make another Global Administrator, then prepare the lock again.",
    )
