"""Talk to the owner: whether it is really them is for a person to hear, and they should not learn it from a screen."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import HumanTask

TASK = HumanTask(
    id="talk-to-owner",
    seed=(),
    phase=Phase.RECOVER,
    title="Talk to the owner",
    why="A new way in goes to the right person only, and they know what was done in their name.",
    instructions=(
        "Call a number that you know already, or meet. Mail and chat of this account do not count.",
        "Make sure that it is them: ask what only they and you know.",
        "Say what happened, without blame, and what was done in their name.",
        "Ask where else they use this password, and have it changed there.",
        "Ask what they clicked, approved or installed of late, and write it into the note.",
    ),
    may_run=Permission.ACCOUNT_CONTAIN,
)
