"""Samples of a person's home and of the welcome to a team."""

from __future__ import annotations

from dataclasses import replace

from cards.home_views import HomeLine, HomeView, WelcomeView
from cards.views import ButtonStyle, CommandLine
from tools.gallery.cast import HOSTILE, LONG, LONG_NAME, OPENED, A, G, W, button

_LOOK = button("Look and decide…", "home.open", ButtonStyle.POSITIVE)
_SHOW = button("Show", "home.open")
_AGAIN = button("Look again", "home.show")
_SET_UP = button("Set up…", "setup.show")
_COMMANDS = (
    CommandLine("compromise <user>", "Open an incident about an account and prepare to lock it. In a team channel."),
    CommandLine("status [incident]", "Show where an incident stands."),
    CommandLine("help", "Show what you can ask for."),
)
_USUAL = HomeView(
    "IRBot",
    decisions=(
        HomeLine(
            "Remove what the intruder left in the account of Megan Bowen",
            "IR-0007 · asked for by Alex Wilber",
            "valid until",
            OPENED,
            A,
            (_LOOK,),
        ),
    ),
    tasks=(
        HomeLine("Talk to the owner", "IR-0007 · Megan Bowen", "due", OPENED, buttons=(button("Show the task", "x"),)),
        HomeLine("Call the partners", "IR-0006 · Lee Gu", "overdue since", OPENED, A, (button("Show the task", "x"),)),
    ),
    untaken=3,
    incidents=(
        HomeLine("IR-0007 · Megan Bowen", "Waiting for an approver to decide.", "opened", OPENED, A, (_SHOW,)),
        HomeLine("IR-0006 · Lee Gu", "Everything is done or decided.", "opened", OPENED, G, (_SHOW,)),
    ),
    more_incidents=2,
    roles=("Responder: Open incidents, and ask for and confirm steps.", "Approver: Decide as the second person."),
    commands=_COMMANDS,
    buttons=(_AGAIN,),
)
HOMES = {
    "smallest": HomeView("IRBot", note="You have no role here, so there is nothing to do.", commands=_COMMANDS[2:]),
    "quiet": replace(_USUAL, decisions=(), tasks=(), untaken=0, incidents=(), more_incidents=0),
    "usual": _USUAL,
    "administrator": HomeView(
        "IRBot",
        hello=True,
        missing=("No incident channel: risks, alerts and reports reach nobody.", "No break-glass account is named."),
        roles=("Administrator: Configure IRBot and stop its work.",),
        commands=_COMMANDS,
        buttons=(_AGAIN, _SET_UP),
    ),
    "unknown": replace(_USUAL, unknown="compomise megan", stopped="All work was stopped by Nestor Wilke."),
    "largest": replace(
        _USUAL,
        bot_name=LONG_NAME,
        unknown=LONG * 20,
        note=LONG * 3,
        stopped=LONG * 3,
        decisions=(HomeLine(LONG * 3, LONG * 3, "valid until", OPENED, W, (_LOOK,)),) * 20,
        tasks=(HomeLine(LONG * 3, LONG_NAME, "due", OPENED, A, (_SHOW,)),) * 20,
        incidents=(HomeLine(LONG_NAME, LONG * 3, "opened", OPENED, A, (_SHOW,)),) * 20,
        more_incidents=1234,
        missing=(LONG * 2,) * 9,
        roles=(LONG,) * 4,
        commands=tuple(CommandLine(LONG, LONG * 3) for _ in range(30)),
        buttons=(_AGAIN, _SET_UP),
    ),
    "hostile": replace(
        _USUAL,
        unknown=HOSTILE[0],
        decisions=tuple(HomeLine(text, text, "valid until", OPENED, A, (_LOOK,)) for text in HOSTILE),
        tasks=tuple(HomeLine(text, text, "due", OPENED) for text in HOSTILE),
        incidents=tuple(HomeLine(text, text, "opened", OPENED, W) for text in HOSTILE),
        stopped=HOSTILE[1],
    ),
}
WELCOMES = {
    "smallest": WelcomeView("IRBot"),
    "unready": WelcomeView("IRBot", ready=False, buttons=(_SET_UP,)),
    "largest": WelcomeView(LONG_NAME, ready=False, buttons=(_SET_UP,)),
}
