"""Switch off mail protocols: while the account is locked, no program may open this mailbox."""

from __future__ import annotations

from services.access import Permission
from services.errors import IRBotError
from services.incidents.model import Phase
from services.microsoft365.exchange import protocols
from services.microsoft365.exchange.protocols import Protocol
from services.playbook.mailbox_reading import has_no_mailbox, mailbox_of
from services.playbook.step import Change, Context, Outcome, Plan, Risk, Rule, State, Step, Undo

_SMTP_AUTH = "SmtpAuth"
_WORDS = {
    Protocol.IMAP: "IMAP (older mail programs)",
    Protocol.POP: "POP (older mail programs)",
    Protocol.ACTIVE_SYNC: "Exchange ActiveSync (mail programs of phones)",
    Protocol.MAPI: "MAPI (Outlook on a computer)",
    Protocol.EWS: "Exchange Web Services (add-ons, Outlook for Mac)",
    Protocol.OWA: "Outlook on the web",
    Protocol.OUTLOOK_MOBILE: "Outlook on phones",
    Protocol.MAC_OUTLOOK: "Outlook for Mac",
    Protocol.NEW_OUTLOOK: "New Outlook for Windows",
    Protocol.WINDOWS_MAIL: "Windows Mail",
}
_BY_ITSELF = "Left to the organisation"


async def plan(ctx: Context) -> Plan:
    """One change for each protocol that is on. SMTP AUTH counts as on unless the mailbox itself says off."""
    now = await protocols.read(ctx.m365.exchange, await mailbox_of(ctx))
    changes = [
        Change(protocol.value, words, "On", "Off, while the account is locked")
        for protocol, words in _WORDS.items()
        if protocol in now.on
    ]
    if now.smtp_auth is not False:
        before = _BY_ITSELF if now.smtp_auth is None else "On"
        words = "SMTP AUTH (programs and devices that send mail)"
        changes.append(
            Change(_SMTP_AUTH, words, before, "Off, while the account is locked", data={"on": now.smtp_auth})
        )
    if not changes:
        return Plan(settled=Outcome(State.ALREADY_SO, "Every mail protocol is off."))
    return Plan(changes=tuple(changes))


async def apply(ctx: Context, change: Change) -> None:
    """Switches one off. It may take an hour to reach every server, and ends no session."""
    mailbox = await mailbox_of(ctx)
    if change.item == _SMTP_AUTH:
        await protocols.switch(ctx.m365.exchange, mailbox, {}, smtp_auth=False)
    else:
        await protocols.switch(ctx.m365.exchange, mailbox, {Protocol(change.item): False})


async def verify(ctx: Context, change: Change) -> bool:
    """Whether the mailbox has it off."""
    now = await protocols.read(ctx.m365.exchange, await mailbox_of(ctx))
    return now.smtp_auth is False if change.item == _SMTP_AUTH else Protocol(change.item) in now.off


async def put_back(ctx: Context, change: Change) -> None:
    """Switches one on again; SMTP AUTH goes back to the organisation's setting where it came from there."""
    mailbox = await mailbox_of(ctx)
    if change.item == _SMTP_AUTH:
        was: bool | None = change.data["on"]
        await protocols.switch(ctx.m365.exchange, mailbox, {}, smtp_auth=was, inherit_smtp_auth=was is None)
    else:
        await protocols.switch(ctx.m365.exchange, mailbox, {Protocol(change.item): True})


async def verify_put_back(ctx: Context, change: Change) -> bool:
    """Whether it stands as it was."""
    now = await protocols.read(ctx.m365.exchange, await mailbox_of(ctx))
    if change.item == _SMTP_AUTH:
        return bool(now.smtp_auth == change.data["on"])
    return Protocol(change.item) in now.on


def explain(ctx: Context, error: IRBotError) -> Outcome | None:
    """An account without a mailbox has no mail protocols."""
    if has_no_mailbox(error):
        return Outcome(State.ALREADY_SO, "The account has no mailbox.")
    return None


STEP = Step(
    id="switch-off-mail-protocols",
    seed=(11,),
    phase=Phase.EVICT,
    title="Switch off mail protocols",
    why="So that no program opens the mailbox while the account is locked.",
    reads=("mailbox protocols", "SMTP AUTH of the mailbox"),
    changes=("mailbox protocols", "SMTP AUTH of the mailbox"),
    needs=("Exchange: Get-Mailbox", "Exchange: Get-CASMailbox", "Exchange: Set-CASMailbox"),
    may_run=Permission.ACCOUNT_CONTAIN,
    risk=Risk.DISRUPTIVE,
    approval=Rule.CONFIRM,
    undo=Undo(
        note="Can be undone: each protocol is set back as it was.",
        what="Mail protocol",
        apply=put_back,
        verify=verify_put_back,
    ),
    plan=plan,
    apply=apply,
    verify=verify,
    explain=explain,
)
