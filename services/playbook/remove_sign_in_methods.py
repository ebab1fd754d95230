"""Remove sign-in methods: whatever the intruder registered, and whatever they may have learned, proves nothing more."""

from __future__ import annotations

from collections.abc import Mapping

from services.access import Permission
from services.errors import Conflict, Gone, IRBotError
from services.incidents.model import Phase
from services.microsoft365.sign_in_methods import ALTERNATE_MOBILE, SignInMethod
from services.playbook.gaps import gap
from services.playbook.step import Change, Context, NoUndo, Outcome, Plan, Risk, Rule, State, Step
from services.together import together

REGISTERED, REMOVED = "Registered", "Removed"
_APP_PASSWORDS = (
    "App passwords may exist, and Microsoft lets no program list or remove them. Delete them by hand: Entra admin "
    "center, Users, Per-user MFA, choose the account, Delete app passwords."
)

_KINDS: Mapping[str, str] = {
    "emailAuthenticationMethod": "Recovery e-mail address",
    "externalAuthenticationMethod": "External sign-in method",
    "fido2AuthenticationMethod": "Passkey or security key",
    "hardwareOathAuthenticationMethod": "Hardware token",
    "microsoftAuthenticatorAuthenticationMethod": "Microsoft Authenticator",
    "passwordlessMicrosoftAuthenticatorAuthenticationMethod": "Microsoft Authenticator without password",
    "phoneAuthenticationMethod": "Phone number",
    "platformCredentialAuthenticationMethod": "Platform credential of a Mac",
    "qrCodePinAuthenticationMethod": "QR code and PIN",
    "softwareOathAuthenticationMethod": "Authenticator app with codes",
    "temporaryAccessPassAuthenticationMethod": "Temporary Access Pass",
    "windowsHelloForBusinessAuthenticationMethod": "Windows Hello for Business",
}


async def plan(ctx: Context) -> Plan:
    """Every method but the password: a safe hand-over begins with none. Fresh ones are marked and go first.

    Which one is the default cannot be read. It refuses to go before the others; the runner tries it again after them.
    """
    listed, unread = await together(ctx.m365.sign_in_methods.list(ctx.subject.object_id), _app_passwords(ctx))
    methods = [each for each in listed if not each.is_password]
    if not methods and unread:
        return Plan(settled=Outcome(State.NOT_EVALUATED, f"No sign-in method is registered. {' '.join(unread)}"))
    if not methods:
        reason = "Nothing to remove. No sign-in method is registered"
        reason += " here; the guest's own ones belong to their home organisation." if ctx.subject.guest else "."
        return Plan(settled=Outcome(State.ALREADY_SO, reason))
    methods.sort(key=lambda each: (each.id != ALTERNATE_MOBILE, not _is_fresh(ctx, each), each.kind, each.id))
    return Plan(changes=tuple(_change(ctx, each) for each in methods), unread=unread)


async def _app_passwords(ctx: Context) -> tuple[str, ...]:
    """What to do about app passwords, which nobody can list. There are none without per-user MFA."""
    try:
        state = await ctx.m365.sign_in_methods.per_user_mfa(ctx.subject.object_id)
    except IRBotError as error:
        return (gap("Whether there can be app passwords was not read.", error).words,)
    return (_APP_PASSWORDS,) if state in ("enabled", "enforced") else ()


def _is_fresh(ctx: Context, method: SignInMethod) -> bool:
    return method.created_at is not None and method.created_at >= ctx.since


def _change(ctx: Context, method: SignInMethod) -> Change:
    kind = _KINDS.get(method.kind, "Sign-in method of an unknown kind")
    named = f"{kind} {method.label}" if method.label else kind
    when = f", registered {method.created_at:%d %b %Y %H:%M} UTC" if method.created_at else ", no date known"
    mark = ". New: within the time we look at" if _is_fresh(ctx, method) else ""
    by_hand = "" if method.is_removable else ". IRBot cannot remove this kind: remove it by hand in Entra"
    return Change(
        item=f"{method.kind}:{method.id}",
        what=f"{named}{when}{mark}{by_hand}",
        before=REGISTERED,
        after=REMOVED,
        data={
            "kind": method.kind,
            "id": method.id,
            "label": method.label,
            # Without a date nobody knows that it is old.
            "fresh": method.created_at is None or _is_fresh(ctx, method),
        },
    )


async def apply(ctx: Context, change: Change) -> None:
    """Removes one method; what is gone is done. Raises Conflict for what cannot go yet.

    Whoever can still sign in would register the next one, so sign-in is blocked first.
    """
    if ctx.account.account_enabled:
        raise Conflict(reason="sign-in-not-blocked")
    data = change.data
    method = SignInMethod(data["id"], data["kind"], data["label"], None)
    try:
        await ctx.m365.sign_in_methods.remove(ctx.subject.object_id, method)
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the method is not listed any more."""
    held = await ctx.m365.sign_in_methods.list(ctx.subject.object_id)
    return all((method.kind, method.id) != (change.data["kind"], change.data["id"]) for method in held)


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """The default method stays while another one was left out, and all of them while somebody can sign in."""
    if isinstance(error, Conflict) and error.data.get("reason") == "sign-in-not-blocked":
        return Outcome(
            State.REFUSED, "Block sign-in first. Whoever can sign in would register the next method. Then ask again."
        )
    if isinstance(error, Conflict) and error.data.get("reason") == "default-sign-in-method":
        return Outcome(
            State.FAILED, "This is the default method, and another one is still there. Remove that one with it."
        )
    return None


STEP = Step(
    id="remove-sign-in-methods",
    seed=(9, 10),
    phase=Phase.EVICT,
    title="Remove sign-in methods",
    why="A phone or app that the intruder registered would let them in again.",
    reads=("authentication/methods", "authentication/requirements"),
    changes=("authentication/methods",),
    needs=("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All", "Policy.Read.All"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DESTRUCTIVE,
    approval=Rule.SECOND_PERSON,
    undo=NoUndo("A removed method cannot be put back. People register theirs again when the account is handed back."),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
