"""Educate users: a short lesson with one question, by a dialog with a second person's yes."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Guided

GUIDED = Guided(
    id="educate-users",
    seed=(13,),
    phase=Phase.STRENGTHEN,
    title="Teach people what happened",
    why="What people have seen themselves, they remember. One minute, one question, nobody is graded.",
    opens="lesson.open",
    needs=("User.Read.All", "GroupMember.Read.All", "MailboxSettings.Read"),
    may_run=Permission.BLAST_SEND,
    button="Send a lesson…",
)
