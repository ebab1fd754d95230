"""The one place where errors become words: what is the matter, in short and plain English, and what to do next.

Errors carry stable words and data; here they meet people. Every error class has a row in `_ROWS`, every reason that the
bot gives has one in `_REASONS`. No row blames anybody or names a part of the program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from services.errors import (
    Ambiguous,
    AuthBroken,
    BadInput,
    Bug,
    Conflict,
    Expired,
    Gone,
    IRBotError,
    MissingLicence,
    MissingPermission,
    MissingRole,
    NotAllowed,
    NotFound,
    OnPremises,
    Refusal,
    Stopped,
    Throttled,
    Unavailable,
    UnknownOutcome,
    UpstreamDown,
)

_LONGEST_QUOTE = 80


@dataclass(frozen=True)
class Explanation:
    """What is the matter, and what to do next. `next_step` is empty where there is nothing to do."""

    title: str
    what: str
    next_step: str


def explain(error: IRBotError) -> Explanation:
    """The words for an error. Never raises, and never shows the error's own text."""
    reasons = _REASONS.get(type(error))
    if reasons is not None:
        found = reasons.get(str(error.data.get("reason")))
        if found is not None and error.data.get("reason") == "people-not-resolved":
            return replace(found, what=_unresolved(error) or found.what)
        if found is not None:
            return found
    for each in type(error).__mro__:
        row = _ROWS.get(each)
        if row is not None:
            return row(error)
    raise AssertionError("IRBotError itself has a row")


def _refused(error: IRBotError) -> Explanation:
    return Explanation("Not done", "IRBot did not do this.", "Check the request and try again.")


def _unresolved(error: IRBotError) -> str:
    said = {"unknown": "Not found", "ambiguous": "Fits several people"}
    named = {word: error.data.get(key) for key, word in said.items()}
    parts = [
        f"{word}: {', '.join(map(_quoted, names))}."
        for word, names in named.items()
        if isinstance(names, list) and names
    ]
    return " ".join([*parts, "Nothing was saved."]) if parts else ""


def _bad_input(error: IRBotError) -> Explanation:
    return Explanation("I did not understand", "I could not read that request.", "Write “help” to see what I can do.")


def _not_allowed(error: IRBotError) -> Explanation:
    return Explanation(
        "Not allowed", "You may not do this in IRBot.", "Ask an IRBot administrator if you think that you should."
    )


def _stopped(error: IRBotError) -> Explanation:
    by, why = _quoted(error.data.get("by")), _quoted(error.data.get("why")).rstrip(".")
    what = f"All work was stopped by {by}." if by else "An administrator stopped all work."
    what = f"{what.rstrip('.')}: {why}." if why else what
    return Explanation("Stopped", what, "Wait until an administrator writes “resume”.")


def _not_found(error: IRBotError) -> Explanation:
    thing = {"incident": "incident", "approval": "request", "account": "account", "message": "message"}.get(
        str(error.data.get("what")), "entry"
    )
    sought = _quoted(error.data.get("sought"))
    named = f" {sought}" if sought and thing in ("incident", "account") else ""
    return Explanation("Not found", f"There is no {thing}{named} here.", "Check the spelling, or pick it from a card.")


def _ambiguous(error: IRBotError) -> Explanation:
    sought = _quoted(error.data.get("sought"))
    what = f"{sought} fits more than one account." if sought else "That fits more than one account."
    return Explanation("Which one?", what, "Choose the right one, or write the full sign-in name.")


def _conflict(error: IRBotError) -> Explanation:
    return Explanation(
        "Not possible right now",
        "Things have changed, so this does not fit any more.",
        "Look at the newest card first.",
    )


def _expired(error: IRBotError) -> Explanation:
    return Explanation("Too late", "This request has run out of time. Nothing was changed.", "Start it again.")


def _unavailable(error: IRBotError) -> Explanation:
    return Explanation(
        "A service did not help", f"{_service(error)} did not do its part.", "Try again in a few minutes."
    )


