"""What is the matter and what to do next, for every reason that the bot gives. No row blames anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.errors import BadInput, Conflict, Gone, NotAllowed


@dataclass(frozen=True)
class Explanation:
    """What is the matter, and what to do next. `next_step` is empty where there is nothing to do."""

    title: str
    what: str
    next_step: str


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
    "account-gone": Explanation(
        "Not allowed",
        "This account is not in the directory any more.",
        "Ask an IRBot administrator if you think that it should be.",
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
REASONS: Mapping[type, Mapping[str, Explanation]] = {
    NotAllowed: _NOT_ALLOWED,
    Conflict: _CONFLICTS,
    BadInput: _BAD_INPUT,
    Gone: _GONE,
}
