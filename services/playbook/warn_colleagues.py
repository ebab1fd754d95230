"""Warn everybody who got the intruder's mail, inside and outside: a dialog with a second person's yes."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Guided

GUIDED = Guided(
    id="warn-colleagues",
    seed=(5,),
    phase=Phase.INFORM,
    title="Warn those who got the mail",
    why="They trust the sender. Warned in time, they do not open it, or say that they did.",
    opens="warn.open",
    needs=(
        "User.Read.All",
        "GroupMember.Read.All",
        "Mail.ReadBasic.All",
        "MailboxSettings.Read",
    ),
    may_run=Permission.BLAST_SEND,
    button="Warn…",
)
