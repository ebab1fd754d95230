"""Revoke app consents: apps that act in the user's name need no password, and outlive a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.access import Permission
from services.errors import Gone
from services.incidents.model import Phase
from services.microsoft365.consents import App, AppRoleAssignment, Grant
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo, general_words
from services.together import together

GIVEN, TAKEN = "Agreed to", "Taken back"
ASSIGNED, UNASSIGNED = "Assigned", "Taken away"
ON, OFF = "Switched on", "Switched off"

# What a thief of mail, files or accounts asks for, by the beginning of the permission's name. Longer ones come first.
_DANGEROUS: tuple[tuple[str, str], ...] = (
    ("mail.readwrite", "read and change mail"),
    ("mail.send", "send mail"),
    ("mail.read", "read mail"),
    ("mailboxsettings.readwrite", "change mailbox settings, forwarding among them"),
    ("imap.accessasuser", "open the mailbox by IMAP"),
    ("pop.accessasuser", "open the mailbox by POP"),
    ("smtp.send", "send mail by SMTP"),
    ("ews.accessasuser", "open the whole mailbox"),
    ("full_access_as_user", "open the whole mailbox"),
    ("files.readwrite", "read and change files"),
    ("files.read", "read files"),
    ("sites.", "open SharePoint sites"),
    ("notes.read", "read notebooks"),
    ("chat.read", "read chats"),
    ("channelmessage.read", "read team channels"),
    ("contacts.read", "read contacts"),
    ("directory.", "read or change the directory"),
    ("user.readwrite.all", "change accounts"),
    ("group.readwrite", "change groups"),
    ("rolemanagement.", "give administrator roles"),
    ("application.readwrite", "change apps"),
    ("approleassignment.", "give rights to apps"),
    ("delegatedpermissiongrant.", "agree to apps"),
    ("userauthenticationmethod.", "change how people sign in"),
    ("user_impersonation", "do all that the user may do"),
)


@dataclass(frozen=True)
class _Weighed:
    """One grant of the user, and why it should go. Without reasons it stays."""

    grant: Grant
    app: App
    powers: tuple[str, ...]
    reasons: tuple[str, ...]
    malicious: bool  # the app itself, not only this consent


async def plan(ctx: Context) -> Plan:
    """The app itself first where it is malicious, then its consents, worst first. What looks ordinary stays."""
    grants, assignments = await together(
        ctx.m365.consents.grants_of(ctx.subject.object_id), ctx.m365.consents.assignments_of(ctx.subject.object_id)
    )
    weighed = sorted(
        (each for each in (_weigh(ctx, grant) for grant in grants) if each is not None and each.reasons),
        key=lambda each: (not each.malicious, -len(each.powers), -len(each.reasons), each.app.name, each.grant.id),
    )
    apps = {each.app.id: each for each in reversed(weighed)}
    approved = {change.item: change for change in ctx.approved.changes} if ctx.approved else {}
    malicious = [each for each in weighed if each.malicious and apps[each.app.id] is each and each.app.enabled]
    changes = [
        *await together(*(_app_change(ctx, each) for each in malicious)),
        *(_grant_change(each) for each in weighed),
        *(
            change
            for assignment in assignments
            if assignment.principal_id.lower() == ctx.subject.object_id.lower()
            and (change := _assignment_change(apps, approved, assignment)) is not None
        ),
    ]
    if changes:
        return Plan(changes=tuple(changes))
    return Plan(settled=Outcome(State.ALREADY_SO, _nothing(len(grants))))


def _nothing(kept: int) -> str:
    if not kept:
        return "Nothing to remove. The user has agreed to no app."
    apps = "the one app" if kept == 1 else f"the {kept} apps"
    return f"Nothing to remove. Nothing is suspicious about {apps} that the user agreed to."


def _weigh(ctx: Context, grant: Grant) -> _Weighed | None:
    """None for what we never touch: Microsoft's apps, ourselves, and an app that is gone and can do nothing."""
    app = grant.app
    if app is None or app.is_microsofts or app.app_id.lower() == ctx.settings.app_id.lower():
        return None
    powers = _powers(grant.scopes)
    fresh = app.created_at is not None and app.created_at >= ctx.since
    foreign = (app.owner_tenant or "").lower() != ctx.settings.tenant_id.lower()
    verified = app.verified_publisher is not None
    suspicious = bool(powers) and (fresh or (foreign and not verified))
    if not suspicious:
        return _Weighed(grant, app, powers, (), malicious=False)
    reasons = [f"may {_listed(powers)}"]
    if not verified:
        reasons.append("its publisher is not verified")
    if fresh and app.created_at is not None:
        reasons.append(f"it came on {app.created_at:%d %b %Y %H:%M} UTC, within the time we look at")
    if foreign:
        reasons.append("another organisation made it")
    if "offline_access" in {scope.casefold() for scope in grant.scopes}:
        reasons.append("it works while the user is away")
    return _Weighed(grant, app, powers, tuple(reasons), malicious=fresh and not verified)


