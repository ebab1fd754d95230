"""Revoke sessions: who is logged in must log in again, and cannot while sign-in is blocked."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step, general_words


async def plan(ctx: Context) -> Plan:
    """Always one change: a session may have begun since the last time."""
    if ctx.account.is_guest:
        return Plan(
            settled=Outcome(
                State.REFUSED,
                "A guest's sessions belong to their home organisation. Ask it to revoke them; the block here holds.",
            )
        )
    since = ctx.account.sessions_valid_from
    change = Change(
        item="sessions",
        what="Sessions on all devices and apps",
        before="Valid",
        after="Revoked",
        seen=None if since is None else since.isoformat(),
    )
    return Plan(changes=(change,))


async def apply(ctx: Context, change: Change) -> None:
    """Revokes. A repetition only moves the moment from which sessions count."""
    await ctx.m365.directory.revoke_sessions(ctx.subject.object_id)


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the moment from which sessions count has moved since it was read before the change."""
    since = (await ctx.m365.directory.account(ctx.subject.object_id)).sessions_valid_from
    return since is not None and since.isoformat() != change.seen


STEP = Step(
    id="revoke-sessions",
    seed=(),
    phase=Phase.LOCK,
    title="Revoke sessions",
    why="Throws out whoever is logged in.",
    reads=("user.signInSessionsValidFromDateTime",),
    changes=("user.signInSessionsValidFromDateTime",),
    needs=("User.Read.All", "User.RevokeSessions.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.CONFIRM,
    undo=NoUndo("Ended sessions cannot be brought back. People log in again."),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
)