def _throttled(error: IRBotError) -> Explanation:
    wait = error.data.get("retry_after")
    when = _span(wait) if isinstance(wait, int | float) else "a minute"
    return Explanation("Please wait", f"{_service(error)} is asked too often right now.", f"Try again in {when}.")


def _upstream_down(error: IRBotError) -> Explanation:
    return Explanation(
        "No answer", f"{_service(error)} gives no answer right now.", "Try again in a few minutes. Nothing was changed."
    )


def _auth_broken(error: IRBotError) -> Explanation:
    entra = error.data.get("aadsts")
    known = _ENTRA.get(str(entra))
    code = f" (code {entra})" if entra else ""
    return Explanation(
        "IRBot cannot sign in",
        f"Microsoft does not accept IRBot's own sign-in{code}." + (f" {known[0]}" if known else ""),
        known[1] if known else "Ask an administrator to check IRBot's app registration and its certificate or secret.",
    )


def _missing_permission(error: IRBotError) -> Explanation:
    names = _names(error.data.get("permissions"))
    if error.data.get("reason") == "mailbox-out-of-scope":
        return Explanation(
            "A mailbox is out of reach",
            "Exchange does not let IRBot into this mailbox.",
            "Ask an Exchange administrator to add the mailbox to what IRBot may reach.",
        )
    what = f"IRBot's app lacks the permission {names}." if names else "IRBot's app lacks a permission for this."
    return Explanation("A permission is missing", what, "Ask an Entra administrator to grant it, then try again.")


def _missing_role(error: IRBotError) -> Explanation:
    names = _names(error.data.get("roles"))
    cmdlet = str(error.data.get("cmdlet") or "")
    if cmdlet:
        return Explanation(
            "A right in Exchange is missing",
            f"Exchange does not let IRBot's app use {_quoted(cmdlet)}.",
            f"Ask an administrator to give the app the role {names or 'that holds it'}.",
        )
    what = (
        f"IRBot's app needs the Entra role {names} for this account."
        if names
        else "IRBot's app needs an Entra role for this account."
    )
    return Explanation("A role is missing", what, "Ask an Entra administrator to give it the role, or do this by hand.")


def _missing_licence(error: IRBotError) -> Explanation:
    licence = str(error.data.get("licence") or "")
    what = f"This organisation has no licence for {licence}." if licence else "This organisation has no licence for it."
    return Explanation("Not licensed", what, "This was not checked. Go on with the other steps.")


def _on_premises(error: IRBotError) -> Explanation:
    return Explanation(
        "Managed on-premises",
        "This account comes from your own Active Directory and is changed there.",
        "Ask an Active Directory administrator to do this there.",
    )


def _gone(error: IRBotError) -> Explanation:
    return Explanation("Not there", "This is not there any more, or not there yet.", "Wait a minute, then look again.")


def _unknown_outcome(error: IRBotError) -> Explanation:
    return Explanation(
        "We do not know yet",
        f"The request was sent, and {_service(error, start=False)} did not say whether it was done.",
        "Look at the account before you try again.",
    )


def _bug(error: IRBotError) -> Explanation:
    found = error.data.get("correlation_id") or error.data.get("request_id")
    number = f" Say this number: {_quoted(found)}." if found else ""
    return Explanation(
        "Something went wrong in IRBot", "This is a fault in IRBot.", f"Tell whoever runs IRBot.{number}"
    )


_ROWS: Mapping[type, Callable[[IRBotError], Explanation]] = {
    IRBotError: _bug,
    Refusal: _refused,
    BadInput: _bad_input,
    NotAllowed: _not_allowed,
    Stopped: _stopped,
    NotFound: _not_found,
    Ambiguous: _ambiguous,
    Conflict: _conflict,
    Expired: _expired,
    Unavailable: _unavailable,
    Throttled: _throttled,
    UpstreamDown: _upstream_down,
    AuthBroken: _auth_broken,
    MissingPermission: _missing_permission,
    MissingRole: _missing_role,
    MissingLicence: _missing_licence,
    OnPremises: _on_premises,
    Gone: _gone,
    UnknownOutcome: _unknown_outcome,
    Bug: _bug,
}