def _powers(scopes: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for scope in scopes:
        words = next((words for start, words in _DANGEROUS if scope.casefold().startswith(start)), None)
        if words is not None:
            found[words] = None
    return tuple(found)


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


async def _app_change(ctx: Context, each: _Weighed) -> Change:
    """The app for the whole organisation: first, because a consent that is taken back can be asked for again."""
    everyone, own = await together(
        ctx.m365.consents.grants_to_everyone(each.app.id), ctx.m365.consents.permissions_of_app(each.app.id)
    )
    extra = ""
    if everyone:
        extra += " It has been agreed to for everybody."
    if own:
        extra += " It also has rights of its own, which work without any user."
    return Change(
        item=f"app:{each.app.id}",
        what=f"The app “{each.app.name}” itself, for the whole organisation: {'; '.join(each.reasons)}.{extra}",
        before=ON,
        after=OFF,
    )


def _grant_change(each: _Weighed) -> Change:
    grant = each.grant
    return Change(
        item=f"grant:{grant.id}",
        what=f"The user's consent to “{each.app.name}”: {'; '.join(each.reasons)}",
        before=GIVEN,
        after=TAKEN,
        data={"client_id": grant.client_id, "resource_id": grant.resource_id, "scopes": list(grant.scopes)},
    )


def _assignment_change(
    apps: Mapping[str, _Weighed], approved: Mapping[str, Change], assignment: AppRoleAssignment
) -> Change | None:
    """None where the app is not suspicious. An approved one is still to be made where the consent went before it."""
    weighed = apps.get(assignment.resource_id)
    if weighed is None:
        return approved.get(f"assignment:{assignment.id}")
    app = weighed.app
    since = f", since {assignment.created_at:%d %b %Y}" if assignment.created_at else ""
    return Change(
        item=f"assignment:{assignment.id}",
        what=f"The user's place in “{app.name}”{since}",
        before=ASSIGNED,
        after=UNASSIGNED,
        data={"resource_id": assignment.resource_id, "app_role_id": assignment.app_role_id},
    )


async def apply(ctx: Context, change: Change) -> None:
    """Switches an app off, or takes a consent or an assignment away; what is gone is done."""
    kind, _, key = change.item.partition(":")
    try:
        if kind == "app":
            await ctx.m365.consents.block_app(key)
        elif kind == "grant":
            await ctx.m365.consents.revoke_grant(key)
        else:
            await ctx.m365.consents.remove_assignment(ctx.subject.object_id, key)
    except Gone:
        return


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the directory shows the app switched off, or the consent or assignment gone."""
    kind, _, key = change.item.partition(":")
    if kind == "app":
        try:
            return not (await ctx.m365.consents.app(key)).enabled
        except Gone:
            return True
    if kind == "grant":
        return not await ctx.m365.consents.has_grant(key)
    held = await ctx.m365.consents.assignments_of(ctx.subject.object_id)
    return all(assignment.id != key for assignment in held)


async def put_back(ctx: Context, change: Change) -> None:
    """Switches the app on again, or gives back what is not there. What is made anew has a new id."""
    kind, _, key = change.item.partition(":")
    if kind == "app":
        await ctx.m365.consents.allow_app(key)
    elif not await verify_put_back(ctx, change):
        data = change.data
        if kind == "grant":
            await ctx.m365.consents.restore_grant(
                client_id=data["client_id"],
                resource_id=data["resource_id"],
                principal_id=ctx.subject.object_id,
                scopes=data["scopes"],
            )
        else:
            await ctx.m365.consents.restore_assignment(
                ctx.subject.object_id, resource_id=data["resource_id"], app_role_id=data["app_role_id"]
            )


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether the directory shows it as it was; a consent counts by its app, its resource and its permissions."""
    kind, _, key = change.item.partition(":")
    data = change.data
    if kind == "app":
        return (await ctx.m365.consents.app(key)).enabled
    if kind == "grant":
        return any(
            (grant.client_id, grant.resource_id) == (data["client_id"], data["resource_id"])
            and set(data["scopes"]) <= set(grant.scopes)
            for grant in await ctx.m365.consents.grants_of(ctx.subject.object_id)
        )
    return any(
        (held.resource_id, held.app_role_id, held.principal_id.lower())
        == (data["resource_id"], data["app_role_id"], ctx.subject.object_id.lower())
        for held in await ctx.m365.consents.assignments_of(ctx.subject.object_id)
    )


STEP = Step(
    id="revoke-app-consents",
    seed=(),
    phase=Phase.EVICT,
    title="Revoke app consents",
    why="An app that the intruder let in needs no password.",
    reads=("oauth2PermissionGrants", "appRoleAssignments", "servicePrincipals"),
    changes=("oauth2PermissionGrants", "appRoleAssignments", "servicePrincipal.accountEnabled"),
    needs=(
        "Directory.Read.All",
        "Application.Read.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "Application.ReadWrite.All",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.SECOND_PERSON,
    undo=Undo(
        note="Can be undone: consents and assignments are made anew, and the app is switched on.",
        what="App consents",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=general_words,
)
