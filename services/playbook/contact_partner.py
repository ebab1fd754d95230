"""Contact partner: whoever helps the organisation hears of it early: provider, insurer, lawyers, bank."""

from __future__ import annotations

from services.access import Permission
from services.incidents.model import Phase
from services.playbook.step import Guided

GUIDED = Guided(
    id="contact-partner",
    seed=(2,),
    phase=Phase.INFORM,
    title="Tell the partners",
    why="Your provider, insurer, lawyers and bank can help most when they hear of it early.",
    opens="partners.open",
    needs=("Mail.Send", "Mail.ReadBasic.All", "Mail.Read"),
    may_run=Permission.ACCOUNT_CONTAIN,
    button="Contact…",
)