_HELP = "Write “help” to see what I can do."
_WRITE_ONE = "Write “compromise” and one sign-in name, such as “compromise megan@contoso.com”."
_NEW_CARD = "Use the newest card of this incident."
_NEW_PLAN = "Press the button on the incident's card again to see the plan as it is now."
_NOT_ALLOWED: Mapping[str, Explanation] = {
    "somebody-elses-file": Explanation(
        "Not your file", "This file was offered to somebody else.", "Write `report` to get your own."
    ),
    "upload-host": Explanation(
        "Strange address",
        "Teams named a place for the file that is not Microsoft's storage.",
        "Tell your administrator.",
    ),
    "guest": Explanation(
        "Not allowed", "Guests cannot work with IRBot.", "Ask a member of this organisation to do it."
    ),
    "needs-approver": Explanation(
        "Needs an approver", "This needs a decision by somebody with the Approver role.", "Ask one of your approvers."
    ),
    "no-role": Explanation(
        "Not allowed",
        "You do not have the IRBot role for this.",
        "Ask someone who has it, or ask an administrator for the role. “whoami” shows your roles.",
    ),
    "member-not-confirmed": Explanation(
        "Not confirmed yet",
        "You are new in the group that gives this role, and no administrator has confirmed it.",
        "Ask an IRBot administrator to press “This was us” on the card about it.",
    ),
    "not-in-personal-chat": Explanation(
        "Not in this chat", "This is done in a team channel, where others can follow it.", "Write it in a channel."
    ),
    "not-in-this-place": Explanation(
        "Not in this place", "IRBot does not do this here.", "Write it in your incident response channel."
    ),
    "only-in-personal-chat": Explanation(
        "In your own chat", "This is for you alone.", "Write it in your own chat with IRBot."
    ),
    "only-requester-may-confirm": Explanation(
        "Not yours to confirm",
        "Only the person who asked for this can confirm it.",
        "Ask them, or ask for it yourself.",
    ),
    "other-tenant": Explanation(
        "Another organisation", "IRBot works for people of its own organisation only.", "Ask somebody who works there."
    ),
    "protected-may-not-approve": Explanation(
        "A second person decides",
        "This is about your own account, so another administrator has to approve it.",
        "Ask another administrator to decide.",
    ),
    "requester-may-not-approve": Explanation(
        "A second person decides",
        "You asked for this, so somebody else has to approve it.",
        "Ask another approver to decide.",
    ),
    "requester-may-not-waive": Explanation(
        "Somebody else waives",
        "You asked for the account to be given back, so you cannot waive what stands in the way.",
        "Ask another approver to look at it.",
    ),
    "role-check-failed": Explanation(
        "Could not check your role",
        "IRBot could not look up your roles, so it did nothing.",
        "Try again in a minute.",
    ),
    "subject-of-incident": Explanation(
        "Not from this account",
        "This account is part of an open incident, so it cannot do anything in IRBot.",
        "Let a colleague go on until the incident is closed.",
    ),
    "waiver-author-may-not-ask": Explanation(
        "Somebody else asks",
        "You waived a line of the gate, so you cannot ask for the account to be given back.",
        "Let another responder press the button.",
    ),
}
_CONFLICTS: Mapping[str, Explanation] = {
    "removal-asked-already": Explanation(
        "Asked already",
        "Somebody has asked for this removal already.",
        "Another administrator decides it: write “setup”.",
    ),
    "set-by-environment": Explanation(
        "Set in the environment",
        "This is set in IRBot's environment, so it cannot be set here. Nothing was saved.",
        "Change it where IRBot is installed.",
    ),
    "protection-not-read": Explanation(
        "Not looked up",
        "Whom administrators protect from Teams could not be read from the database.",
        "Check IRBOT_DATABASE_URL and IRBOT_DATA_DIR, then try again.",
    ),
    "not-throw-away": Explanation(
        "Not this account",
        "This account is privileged or protected, or IRBot cannot tell whether it is.",
        "Choose an ordinary account that nobody needs.",
    ),
    "did-not-click": Explanation(
        "Nothing to open",
        "This person has not said that they clicked.",
        "Write “compromise” and the address to open an incident.",
    ),
    "no-lure": Explanation(
        "Nothing to show",
        "No suspicious mail has been found in this incident.",
        "Choose another lesson.",
    ),
    "nobody-to-warn": Explanation(
        "Nobody to warn",
        "The trace shows no mail that went out from this account.",
        "If you know of some, look again first.",
    ),
    "access-policies-in-force": Explanation(
        "Not together",
        "Security defaults cannot be on while Conditional Access policies are in force.",
        "Let a Conditional Access policy ask for a second factor instead.",
    ),
    "action-not-offered": Explanation(
        "Not offered", "Defender for Identity does not offer this for the account.", "Do it in Active Directory."
    ),
    "already-there": Explanation("Already there", "It is already there.", ""),
    "alternate-phone-first": Explanation(
        "Not yet", "The second phone number has to be removed before this one.", "Remove that one first."
    ),
    "approval-decided": Explanation(
        "Already decided", "Somebody has decided this already. Your click changed nothing.", "See the card for who."
    ),
    "approval-void": Explanation(
        "No longer valid",
        "The account changed after this was asked for, so the approval does not count.",
        "Ask for the step again.",
    ),
    "blast-in-other-state": Explanation(
        "Not now", "This message is not at a point where that is possible.", "Look at its card for where it stands."
    ),
    "blast-not-ready": Explanation("Not ready", "The list of people is not complete.", "Begin the message again."),
    "changed-at-the-same-time": Explanation(
        "Try again", "Somebody else changed this at the same moment.", "Wait a moment, then try again."
    ),
    "changed-meanwhile": Explanation("Try again", "This was changed meanwhile.", "Look at it again, then try again."),
    "database-in-use": Explanation(
        "Already running", "Another IRBot works on this database already.", "Stop that one first."
    ),
    "default-sign-in-method": Explanation(
        "Not yet", "This is the person's main way to sign in and has to go last.", "Remove the other ones first."
    ),
    "device-cannot": Explanation(
        "Not on this device", "The device says that it cannot do this.", "Do it at the device."
    ),
    "earlier-part-failed": Explanation(
        "Not done", "An earlier part of this did not work, so this part was left out.", "Try the whole of it again."
    ),
    "gate-line-not-shut": Explanation(
        "Nothing to waive", "That line is green or waived, or has changed.", "Look at the gate's card again."
    ),
    "gate-not-checked": Explanation("Not checked", "The gate has not been checked yet.", "Press Check the gate."),
    "gate-not-open": Explanation(
        "The gate is not open",
        "Not every line of the gate is green or waived, so the account stays locked.",
        "Do what is left, or have an approver waive it. Then check the gate again.",
    ),
    "incident-closed": Explanation(
        "Incident closed",
        "This incident is closed and read only.",
        "Write “reopen” and its number if there is more to do.",
    ),
    "incident-open": Explanation("Open already", "This incident is open.", "Go on in its thread."),
    "incident-open-already": Explanation(
        "Already open", "There is already an open incident for this account.", "Go on in that one."
    ),
    "last-global-administrator": Explanation(
        "The last one stays",
        "Nobody else who can sign in is Global Administrator.",
        "Make somebody else Global Administrator first.",
    ),
    "lease-lost": Explanation(
        "Try again", "Another IRBot has taken over this work.", "Look at the card to see how it ended."
    ),
    "licence-not-given": Explanation(
        "Licence not given",
        "No licence is free, the person's usage location is missing, or a group decides over it.",
        "Ask a licence administrator to look.",
    ),
    "licence-not-removed": Explanation(
        "Licence not removed",
        "The account does not have this licence, or has it through a group.",
        "Ask a licence administrator to look.",
    ),
    "list-changed": Explanation(
        "The list changed",
        "The list of mailboxes is not the one that was approved, so nothing was done.",
        "Plan this step again.",
    ),
    "list-gone": Explanation(
        "The list is gone", "The list of mailboxes that was approved is not there any more.", "Plan this step again."
    ),
    "locked": Explanation("Try again", "Something else is changing this right now.", "Wait a minute, then try again."),
    "mail-may-still-turn-up": Explanation(
        "Not yet",
        "This mail may still turn up in Sent Items, so it was not sent again.",
        "Wait a few minutes, then try again.",
    ),
    "mail-not-unknown": Explanation(
        "Nothing to send again", "It is known by now what became of this mail.", "Look at the newest card."
    ),
    "mail-sender-is-subject": Explanation(
        "Mail cannot be sent",
        "The mailbox that IRBot sends from belongs to an account with an open incident.",
        "Ask an administrator to set another mailbox (IRBOT_MAIL_FROM).",
    ),
    "mail-sender-not-found": Explanation(
        "Mail cannot be sent",
        "The mailbox that IRBot is to send from was not found.",
        "Ask an administrator to check IRBOT_MAIL_FROM.",
    ),
    "mail-sender-not-set": Explanation(
        "Mail cannot be sent",
        "No mailbox is set for IRBot to send from.",
        "Ask an administrator to set one (IRBOT_MAIL_FROM).",
    ),
    "method-cannot-be-removed": Explanation(
        "Cannot be removed", "Microsoft does not let this way to sign in be removed.", "Do it by hand in Entra."
    ),
    "no-approver": Explanation(
        "No approver found",
        "Nobody else with the Approver role could be found for this.",
        "Ask an administrator to add people to the approver group.",
    ),
    "needs-second-person": Explanation(
        "Needs a second person", "This lock needs the decision of a second person.", "Ask one of your approvers."
    ),
    "no-channel-for-reports": Explanation(
        "Nowhere to send it",
        "IRBot has not been told yet where reports go.",
        "Tell your helpdesk in the way that you know.",
    ),
    "too-many-reports": Explanation(
        "Enough for now", "You have reported many messages within an hour.", "Call your helpdesk if it is urgent."
    ),
    "trigger-decided": Explanation(
        "Already decided", "Somebody has decided about this card already.", "The card shows who, and what."
    ),
    "no-findings": Explanation("Nothing found", "No check has found anything.", ""),
    "nobody-met": Explanation("Nobody else", "No other account was used from the same addresses.", ""),
    "nothing-to-apply": Explanation("Nothing to do", "There is nothing left to change.", ""),
    "nothing-to-evict": Explanation(
        "Nothing to remove",
        "IRBot found nothing that it could remove.",
        "Press Look again if you expect something.",
    ),
    "nothing-to-give-back": Explanation(
        "Nothing to give back", "Nothing of this account is locked any more.", "Look at the steps on the card."
    ),
    "nothing-to-undo": Explanation("Nothing to undo", "IRBot changed nothing here that could be undone.", ""),
    "nothing-to-watch": Explanation(
        "Nothing to watch yet", "The watch begins by itself after a lock or an eviction.", "Lock the account first."
    ),
    "only-windows-devices": Explanation(
        "Only by hand",
        "Microsoft lets an app disable Windows devices only.",
        "Disable this one by hand in Entra, under Devices.",
    ),
    "organisation-not-customised": Explanation(
        "Not prepared",
        "Exchange does not allow this in an organisation that still has its first settings.",
        "Ask an Exchange administrator to run Enable-OrganizationCustomization, then try again.",
    ),
    "other-question-waits": Explanation(
        "Something else waits", "This incident waits for another decision.", "Decide it, or press Cancel on its card."
    ),
    "other-mailbox-answered": Explanation(
        "The wrong mailbox", "Exchange answered for another mailbox, so nothing was done.", "Check this one by hand."
    ),
    "plan-changed": Explanation(
        "The account changed",
        "The account is not as it was when this was asked for, so nothing was done.",
        "Ask for the step again to see what it would do now.",
    ),
    "policy-in-force": Explanation(
        "In force",
        "Somebody put this policy in force, so IRBot does not delete it.",
        "Switch it off in the Entra admin center first.",
    ),
    "refused-by-exchange": Explanation(
        "Refused by Exchange",
        "Exchange Online did not accept this change.",
        "Do it by hand in the Exchange admin center.",
    ),
    "sign-in-not-blocked": Explanation(
        "Not yet", "Sign-in is not blocked, so this would be set up again at once.", "Block sign-in first."
    ),
    "special-user": Explanation(
        "Cannot be removed",
        "Exchange keeps this entry for everybody and does not let it go.",
        "Set its rights to none.",
    ),
    "step-running": Explanation(
        "Already running", "This step is running right now.", "Wait until the card shows how it ended."
    ),
    "alarm-ended": Explanation(
        "Ended already", "Somebody has answered this, or it stands again as before.", "Look at the newest card."
    ),
    "task-ended": Explanation(
        "Ended already", "Somebody has ended this task already.", "Write “tasks” to see what is open."
    ),
    "temporary-access-pass-not-allowed": Explanation(
        "No access pass",
        "This organisation does not allow Temporary Access Passes for this person.",
        "Ask an Entra administrator to switch them on, or set a new password by hand.",
    ),
    "not-stopped": Explanation("Nothing is stopped", "Work goes on as it is.", "There is nothing to do."),
    "work-stopped": Explanation(
        "Stopped", "This was stopped before its end.", "Plan this step again to do what is left."
    ),
    "newer-data": Explanation(
        "From a newer IRBot", "This copy was made by a newer version of IRBot.", "Install that version, then try again."
    ),
    "wrong-data-key": Explanation(
        "Evidence cannot be read",
        "The key that this evidence was kept with is not there any more.",
        "Give IRBot the older key as well (IRBOT_DATA_KEYS).",
    ),
    "unblock-limit": Explanation(
        "Released too often",
        "This sender was taken off the list too often, so Exchange keeps it there.",
        "Ask Microsoft support to let the account send again.",
    ),
    "unreadable-refusal": Explanation(
        "Refused by Exchange", "Exchange Online refused this and did not say why.", "Try again, then do it by hand."
    ),
    "would-erase-device": Explanation(
        "Would erase the phone",
        "This would erase everything on the phone, private things too, so it was not done.",
        "Block the phone instead.",
    ),
}
_BAD_INPUT: Mapping[str, Explanation] = {
    "bad-setup-value": Explanation(
        "Cannot be set so",
        "One of the values cannot be used. Nothing was saved.",
        "A time zone reads Europe/Berlin, quiet hours read 22-06; the helpdesk's words are short and hold no link.",
    ),
    "people-not-resolved": Explanation(
        "Not found",
        "Not every name means exactly one person. Nothing was saved.",
        "Write full addresses or object ids.",
    ),
    "not-a-copy": Explanation(
        "No copy of IRBot's data", "The file is damaged, or is no copy of IRBot's data.", "Choose another file."
    ),
    "not-sqlite": Explanation(
        "PostgreSQL", "The data are in PostgreSQL, which has its own tools.", "Use pg_dump and pg_restore."
    ),
    "one-data-key": Explanation(
        "Only one key",
        "There is one key, and nothing to change to.",
        "Put a new key before it in IRBOT_DATA_KEYS, restart IRBot, then run this again.",
    ),
    "no-test-group": Explanation(
        "No test group",
        "There is nobody in the test group who can be taught.",
        "Ask an IRBot administrator to set the test group, or choose a number of people.",
    ),
    "not-a-time": Explanation(
        "When?",
        "I could not read the day or the time.",
        "Pick both from the card.",
    ),
    "too-many-names": Explanation(
        "Too many names",
        "That list is too long for a card.",
        "Use a group or a department.",
    ),
    "nobody-named": Explanation(
        "For whom?",
        "There is no name in the list.",
        "Write names, one a line, or choose everybody.",
    ),
    "unknown-department": Explanation(
        "No such department",
        "Nobody is in one of these departments.",
        "Write the department as the directory has it.",
    ),
    "several-groups": Explanation(
        "Which group?",
        "One of the names fits more than one group.",
        "Write the group's address or id instead.",
    ),
    "unknown-group": Explanation(
        "No such group",
        "One of the names fits no group.",
        "Write the group's name, address or id exactly.",
    ),
    "unknown-person": Explanation(
        "No such person",
        "One of the names fits nobody, or is not an address.",
        "Write each address as it is in the directory.",
    ),
    "ambiguous-mention": Explanation("Which one?", "I could not tell which account you mean.", _WRITE_ONE),
    "empty-text": Explanation("Nothing to send", "There is no text in it.", "Write something first."),
    "extra-words": Explanation("Too many words", "There is more in this message than I can use.", _WRITE_ONE),
    "forged-card": Explanation(
        "That card is not valid", "This click did not come from a card that IRBot sent to you.", _NEW_CARD
    ),
    "input-too-long": Explanation("Too long", "One of your answers is too long.", "Make it shorter and press again."),
    "link-mismatch": Explanation(
        "That link is odd", "The link shows one address and leads to another, so I did nothing.", _WRITE_ONE
    ),
    "message-too-large": Explanation("Too long", "This is too long for one message.", "Make it shorter."),
    "missing-incident": Explanation("Which one?", "I need to know which incident.", "Write “reopen IR-0007”."),
    "missing-user": Explanation("Who?", "I need to know which account.", _WRITE_ONE),
    "no-words-to-send": Explanation("Nothing to send", "The message has no English text.", "Write one first."),
    "nobody-to-send-to": Explanation("Nobody", "There is nobody on the list.", "Choose other people."),
    "no-name": Explanation("Who was it?", "There is no name in it.", "Write who answered, then press again."),
    "no-user": Explanation("Who?", "I need to know which account.", _WRITE_ONE),
    "not-a-user": Explanation("Not an account", "That does not look like an account.", _WRITE_ONE),
    "not-an-account": Explanation("Not an account", "That does not look like an account.", _WRITE_ONE),
    "not-an-address": Explanation(
        "Not an address", "That does not look like one mail address.", "Write it like “megan@contoso.com”."
    ),
    "not-an-incident": Explanation(
        "Not an incident", "That does not look like an incident.", "Write its number, such as “status IR-0007”."
    ),
    "password-refused": Explanation(
        "Password not accepted", "Microsoft did not accept the new random password.", "Try the step again."
    ),
    "nothing-ticked": Explanation(
        "Nothing is ticked", "You left everything unticked, so nothing was asked for.", "Tick at least one item."
    ),
    "own-account": Explanation(
        "Not by yourself", "Nobody decides about their own account.", "Ask another responder to look at it."
    ),
    "plan-asked": Explanation(
        "Asked for already", "This plan was asked for before. Your click changed nothing.", _NEW_PLAN
    ),
    "plan-old": Explanation(
        "That plan is old", "Things have changed since this plan was drawn up. Your click changed nothing.", _NEW_PLAN
    ),
    "reason-missing": Explanation(
        "Why?", "A line is waived only with a reason.", "Write one that others will understand later."
    ),
    "stale-card": Explanation("That card is old", "This card is out of date. Your click changed nothing.", _NEW_CARD),
    "text-too-long": Explanation("Too long", "That text is too long.", "Make it shorter and send it again."),
    "time-is-past": Explanation("Too late", "That time is in the past.", "Choose a later time."),
    "too-long": Explanation("Too long", "That message is too long for me.", _HELP),
    "too-many-words": Explanation("Too many words", "There is more in this message than I can use.", _WRITE_ONE),
    "unknown-button": Explanation("Unknown button", "I do not know this button. It changed nothing.", _NEW_CARD),
    "unknown-choice": Explanation("Unknown choice", "That was not one of the choices.", "Choose again on the card."),
    "unknown-incident": Explanation(
        "No such incident", "I know no incident by that number.", "Write “incidents” to see the open ones."
    ),
    "unknown-mention": Explanation(
        "I do not know this person", "I could not find the account behind that mention.", _WRITE_ONE
    ),
}
_GONE: Mapping[str, Explanation] = {
    "no-mailbox": Explanation(
        "No mailbox", "This account has no mailbox in Microsoft 365.", "Check whether its mail is kept on-premises."
    ),
}
_AUTH: Mapping[str, Explanation] = {
    "managed-identity-not-offered": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs offers no managed identity that IRBot could use.",
        "Ask an administrator to give IRBot a certificate instead.",
    ),
    "managed-identity-refused": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs does not give IRBot its managed identity.",
        "Ask an administrator to assign the managed identity to it, and to check the identity's client id.",
    ),
    "managed-identity-unreachable": Explanation(
        "IRBot cannot sign in",
        "The place where IRBot runs gives no answer about its managed identity.",
        "Try again in a minute. Then ask an administrator whether it has a managed identity.",
    ),
    "managed-identity-unreadable": Explanation(
        "IRBot cannot sign in",
        "IRBot cannot read the answer about the managed identity.",
        "Ask an administrator to look at the managed identity of the place where IRBot runs.",
    ),
}
_REASONS: Mapping[type, Mapping[str, Explanation]] = {
    AuthBroken: _AUTH,
    NotAllowed: _NOT_ALLOWED,
    Conflict: _CONFLICTS,
    BadInput: _BAD_INPUT,
    Gone: _GONE,
}

