"""Samples of the setup card and of the word about a change."""

from __future__ import annotations

from dataclasses import replace

from cards.setup_views import Removable, RemovalLine, SetField, SetLine, SetupNewsView, SetupView
from cards.views import ButtonStyle
from tools.gallery.cast import HOSTILE, LONG, LONG_NAME, OPENED, N, W, button

_APPROVE = button("Take off the list", "setup.approve", ButtonStyle.DESTRUCTIVE)
_KEEP = button("Keep on the list", "setup.refuse")
_ENVIRONMENT, _HERE = "From the environment", "Set here by Nestor Wilke"
_REMOVAL = RemovalLine("Take Megan Bowen (megan@contoso.com) off the VIP list", "Nestor Wilke", OPENED)
_FIELDS = (
    SetField("vip", "VIPs to add", "megan@contoso.com, patti@contoso.com", several=True),
    SetField("break-glass", "Break-glass accounts to add", "emergency@contoso.com", several=True),
    SetField("helpdesk", "Whom people ask. Write none to take it away", "the helpdesk, extension 4000"),
    SetField("time-zone", "Time zone. Write none to take it away", "Europe/Berlin"),
    SetField("quiet-hours", "Quiet hours. Write none to take them away", "22-06"),
)
_USUAL = SetupView(
    missing=("No break-glass account is named.", "Only one person can approve: name a second one."),
    lines=(
        SetLine("Incident channel", "19:5a1f0c@thread.tacv2 (this channel)", _HERE),
        SetLine("Helpdesk", "the helpdesk, extension 4000", _ENVIRONMENT),
        SetLine("Time zone", "Europe/Berlin", _HERE),
        SetLine("Quiet hours", "none", "Not set"),
    ),
    protected=(
        SetLine("VIP", "Patti Fernandez (patti@contoso.com)", _HERE),
        SetLine("VIP group", "0b6e5a3c-91d2-4f0e-8a77-000000000044", _ENVIRONMENT),
    ),
    roles=(
        SetLine("Responders", "12 can act", "May open incidents, and ask for and confirm steps."),
        SetLine("Approvers", "1 can act", "May decide as the second person."),
        SetLine("Communicators", "3 can act", "May prepare warnings and lessons."),
        SetLine("Administrators", "2 can act", "May configure IRBot and stop its work."),
    ),
    partners=("Northwind IT (msp)", "Woodgrove Bank (bank)"),
    fields=_FIELDS,
    save=button("Save", "setup.save", ButtonStyle.POSITIVE),
    channel=button("Use this channel", "setup.channel"),
    removable=(Removable("vip:1", "Patti Fernandez (patti@contoso.com), VIP"),),
    remove=button("Ask to take off", "setup.remove", ButtonStyle.DESTRUCTIVE),
    remove_input="who",
)
SETUPS = {
    "smallest": SetupView(),
    "usual": _USUAL,
    "waiting": replace(
        _USUAL, removals=(replace(_REMOVAL, buttons=(_APPROVE, _KEEP)),), notice="Saved: VIP Patti Fernandez."
    ),
    "largest": replace(
        _USUAL,
        missing=(LONG,) * 9,
        protected=tuple(SetLine("VIP", f"{LONG_NAME} {number}", _HERE) for number in range(60)),
        removals=(replace(_REMOVAL, what=LONG * 3, buttons=(_APPROVE, _KEEP)),) * 30,
        partners=(LONG_NAME,) * 20,
        removable=tuple(Removable(f"vip:{number}", LONG_NAME) for number in range(60)),
    ),
    "hostile": replace(
        _USUAL,
        lines=tuple(SetLine("Helpdesk", text, text) for text in HOSTILE),
        protected=tuple(SetLine("VIP", text, _HERE) for text in HOSTILE),
        removals=tuple(replace(_REMOVAL, what=text, asked_by=text) for text in HOSTILE),
        partners=HOSTILE,
        removable=tuple(Removable(f"vip:{number}", text) for number, text in enumerate(HOSTILE)),
        notice=HOSTILE[0],
    ),
}
_NEWS = SetupNewsView("Setup changed", "Added to the VIP list: Megan Bowen (megan@contoso.com)", "Nestor Wilke", OPENED)
SETUP_NEWS = {
    "smallest": SetupNewsView("Setup changed", "Helpdesk is no longer set here.", "Nestor Wilke", OPENED),
    "added": _NEWS,
    "asked": replace(
        _NEWS,
        title="Take somebody off the VIP list?",
        text="Megan Bowen (megan@contoso.com) stays protected until another administrator agrees.",
        tone=W,
        buttons=(_APPROVE, _KEEP),
    ),
    "largest": replace(_NEWS, title=LONG * 3, text=LONG * 9, by=LONG_NAME, tone=W, buttons=(_APPROVE, _KEEP)),
    "hostile": replace(_NEWS, title=HOSTILE[1], text=" ".join(HOSTILE), by=HOSTILE[2], tone=N),
}
