"""The moments of an incident: its headline card and the approval card, from first look to the whole playbook."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cards.views import (
    ApprovalBox,
    ApprovalView,
    ButtonStyle,
    ChangeLine,
    FindingLine,
    IncidentView,
    PersonLine,
    PlanCardView,
    PlanGroup,
    PlanItem,
    StepLine,
    Tone,
)
from tools.gallery.cast import (
    APPROVE,
    BARE,
    CANCEL,
    EVICT,
    HOSTILE,
    ISAIAH,
    LARGE_PERSON,
    LOCK,
    LOCK_NOW,
    LONG,
    LONG_NAME,
    LOOK_AGAIN,
    MEGAN,
    OPENED,
    PATTI,
    REFRESH,
    REFUSE,
    UNDO,
    WHAT_HAPPENED,
    A,
    G,
    N,
    W,
    button,
    object_id,
)

CHANGES = (
    ChangeLine("Block sign-in", "Sign-in", "Allowed", "Blocked", "Can be undone: sign-in is allowed again."),
    ChangeLine(
        "Revoke sessions",
        "Sessions on all devices and apps",
        "Valid",
        "Revoked",
        "Ended sessions cannot be brought back. People log in again.",
    ),
    ChangeLine(
        "Scramble password",
        "Password",
        "Known to the user, perhaps to the intruder",
        "Random, shown to nobody",
        "A password cannot be put back. The user gets a new one when the account is handed back.",
    ),
)


def _steps(
    block: str, revoke: str, scramble: str, tones: tuple[Tone, Tone, Tone], minutes: int
) -> tuple[StepLine, ...]:
    at = OPENED + timedelta(minutes=minutes)
    who = "Alex Wilber"
    reasons = {
        "done": "Read back.",
        "running": "Sent; reading back.",
        "planned": "",
        "waiting": "Waits for the approval.",
        "accepted": "Entra ID has accepted it; sign-ins of the last minutes may still end late.",
        "unknown": "Entra ID did not answer. Reading back before anything is sent again.",
        "failed": "Entra ID refused: the app lacks the role for this account. Ask an administrator.",
        "needs-on-premises": "The password is kept on-premises. Reset it in Active Directory.",
    }
    done = {"done", "accepted"}
    return (
        StepLine("Identify the account", "done", Tone.GOOD, "Cloud account.", who, OPENED),
        StepLine("Take a snapshot", "done", Tone.GOOD, "Kept all 9 parts.", who, OPENED),
        *(
            StepLine(
                title,
                state,
                tone,
                reasons[state],
                who if state in done else None,
                at if state in done else None,
            )
            for title, state, tone in zip(
                ("Block sign-in", "Revoke sessions", "Scramble password"), (block, revoke, scramble), tones, strict=True
            )
        ),
    )


PLANNED = _steps("planned", "planned", "planned", (N, N, N), 1)
WAITING = _steps("waiting", "waiting", "waiting", (W, W, W), 1)

CONFIRM = ApprovalBox(
    title="Lock Megan Bowen",
    state="waiting",
    requester="Alex Wilber",
    rule="The person who asked must confirm.",
    expires_at=OPENED + timedelta(minutes=31),
    waiting_for=("Alex Wilber",),
)
SECOND_PERSON = ApprovalBox(
    title="Lock Isaiah Langer",
    state="waiting",
    requester="Alex Wilber",
    rule="A second person with the Approver role must decide. The account is privileged.",
    expires_at=OPENED + timedelta(minutes=31),
    waiting_for=("Adele Vance", "Diego Siciliani"),
)
LARGE_APPROVAL = ApprovalBox(
    title=f"Lock {LONG_NAME}",
    state="waiting",
    requester=LONG_NAME,
    rule=LONG * 3,
    expires_at=OPENED + timedelta(minutes=31),
    waiting_for=tuple(f"{LONG_NAME[:60]} {number}" for number in range(25)),
)

FINDINGS = (
    FindingLine(
        "alarm",
        A,
        "An inbox rule hides mail about invoices",
        (
            "Its name is a dot",
            "It moves mail to RSS Feeds and marks it as read",
            "It was made from an address in Lagos",
        ),
        OPENED - timedelta(hours=9),
    ),
    FindingLine("alarm", A, "Mail is forwarded to payments@evil.example", ("Outside your organisation",)),
    FindingLine("warning", W, "A sign-in method was added: Pixel 9 (Authenticator)", (), OPENED - timedelta(hours=8)),
    FindingLine("note", N, "214 people received mail in the time of the intruder"),
    FindingLine("note", N, "Signed in from 2 countries", ("The United Kingdom, Nigeria",)),
)
EVICTION = PlanCardView(
    incident_number="IR-0007",
    title="Remove what the intruder left",
    subject=MEGAN,
    rule="A second person with the Approver role must decide.",
    groups=(
        PlanGroup(
            "remove-inbox-rules",
            "Remove inbox rules",
            "Can be undone: the rule is put back as it was.",
            (
                PlanItem("0", "Rule “.” (hides mail about invoices)", "On", "Removed"),
                PlanItem("1", "Rule “Newsletters”", "On", "Removed"),
            ),
        ),
        PlanGroup(
            "remove-sign-in-methods",
            "Remove sign-in methods",
            "Cannot be undone. The user registers again.",
            (PlanItem("0", "Pixel 9 (Authenticator), added 13 March 2026", "Registered", "Removed"),),
        ),
        PlanGroup("remove-forwarding", "Remove forwarding", "Can be undone.", settled="Nothing to remove."),
    ),
    buttons=(
        button("Remove what is ticked…", "evict.ask", ButtonStyle.POSITIVE),
        button("Remove all of it…", "evict.ask-all"),
    ),
)
PLANS = {
    "smallest": replace(EVICTION, groups=EVICTION.groups[1:2], buttons=EVICTION.buttons[:1]),
    "usual": EVICTION,
    "largest": replace(
        EVICTION,
        title=LONG,
        subject=LARGE_PERSON,
        warnings=(LONG,) * 8,
        groups=tuple(
            PlanGroup(
                f"step-{step}",
                LONG_NAME,
                LONG * 2,
                tuple(PlanItem(str(n), LONG_NAME, LONG, LONG) for n in range(60)),
            )
            for step in range(8)
        ),
    ),
    "hostile": replace(
        EVICTION,
        groups=(
            PlanGroup(
                "remove-inbox-rules",
                HOSTILE[0],
                HOSTILE[1],
                tuple(PlanItem(str(n), text, text, text) for n, text in enumerate(HOSTILE)),
                settled=HOSTILE[2],
            ),
        ),
    ),
}

OPEN = IncidentView(
    number="IR-0007",
    phase="Prepare",
    subject=MEGAN,
    opened_by="Alex Wilber",
    opened_at=OPENED,
    age="1 min",
    next_step="Check that this is the right account, then press Lock account.",
    next_tone=A,
    steps=PLANNED,
    changes=CHANGES,
    buttons=(LOCK,),
    refresh=REFRESH,
    refresh_for=("29:1a2b3c-alex", "29:1a2b3c-adele"),
    lock="Not locked",
    lock_tone=A,
)
STRENGTHEN = button("Strengthen", "phase.show")
INCIDENTS = {
    "smallest": IncidentView(
        number="IR-0001",
        phase="Prepare",
        subject=BARE,
        opened_by="Alex Wilber",
        opened_at=OPENED,
        age="0 min",
        next_step="Finding out what kind of account this is.",
        next_tone=N,
    ),
    "open": OPEN,
    "confirm": replace(
        OPEN,
        phase="Lock",
        age="2 min",
        next_step="Alex Wilber: check what will change, then press Lock now.",
        approval=CONFIRM,
        steps=WAITING,
        buttons=(CANCEL, LOCK_NOW),
    ),
    "second-person": replace(
        OPEN,
        phase="Lock",
        subject=ISAIAH,
        age="3 min",
        next_step="Adele Vance or Diego Siciliani: approve or refuse.",
        approval=SECOND_PERSON,
        steps=WAITING,
        warnings=(
            "This account is privileged, or may be. A second person must approve.",
            "Not checked, so handled with care. Break-glass group: IRBot may not read it.",
        ),
        notice="Adele Vance and Diego Siciliani were also asked in their personal chats.",
        buttons=(APPROVE, REFUSE, CANCEL),
    ),
    "running": replace(
        OPEN,
        phase="Lock",
        age="4 min",
        next_step="Nothing to do: IRBot is locking the account.",
        next_tone=N,
        lock="Locking: sign-in is blocked",
        lock_tone=W,
        steps=_steps("done", "running", "planned", (G, N, N), 4),
        approval=replace(CONFIRM, state="approved", decided_by="Alex Wilber", decided_at=OPENED + timedelta(minutes=3)),
        buttons=(),
    ),
    "locked": replace(
        OPEN,
        phase="Lock",
        age="5 min",
        next_step="Alex Wilber: find out what the intruder did.",
        next_tone=G,
        lock="Locked",
        lock_tone=G,
        steps=_steps("done", "accepted", "done", (G, G, G), 4),
        approval=replace(CONFIRM, state="approved", decided_by="Alex Wilber", decided_at=OPENED + timedelta(minutes=3)),
        buttons=(UNDO,),
    ),
    "found": replace(
        OPEN,
        phase="Lock",
        age="7 min",
        next_step="Look at what the intruder left, and remove it.",
        lock="Locked",
        lock_tone=G,
        steps=_steps("done", "done", "done", (G, G, G), 4),
        findings=FINDINGS,
        buttons=(WHAT_HAPPENED, UNDO, EVICT, LOOK_AGAIN),
    ),
    "cleared": replace(
        OPEN,
        phase="Inform",
        age="48 min",
        next_step="Give the account back safely. Press Recover.",
        next_tone=N,
        lock="Locked",
        lock_tone=G,
        steps=_steps("done", "done", "done", (G, G, G), 4),
        findings=FINDINGS,
        buttons=(button("Recover", "phase.show", ButtonStyle.POSITIVE), WHAT_HAPPENED, UNDO, LOOK_AGAIN, STRENGTHEN),
        more_buttons=(button("Close incident…", "close.show"), button("Inform people", "phase.show")),
    ),
    "on-premises": replace(
        OPEN,
        phase="Lock",
        subject=PATTI,
        age="9 min",
        next_step="An on-premises administrator: reset Patti Fernandez's password in Active Directory.",
        lock="Partly locked: the old password still works on-premises",
        lock_tone=W,
        next_tone=W,
        warnings=("This account comes from your on-premises directory. Some changes must be made there too.",),
        steps=_steps("done", "done", "needs-on-premises", (G, G, W), 6),
        approval=replace(
            CONFIRM,
            title="Lock Patti Fernandez",
            state="approved",
            decided_by="Alex Wilber",
            decided_at=OPENED + timedelta(minutes=3),
        ),
        buttons=(UNDO,),
    ),
    "trouble": replace(
        OPEN,
        phase="Lock",
        age="12 min",
        next_step="An administrator: give IRBot the missing role, then press Lock account again.",
        lock="Not locked: one step failed, one is unknown",
        lock_tone=A,
        steps=_steps("failed", "unknown", "planned", (A, A, N), 6),
        approval=replace(CONFIRM, state="approved", decided_by="Alex Wilber", decided_at=OPENED + timedelta(minutes=3)),
        buttons=(LOCK,),
    ),
}
STATES = (
    *("done", "already-so", "accepted", "needs-on-premises", "not-evaluated", "skipped", "refused"),
    *("failed", "unknown", "undone", "running", "waiting", "planned", "planning", "ready", "open"),
    "watching",
)
STATE_TONES = dict(zip(STATES, (G, G, G, W, W, N, W, A, A, N, N, W, N, N, A, N, N), strict=True))
# Every step of the playbook in ordinary words: this must fit without cutting anything that needs eyes.
PLAYBOOK = (
    *("Identify the account", "Take a snapshot", "Preserve the mailbox", "Block sign-in", "Revoke sessions"),
    *("Scramble password", "Remove directory roles", "Mark as compromised", "Remove sign-in methods"),
    *("Disable devices", "Revoke app consents", "Remove inbox rules", "Remove forwarding", "Remove delegates"),
    *("Switch off mail protocols", "Review sign-ins", "Trace sent mail", "Check mail flow", "Check inbox rules"),
    *("Check forwarding", "Check delegates", "Check devices", "Review activity", "Assess exposure"),
    *("Contact the partner", "Purge phishing mail", "Warn colleagues", "Check updates", "Check the firewall"),
    *("Re-enable the account", "Unblock sending", "Watch for return", "Enforce MFA", "Switch off IMAP everywhere"),
    *("Educate users", "Recommend licences", "Review Secure Score"),
)
INCIDENTS["playbook"] = replace(
    INCIDENTS["locked"],
    phase="Evict",
    age="2 h 10 min",
    next_step="Alex Wilber: look at the two inbox rules that could not be removed.",
    next_tone=W,
    steps=tuple(
        StepLine(
            title,
            STATES[(number * 3) % len(STATES)] if number > 9 else "done",
            STATE_TONES[STATES[(number * 3) % len(STATES)]] if number > 9 else G,
            "Two of three are gone; one could not be removed.",
            "Alex Wilber",
            OPENED + timedelta(minutes=number),
        )
        for number, title in enumerate(PLAYBOOK)
    ),
)
INCIDENTS["largest"] = replace(
    OPEN,
    number="IR-99999",
    phase="Strengthen",
    subject=LARGE_PERSON,
    opened_by=LONG_NAME,
    age="29 days 23 h",
    next_step=LONG * 3,
    lock="Partly locked: " + LONG,
    steps=tuple(
        StepLine(
            f"{number}. {LONG[:70]}",
            STATES[number % len(STATES)],
            STATE_TONES[STATES[number % len(STATES)]],
            LONG * 3,
            LONG_NAME,
            OPENED + timedelta(minutes=number),
        )
        for number in range(35)
    ),
    changes=tuple(ChangeLine(LONG[:70], f"{number} {LONG}", LONG * 2, LONG * 2, LONG) for number in range(120)),
    warnings=tuple(f"{number} {LONG}" for number in range(12)),
    approval=LARGE_APPROVAL,
    buttons=(LOCK_NOW, APPROVE, REFUSE, CANCEL, UNDO),
    notice=LONG * 2,
    refresh_for=tuple(f"29:1{number:084d}" for number in range(60)),
)
# The largest that is not asking for a decision: the changes and most steps are folded.
INCIDENTS["largest-settled"] = replace(
    INCIDENTS["largest"],
    approval=replace(LARGE_APPROVAL, state="approved", decided_by=LONG_NAME, decided_at=OPENED),
    notice=None,
)
INCIDENTS["hostile"] = replace(
    OPEN,
    subject=PersonLine(HOSTILE[0], HOSTILE[7], object_id(9), HOSTILE[1], HOSTILE[2], (HOSTILE[3], HOSTILE[4])),
    opened_by=HOSTILE[3],
    steps=tuple(StepLine("Inbox rule", "failed", A, value, HOSTILE[3], OPENED) for value in HOSTILE),
    changes=tuple(ChangeLine("Inbox rules", value, value, value, "Can be undone.") for value in HOSTILE),
    warnings=HOSTILE,
    approval=replace(CONFIRM, title=HOSTILE[5], requester=HOSTILE[2], waiting_for=HOSTILE),
    buttons=(LOCK_NOW, CANCEL),
)

APPROVALS = {
    "smallest": ApprovalView(
        incident_number="IR-0001",
        subject=BARE,
        approval=replace(CONFIRM, title="Lock svc", state="expired", expires_at=None, waiting_for=()),
        changes=(),
        notice="Nobody decided in time. Nothing was changed.",
    ),
    "waiting": ApprovalView(
        incident_number="IR-0007",
        subject=ISAIAH,
        approval=SECOND_PERSON,
        changes=CHANGES,
        warnings=INCIDENTS["second-person"].warnings,
        buttons=(REFUSE, APPROVE),
    ),
    "approved": ApprovalView(
        incident_number="IR-0007",
        subject=ISAIAH,
        approval=replace(
            SECOND_PERSON, state="approved", decided_by="Adele Vance", decided_at=OPENED + timedelta(minutes=6)
        ),
        changes=CHANGES,
        notice="Thank you. IRBot is locking the account; the incident's card shows how it goes.",
    ),
    "void": ApprovalView(
        incident_number="IR-0007",
        subject=ISAIAH,
        approval=replace(SECOND_PERSON, state="void"),
        changes=CHANGES,
        notice="The account changed after this was asked for. Ask again, so that you decide on what is true now.",
    ),
    "largest": ApprovalView(
        incident_number="IR-99999",
        subject=LARGE_PERSON,
        approval=LARGE_APPROVAL,
        changes=INCIDENTS["largest"].changes,
        warnings=INCIDENTS["largest"].warnings,
        buttons=(APPROVE, REFUSE),
        notice=LONG * 3,
    ),
}