_NO_FEDERATION = (
    "Its app does not trust this managed identity.",
    "Ask an administrator to add the managed identity to IRBot's app as a federated credential.",
)
_ENTRA: Mapping[str, tuple[str, str]] = {
    "AADSTS7000215": ("The secret is wrong.", "Ask an administrator to set IRBot's secret again."),
    "AADSTS7000222": ("The secret has run out.", "Ask an administrator to make a new secret or certificate for IRBot."),
    "AADSTS700016": ("Its app is not in this organisation.", "Ask an administrator to check the app and tenant ids."),
    "AADSTS700027": ("The certificate does not fit.", "Ask an administrator to upload IRBot's certificate again."),
    "AADSTS700211": _NO_FEDERATION,
    "AADSTS700212": _NO_FEDERATION,
    "AADSTS700213": _NO_FEDERATION,
    "AADSTS70021": _NO_FEDERATION,
    "AADSTS7000112": ("Its app is switched off.", "Ask an administrator to switch IRBot's app on."),
    "AADSTS90002": ("The organisation was not found.", "Ask an administrator to check the tenant id."),
    "AADSTS53003": (
        "A Conditional Access policy blocks it.",
        "Ask an administrator to let IRBot's app through the policy.",
    ),
}
_SERVICES: Mapping[str, str] = {
    "bot-connector": "Teams",
    "entra-sign-in": "The Microsoft sign-in service",
    "exchange": "Exchange Online",
    "graph": "Microsoft 365",
    "managed-identity": "The identity service of IRBot's host",
}


def _service(error: IRBotError, *, start: bool = True) -> str:
    name = _SERVICES.get(str(error.data.get("service")), "Microsoft 365")
    return name if start else name.replace("The ", "the ", 1)


def _names(value: object) -> str:
    names = [str(each) for each in value] if isinstance(value, list | tuple) else []
    return " or ".join(names)


def _quoted(value: object) -> str:
    """What somebody wrote, cut to a length that a card can bear."""
    written = str(value) if value not in (None, "") else ""
    return written if len(written) <= _LONGEST_QUOTE else written[: _LONGEST_QUOTE - 1] + "…"


def _span(seconds: float) -> str:
    if seconds <= 90:
        whole = max(1, math.ceil(seconds))
        return "1 second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(seconds / 60)} minutes"
